//! How many of something peers may have at once: each of them, and all together.
//!
//! Used for streams and for requests under way. Peer ids cost nothing, so it is the total that protects the node; the
//! share of one peer protects the others from a greedy one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::PeerId;

/// Counts what is held.
#[derive(Debug)]
pub(crate) struct Quota {
    per_peer: usize,
    total: usize,
    held: Mutex<Held>,
}

/// What is held now. A peer that holds nothing has no entry.
#[derive(Debug, Default)]
struct Held {
    by_peer: BTreeMap<PeerId, usize>,
    total: usize,
}

/// One of the things counted, until dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    quota: Arc<Quota>,
    peer: PeerId,
}

impl Quota {
    /// At most `per_peer` for one, `total` for all.
    pub(crate) fn new(per_peer: usize, total: usize) -> Arc<Self> {
        Arc::new(Self { per_peer, total, held: Mutex::default() })
    }

    /// Counts one more for `peer`, if there is room.
    pub(crate) fn admit(self: &Arc<Self>, peer: PeerId) -> Option<Ticket> {
        let mut held = self.lock();
        if held.total >= self.total || held.by_peer.get(&peer).is_some_and(|count| *count >= self.per_peer) {
            return None;
        }
        held.total += 1;
        *held.by_peer.entry(peer).or_default() += 1;
        drop(held);
        Some(Ticket { quota: Arc::clone(self), peer })
    }

    /// How many are held by all.
    pub(crate) fn held(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing that can panic runs under this lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.quota.lock();
        held.total = held.total.saturating_sub(1);
        if let Some(count) = held.by_peer.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_and_all_of_them_have_a_limit() {
        let quota = Quota::new(2, 3);
        let (greedy, modest) = (PeerId::random(), PeerId::random());
        let first = quota.admit(greedy).unwrap();
        let second = quota.admit(greedy).unwrap();
        assert!(quota.admit(greedy).is_none());
        let third = quota.admit(modest).unwrap();
        assert!(quota.admit(PeerId::random()).is_none());

        drop(first);
        assert!(quota.admit(greedy).is_some());
        drop((second, third));
        assert_eq!(quota.held(), 0);
        assert!(quota.lock().by_peer.is_empty(), "peers that hold nothing leave no trace");
    }
}
