//! Which nodes there are, and which of them is asked now.
//!
//! One node is used until somebody says that it is of no use. Then the next in the list has its turn, and the
//! connection to the first is let go: what still waits on it for an answer keeps it until then.

use std::collections::BTreeSet;

use colony_protocol::identity::Digest;
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
    /// Who was last found to be somebody's by lot, among how many.
    drawn: Option<(PeerId, usize)>,
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

    /// The node that is this peer's by lot, if its turn has not come and it was not drawn among the same before.
    pub(super) fn draw(&mut self, me: &PeerId) -> Option<(PeerId, Vec<Multiaddr>)> {
        let known = self.list.iter().filter_map(|node| Some((node.peer?, node)));
        let (peer, node) = known.min_by_key(|(peer, _)| lot(me, peer))?;
        let drawn = Some((peer, self.list.len()));
        let is_current = self.list.get(self.current).is_some_and(|node| node.peer == Some(peer));
        if is_current || self.drawn == drawn {
            return None;
        }
        let addresses = node.addresses.clone();
        self.drawn = drawn;
        Some((peer, addresses))
    }

    /// Gives a node its turn.
    pub(super) fn turn_to(&mut self, peer: &PeerId) {
        let Some(place) = self.list.iter().position(|node| node.peer.as_ref() == Some(peer)) else { return };
        if place != self.current {
            if let Some(node) = self.list.get_mut(self.current) {
                node.way = None;
            }
            self.current = place;
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

/// A node's place in one peer's order of nodes: each peer has an order of its own.
fn lot(me: &PeerId, node: &PeerId) -> Digest {
    Digest::of(&[&me.to_bytes(), &node.to_bytes()])
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

    #[test]
    fn each_peer_draws_a_node_and_all_nodes_are_drawn_about_as_often() {
        let all: Vec<PeerId> = (0..3).map(|_| PeerId::random()).collect();
        let mut drawn = [0; 3];
        for _ in 0..300 {
            let mut nodes = Nodes::default();
            let me = PeerId::random();
            nodes.learn(all.iter().map(|peer| address(1, Some(*peer))).collect());
            let lot = nodes.draw(&me).map(|(peer, _)| peer);
            // The first has its turn in any case.
            assert!(lot != Some(all[0]));
            // Whoever could not be reached is not tried again and again.
            assert_eq!(nodes.draw(&me), None);
            if let Some(peer) = lot {
                nodes.turn_to(&peer);
            }
            drawn[nodes.current] += 1;
        }
        assert!(drawn.iter().all(|count| *count > 50), "{drawn:?}");
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
