//! Requests for a change that were seen before.
//!
//! A message of ColonyOS carries neither a number nor a time, so whoever records one can send it again, and whoever means
//! the same twice sends the same bytes twice: a program that submits ten equal pieces of work makes ten equal requests.
//! The two are told apart by where they come from. Within [`WINDOW`] the same bytes may be sent again from the address that
//! sent them first, and from no other. Questions and asks for work change nothing that the asker does not get, and pass.
//!
//! What it does not do: stop one who sends from the client's own address, or who waits until the window is over, or who asks
//! another node. TLS does.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use colony_protocol::{colonyos::Fault, identity::Digest};

/// How long a request is remembered: as long as a native one may live.
pub(super) const WINDOW: Duration = Duration::from_secs(600);
/// Most requests remembered, 12 MB; the oldest make room.
const REMEMBERED_MAX: usize = 100_000;

/// What was asked lately, and from where.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    first: BTreeMap<Digest, (IpAddr, Duration)>,
    order: VecDeque<(Digest, Duration)>,
}

impl Replays {
    /// Remembers a request, told by what was signed.
    ///
    /// # Errors
    /// [`Fault`] 409 if it is known from another address.
    pub(super) fn note(&self, digest: Digest, from: IpAddr, now: Duration) -> Result<(), Fault> {
        // Nothing that can panic runs under this lock.
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget(now);
        match memory.first.get(&digest) {
            Some((first, _)) if *first != from => Err(Fault::new(
                409,
                "this very request came from another address a short while ago: it may have been recorded; sign it anew",
            )),
            Some(_) => Ok(()),
            None => {
                memory.first.insert(digest, (from, now));
                memory.order.push_back((digest, now));
                Ok(())
            }
        }
    }
}

impl Memory {
    fn forget(&mut self, now: Duration) {
        while let Some((digest, at)) = self.order.front().copied()
            && (now.saturating_sub(at) > WINDOW || self.order.len() >= REMEMBERED_MAX)
        {
            self.order.pop_front();
            self.first.remove(&digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn request(number: usize) -> Digest {
        Digest::of(&[&number.to_be_bytes()])
    }

    #[test]
    fn what_was_recorded_is_refused_from_elsewhere_and_what_is_meant_twice_is_not() {
        let replays = Replays::default();
        assert!(replays.note(request(1), HERE, Duration::ZERO).is_ok());
        assert!(replays.note(request(1), HERE, Duration::ZERO).is_ok());
        assert_eq!(replays.note(request(1), THERE, WINDOW).unwrap_err().status, 409);
        assert!(replays.note(request(2), THERE, WINDOW).is_ok());
        assert!(replays.note(request(1), THERE, WINDOW + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn requests_without_end_take_no_memory_without_end() {
        let replays = Replays::default();
        for number in 0..2 * REMEMBERED_MAX {
            replays.note(request(number), HERE, Duration::ZERO).unwrap();
        }
        let memory = replays.0.lock().unwrap();
        assert!(memory.first.len() <= REMEMBERED_MAX && memory.order.len() <= REMEMBERED_MAX);
    }
}
