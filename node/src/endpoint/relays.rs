//! Nodes a member without a replica has heard of, as those that may relay for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::{Multiaddr, PeerId};

use crate::{
    net::calls::peer_in,
    reach::{Candidate, Relays},
};

/// Most nodes remembered: more than any colony has.
const NODES_MAX: usize = 64;
/// Most addresses of one node.
const ADDRESSES_MAX: usize = 32;

/// Nodes, and where they are dialled.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<BTreeMap<PeerId, Vec<Multiaddr>>>>);

impl Known {
    /// Nodes are at these addresses too. Those that do not say whose they are lead to nobody who could be asked again.
    pub(super) fn learn(&self, addresses: &[Multiaddr]) {
        let mut known = self.lock();
        for address in addresses {
            let Some(peer) = peer_in(address) else { continue };
            if known.len() >= NODES_MAX && !known.contains_key(&peer) {
                continue;
            }
            let of_peer = known.entry(peer).or_default();
            if of_peer.len() < ADDRESSES_MAX && !of_peer.contains(address) {
                of_peer.push(address.clone());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Vec<Multiaddr>>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relays for Known {
    fn known(&self) -> Vec<Candidate> {
        let known = self.lock();
        known.iter().map(|(peer, addresses)| Candidate::new(*peer, addresses.iter().cloned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_candidates_where_they_are_dialled_without_a_relay() {
        let (peer, known) = (PeerId::random(), Known::default());
        let of = |text: &str| text.parse::<Multiaddr>().unwrap().with_p2p(peer).unwrap();
        let through = format!("/ip4/11.0.0.9/tcp/1/p2p/{}/p2p-circuit", PeerId::random());
        let (near, far) = (of("/ip4/10.0.0.1/tcp/1"), of("/ip4/11.0.0.1/tcp/1"));
        let nobody = "/ip4/11.0.0.2/tcp/1".parse().unwrap();
        known.learn(&[near.clone(), far.clone(), of(&through), nobody, far.clone()]);
        assert_eq!(known.known(), [Candidate { peer, addresses: vec![far, near] }]);
        for _ in 0..2 * NODES_MAX {
            let stranger = PeerId::random();
            known.learn(&["/ip4/11.0.0.3/tcp/1".parse::<Multiaddr>().unwrap().with_p2p(stranger).unwrap()]);
        }
        assert_eq!(known.known().len(), NODES_MAX);
    }
}
