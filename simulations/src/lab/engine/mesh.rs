//! Who is whose neighbour in a colony's announcements.
//!
//! As gossipsub makes it: who has fewer neighbours than the lower bound takes in more, up to the usual number, from those
//! that have room; nobody keeps more than the upper bound. Or a topology that a scenario gives, for comparison.

use colony_protocol::announcement::mesh::{PEERS, PEERS_HIGH, PEERS_LOW};

use crate::{chance::Chance, lab::scenario::Topology};

/// Strangers looked at to find one with room.
const LOOKS: u32 = 64;

/// The listeners of a colony and their neighbours.
#[derive(Debug, Default)]
pub(super) struct Mesh {
    /// The node of each listener.
    pub(super) listeners: Vec<u32>,
    /// Whether it passes on what it hears: a false one does not.
    pub(super) honest: Vec<bool>,
    /// Its neighbours, as places in `listeners`.
    pub(super) neighbours: Vec<Vec<u32>>,
    /// Listeners that came or went since it was last put in order.
    pub(super) changes: usize,
    /// Whether gossipsub looks after it.
    tended: bool,
}

impl Mesh {
    pub(super) fn new(
        listeners: Vec<u32>,
        topology: Topology,
        degree: u16,
        edges: &[(u32, u32)],
        chance: &mut Chance,
    ) -> Self {
        let count = listeners.len();
        let mut mesh = Self {
            honest: vec![true; count],
            neighbours: vec![Vec::new(); count],
            listeners,
            changes: 0,
            tended: topology == Topology::Gossipsub,
        };
        let degree = usize::from(degree);
        match topology {
            Topology::Gossipsub => mesh.tend(chance, &|_| true),
            Topology::RandomRegular => mesh.fill(chance, degree, degree, &|_| true),
            Topology::BarabasiAlbert => mesh.attach(chance, degree.div_ceil(2)),
            Topology::File => {
                for (from, to) in edges {
                    if (*from as usize) < count && (*to as usize) < count && from != to {
                        mesh.join(*from, *to);
                    }
                }
            }
        }
        mesh
    }

    fn degree(&self, place: u32) -> usize {
        self.neighbours.get(place as usize).map_or(0, Vec::len)
    }

    fn join(&mut self, a: u32, b: u32) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(list) = self.neighbours.get_mut(one as usize)
                && !list.contains(&other)
            {
                list.push(other);
            }
        }
    }

    fn part(&mut self, a: u32, b: u32) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(list) = self.neighbours.get_mut(one as usize) {
                list.retain(|place| *place != other);
            }
        }
    }

    /// Puts it in order, as each node does every second: drops those that are gone, takes in new ones.
    pub(super) fn tend(&mut self, chance: &mut Chance, there: &dyn Fn(u32) -> bool) {
        for place in 0..self.listeners.len() as u32 {
            let node = self.listeners.get(place as usize).copied().unwrap_or_default();
            let gone = !there(node);
            for other in self.neighbours.get(place as usize).cloned().unwrap_or_default() {
                let other_node = self.listeners.get(other as usize).copied().unwrap_or_default();
                if gone || !there(other_node) {
                    self.part(place, other);
                }
            }
        }
        if self.tended {
            self.fill(chance, PEERS, PEERS_LOW, there);
        }
    }

    /// Gives everybody with fewer than `low` neighbours up to `wanted`.
    fn fill(&mut self, chance: &mut Chance, wanted: usize, low: usize, there: &dyn Fn(u32) -> bool) {
        let count = self.listeners.len() as u64;
        for place in 0..count as u32 {
            let here = self.listeners.get(place as usize).copied().unwrap_or_default();
            if self.degree(place) >= low || !there(here) {
                continue;
            }
            let mut looks = 0;
            while self.degree(place) < wanted && looks < LOOKS {
                looks += 1;
                let other = chance.below(count) as u32;
                let node = self.listeners.get(other as usize).copied().unwrap_or_default();
                if other != place && self.degree(other) < PEERS_HIGH.max(wanted) && there(node) {
                    self.join(place, other);
                }
            }
        }
    }

    /// Each newcomer joins `each` of those there, the more likely the more neighbours they have.
    fn attach(&mut self, chance: &mut Chance, each: usize) {
        let mut ends: Vec<u32> = vec![0];
        for place in 1..self.listeners.len() as u32 {
            for _ in 0..each {
                let other = chance.one_of(&ends).copied().unwrap_or_default();
                if other != place {
                    self.join(place, other);
                    ends.push(other);
                }
            }
            ends.push(place);
        }
    }

    /// False listeners, who take places and pass nothing on: each joins as many as it can.
    pub(super) fn infiltrate(&mut self, nodes: &[u32], chance: &mut Chance) {
        let honest = self.listeners.len() as u64;
        for node in nodes {
            let place = self.listeners.len() as u32;
            self.listeners.push(*node);
            self.honest.push(false);
            self.neighbours.push(Vec::new());
            for _ in 0..LOOKS {
                let other = chance.below(honest) as u32;
                if self.degree(other) < PEERS_HIGH && self.degree(place) < PEERS_HIGH {
                    self.join(place, other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(topology: Topology) -> Vec<usize> {
        let mut chance = Chance::new(3);
        let mesh = Mesh::new((0..200).collect(), topology, 5, &[(0, 1), (1, 2)], &mut chance);
        mesh.neighbours.iter().map(Vec::len).collect()
    }

    #[test]
    fn gossipsub_keeps_between_its_bounds() {
        assert!(degrees(Topology::Gossipsub).iter().all(|degree| (PEERS_LOW..=PEERS_HIGH).contains(degree)));
    }

    #[test]
    fn given_topologies_have_their_shape() {
        assert!(degrees(Topology::RandomRegular).iter().all(|degree| (5..=8).contains(degree)));
        assert!(degrees(Topology::BarabasiAlbert).iter().max().unwrap() > &15);
        assert_eq!(degrees(Topology::File)[..4], [1, 2, 1, 0]);
    }

    #[test]
    fn who_is_gone_is_replaced() {
        let mut chance = Chance::new(4);
        let mut mesh = Mesh::new((0..100).collect(), Topology::Gossipsub, 5, &[], &mut chance);
        let there = |node: u32| node >= 50;
        mesh.tend(&mut chance, &there);
        for (node, list) in mesh.neighbours.iter().enumerate() {
            assert!(list.iter().all(|other| there(*other)));
            assert_eq!(list.is_empty(), !there(node as u32));
        }
    }
}
