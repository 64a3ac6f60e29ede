//! The leases an executor holds, and the line over which each run learns that its own is over.
//!
//! A run registers its lease; the heartbeat moves its fence or rings its bell; whoever had the last word with the
//! colony about it releases it. Times are [`Runtime::elapsed`](crate::runtime::Runtime::elapsed): the fence must hold
//! even if the wall clock jumps.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::{command::LeaseRef, model::ProcessId, reply::LeaseStatus};
use tokio::sync::watch;

use super::stop::Stop;

/// What a run must know about its lease at any moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    /// When the work must have ended unless the lease is renewed before; `None` if it needs no renewal.
    pub(super) fence: Option<Duration>,
    /// Set once the work must end.
    pub(super) stop: Option<Stop>,
}

/// One held lease.
#[derive(Debug)]
struct Held {
    /// How far a renewal moves the fence; `None` if the lease needs none.
    heartbeat: Option<Duration>,
    /// Tells the run.
    bell: watch::Sender<Standing>,
}

/// All leases held by one executor.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<BTreeMap<(ProcessId, u64), Held>>);

impl Leases {
    /// Registers a lease until [`Self::release`]; `None` if it is held already.
    pub(super) fn hold(
        &self,
        lease: LeaseRef,
        heartbeat: Option<Duration>,
        fence: Option<Duration>,
    ) -> Option<watch::Receiver<Standing>> {
        let (bell, standing) = watch::channel(Standing { fence, stop: None });
        match self.table().entry((lease.process, lease.token)) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(Held { heartbeat, bell });
                Some(standing)
            }
        }
    }

    /// Forgets a lease.
    pub(super) fn release(&self, lease: LeaseRef) {
        self.table().remove(&(lease.process, lease.token));
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.table().is_empty()
    }

    /// All leases.
    pub(super) fn all(&self) -> Vec<LeaseRef> {
        self.table().keys().map(|&(process, token)| LeaseRef { process, token }).collect()
    }

    /// Takes in what the colony said about a lease in answer to a question asked at `asked`.
    pub(super) fn learn(&self, lease: LeaseRef, status: LeaseStatus, asked: Duration) {
        match status {
            LeaseStatus::Live(_) => self.renew(lease, asked),
            LeaseStatus::Cancelled => self.stop(lease, Stop::Cancelled),
            LeaseStatus::Lost => self.stop(lease, Stop::Lost),
        }
    }

    /// Tells a run that its work must end.
    pub(super) fn stop(&self, lease: LeaseRef, why: Stop) {
        if let Some(held) = self.table().get(&(lease.process, lease.token)) {
            held.bell.send_modify(|standing| standing.stop = standing.stop.or(Some(why)));
        }
    }

    fn renew(&self, lease: LeaseRef, asked: Duration) {
        if let Some(held) = self.table().get(&(lease.process, lease.token)) {
            // The colony counts from when it heard us, which is after we asked: our fence is the earlier one.
            let fence = held.heartbeat.map(|span| asked.saturating_add(span));
            held.bell.send_modify(|standing| standing.fence = fence);
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<(ProcessId, u64), Held>> {
        // Every change is one map operation: a panic elsewhere leaves the table whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(token: u64) -> LeaseRef {
        LeaseRef { process: ProcessId::from_bytes([7; 32]), token }
    }

    #[test]
    fn a_renewal_moves_the_fence_from_when_it_was_asked() {
        let leases = Leases::default();
        let beat = Some(Duration::from_secs(10));
        let standing = leases.hold(lease(1), beat, beat).unwrap();
        leases.learn(lease(1), LeaseStatus::Live(None), Duration::from_secs(7));
        assert_eq!(*standing.borrow(), Standing { fence: Some(Duration::from_secs(17)), stop: None });
    }

    #[test]
    fn the_first_reason_to_stop_stands() {
        let leases = Leases::default();
        let standing = leases.hold(lease(1), None, None).unwrap();
        leases.learn(lease(1), LeaseStatus::Cancelled, Duration::ZERO);
        leases.learn(lease(1), LeaseStatus::Lost, Duration::ZERO);
        assert_eq!(standing.borrow().stop, Some(Stop::Cancelled));
    }

    #[test]
    fn two_leases_of_one_process_are_told_apart() {
        let leases = Leases::default();
        let [old, new] = [1, 2].map(|token| leases.hold(lease(token), None, None).unwrap());
        assert!(leases.hold(lease(2), None, None).is_none());
        leases.stop(lease(1), Stop::Lost);
        assert_eq!((old.borrow().stop, new.borrow().stop), (Some(Stop::Lost), None));
        leases.release(lease(1));
        assert_eq!(leases.all(), [lease(2)]);
    }
}
