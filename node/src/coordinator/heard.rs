//! Who was heard without a command of theirs entering the log: executors that only asked for work or put a question.
//!
//! An executor that talks to us is alive, so its leases must not lapse. Its identity goes along with the next entry,
//! and an entry that lets a deadline fire first renews the leases of all who were heard: so nobody who was heard in
//! time loses a lease, and hearing somebody costs no entry of its own.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use colony_protocol::identity::Identity;

/// Most identities remembered between two entries: as many as executors may wait for work.
const HEARD_MAX: usize = 10_000;

/// Who was heard since the last entry.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeSet<Identity>>);

impl Heard {
    /// Remembers that a member was heard. The caller has checked that it is one.
    pub(super) fn add(&self, by: Identity) {
        let mut heard = self.lock();
        if heard.len() < HEARD_MAX {
            heard.insert(by);
        }
    }

    /// Takes all, in order of identity.
    pub(super) fn take(&self) -> BTreeSet<Identity> {
        std::mem::take(&mut *self.lock())
    }

    /// True if nobody was.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Identity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
