//! Which nodes there are, and which of them is asked now.
//!
//! One node is used until somebody says that it is of no use. Then the next in the list has its turn, and the
//! connection to the first is let go: what still waits on it for an answer keeps it until then.

use std::collections::BTreeSet;

use libp2p::{Multiaddr, PeerId};

use super::{Means, way::Way};
use crate::{net::calls::peer_in, runtime::Runtime};

/// Most nodes a client remembers: more than any colony has.
const NODES_MAX: usize = 64;
/// Most addresses of one node it remembers.
const ADDRESSES_MAX: usize = 32;

/// The nodes a client knows.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    list: Vec<Node>,
    /// Whose turn it is.
    current: usize,
}

/// One of them.
#[derive(Debug)]
struct Node {
    /// Who it is; not known of those whose address does not say.
    peer: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    /// The way to it, once it is used.
    way: Option<Way>,
}

impl Node {
    /// Whether it is this peer. Behind each address that names none stands somebody else: were they one, a silent one
    /// would keep us from the others.
    fn is_at(&self, peer: Option<PeerId>, address: &Multiaddr) -> bool {
        self.peer == peer && (peer.is_some() || self.addresses.contains(address))
    }

    fn learn(&mut self, address: Multiaddr) {
        if self.addresses.len() < ADDRESSES_MAX && !self.addresses.contains(&address) {
            self.addresses.push(address);
            // The next call goes by all addresses.
            self.way = None;
        }
    }
}

impl Nodes {
    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds addresses of known and of new nodes.
    pub(super) fn learn(&mut self, addresses: Vec<Multiaddr>) {
        for address in addresses {
            let peer = peer_in(&address);
            let room = self.list.len() < NODES_MAX;
            match self.list.iter_mut().find(|node| node.is_at(peer, &address)) {
                Some(node) => node.learn(address),
                None if room => {
                    self.list.push(Node { peer, addresses: vec![address], way: None });
                }
                None => {}
            }
        }
    }

    /// The node whose turn it is, or the next after it that was not tried.
    pub(super) fn next(
        &mut self,
        tried: &BTreeSet<usize>,
        means: &Means,
        runtime: &Runtime,
    ) -> Option<(usize, Way)> {
        let count = self.list.len();
        let turns = (0..count).map(|turn| (self.current + turn) % count);
        let place = turns.into_iter().find(|place| !tried.contains(place))?;
        let node = self.list.get_mut(place)?;
        let way = node.way.get_or_insert_with(|| Way::new(node.addresses.clone(), means.clone(), runtime));
        Some((place, way.clone()))
    }

    /// Gives another node its turn, if it was this one's.
    pub(super) fn leave(&mut self, place: usize) {
        if self.current == place && self.list.len() > 1 {
            self.current = (place + 1) % self.list.len();
            if let Some(node) = self.list.get_mut(place) {
                node.way = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use libp2p::multiaddr::Protocol;

    use super::{super::Mode, *};
    use crate::runtime::Tokio;

    fn address(port: u16, peer: Option<PeerId>) -> Multiaddr {
        let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
        match peer {
            Some(peer) => address.with(Protocol::P2p(peer)),
            None => address,
        }
    }

    #[tokio::test]
    async fn each_node_has_its_turn_and_each_address_without_a_peer_is_a_node() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let mut nodes = Nodes::default();
        nodes.learn(vec![address(1, Some(one)), address(2, Some(one)), address(3, Some(other))]);
        assert_eq!(nodes.len(), 2);
        nodes.learn(vec![address(4, None), address(5, None), address(1, Some(one)), address(4, None)]);
        assert_eq!(nodes.len(), 4);

        let runtime = Runtime::new(Tokio::new());
        let mut tried = BTreeSet::new();
        for expected in [0, 1, 2, 3] {
            let (place, _) = nodes.next(&tried, &Means::Own(Mode::default()), &runtime).unwrap();
            assert_eq!(place, expected);
            tried.insert(place);
        }
        assert!(nodes.next(&tried, &Means::Own(Mode::default()), &runtime).is_none());

        // Said twice, it counts once.
        nodes.leave(0);
        nodes.leave(0);
        assert_eq!(nodes.current, 1);
        nodes.leave(1);
        nodes.leave(2);
        nodes.leave(3);
        assert_eq!(nodes.current, 0);
    }
}
