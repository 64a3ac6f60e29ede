//! How often a peer may do what, by class.
//!
//! The rates are far above what an honest member does at full load: they keep one that has gone wrong, or was stolen,
//! from taking the place of the others. Requests are counted for whoever signed them, not for whoever delivered them: a
//! member passes on the requests of many.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::gcra::{Limiter, Rate};

/// Keys that may be busy in one class at once: as many as a large colony has members.
const KEYS_MAX: usize = 65_536;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Asking for work, and saying that one is there.
    Assign,
    /// Reporting and closing work.
    Close,
    /// Submitting work.
    Submit,
    /// Asking a question.
    Query,
    /// Everything else a member may change.
    Manage,
    /// Joining with a ticket.
    Join,
    /// Opening long-lived streams.
    Stream,
    /// Messages of gossip.
    Gossip,
    /// Questions and records of Kademlia.
    Kademlia,
}

impl Class {
    /// In the words of a person.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Assign => "requests for work",
            Self::Close => "reports",
            Self::Submit => "submissions",
            Self::Query => "questions",
            Self::Manage => "changes",
            Self::Join => "attempts to join",
            Self::Stream => "streams",
            Self::Gossip => "announcements",
            Self::Kademlia => "requests of the address table",
        }
    }

    /// How often one key may.
    #[must_use]
    pub const fn rate(self) -> Rate {
        match self {
            // One machine submits and takes some thousands a second at most on one colony's log.
            Self::Assign | Self::Close | Self::Submit | Self::Query => Rate::per_second(20_000, 40_000),
            Self::Manage => Rate::per_second(1_000, 5_000),
            // A person types it; a script that starts a rack of machines behind one address is served in minutes.
            Self::Join => Rate::per_second(5, 100),
            // A client keeps one; the burst is for those who lost many at once.
            Self::Stream => Rate::per_second(20, 200),
            // The coordinator publishes a few a second and every node passes them on.
            Self::Gossip => Rate::per_second(200, 1_000),
            // A walk through the table asks each node a few times.
            Self::Kademlia => Rate::per_second(50, 250),
        }
    }
}

/// What each key did lately.
#[derive(Debug)]
pub(crate) struct Rates<K>(Mutex<BTreeMap<Class, Limiter<K>>>);

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Rates<K> {
    /// Counts one more of a class.
    ///
    /// # Errors
    /// How long to wait before the next.
    pub(crate) fn take(&self, key: K, class: Class, now: Duration) -> Result<(), Duration> {
        self.lock().entry(class).or_insert_with(|| Limiter::new(class.rate(), KEYS_MAX)).take(key, now)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Class, Limiter<K>>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_keys_are_counted_apart() {
        let rates = Rates::default();
        let joins = (0..1_000).filter(|_| rates.take(1, Class::Join, Duration::ZERO).is_ok()).count();
        assert_eq!(joins, 100);
        assert!(rates.take(2, Class::Join, Duration::ZERO).is_ok());
        assert!(rates.take(1, Class::Query, Duration::ZERO).is_ok());
        let wait = rates.take(1, Class::Join, Duration::ZERO).unwrap_err();
        assert!(rates.take(1, Class::Join, wait).is_ok());
    }
}
