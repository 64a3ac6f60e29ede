//! What lies between nodes: delays, lost packets, bandwidth, NATs, relays, partitions.
//!
//! Streams carry everything, so a lost packet costs time and never a message; a message is lost only when its receiver is
//! gone, or behind a partition, when it would arrive.

use super::{
    World,
    node::{Behind, Protocol},
};
use crate::lab::{amounts::WHOLE, dice};

/// Before a lost packet is sent again, at least: what TCP and QUIC implementations use.
const RETRANSMIT_MIN: u64 = 200_000;
/// Packets of one message that are lost in a row, at most: then the connection is as good as cut, which is not modelled.
const LOST_MAX: u32 = 6;

/// How two nodes are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Path {
    /// One dialled the other.
    Direct,
    /// Through a hole in both NATs.
    Punched,
    /// By way of this node.
    Relayed(u32),
}

impl World {
    /// How two nodes are connected, if they can be at all now.
    pub(super) fn path(&self, a: u32, b: u32) -> Option<Path> {
        let (one, other) = (self.node(a)?, self.node(b)?);
        let together = one.up && other.up && one.contact && other.contact && one.side == other.side;
        if !together {
            return None;
        }
        // A node with contact windows reaches its colony's stations in them, and no one else.
        match (one.behind, other.behind) {
            (Behind::Open, _) | (_, Behind::Open) => Some(Path::Direct),
            (Behind::Cone, Behind::Cone) => {
                let pair = dice::hash(self.seed, u64::from(a.min(b)), u64::from(a.max(b)));
                if pair % u64::from(WHOLE) < u64::from(self.plan.scenario.network.punch.0) {
                    Some(Path::Punched)
                } else {
                    self.relay(a, b)
                }
            }
            _ => self.relay(a, b),
        }
    }

    /// The living relay that makes the way shortest.
    fn relay(&self, a: u32, b: u32) -> Option<Path> {
        let (from, to) = (self.node(a)?, self.node(b)?);
        let living = self.relays.iter().filter(|relay| {
            self.node(**relay).is_some_and(|node| node.up && node.contact && node.side == from.side)
        });
        let way = |relay: &u32| {
            let region = self.node(*relay).map_or(0, |node| node.region);
            let matrix = &self.plan.files.matrix;
            // Among equals each pair has its own, so that load spreads.
            let lot = dice::hash(self.seed, u64::from(*relay), u64::from(a ^ b));
            (matrix.one_way(from.region, region) + matrix.one_way(region, to.region), lot)
        };
        living.min_by_key(|relay| way(relay)).map(|relay| Path::Relayed(*relay))
    }

    /// How long `bytes` take from one node to another; `None` if they cannot reach each other now. Counts the bytes.
    pub(super) fn carry(&mut self, from: u32, to: u32, bytes: u64, protocol: Protocol) -> Option<u64> {
        let path = self.path(from, to)?;
        let mut delay = match path {
            Path::Direct | Path::Punched => self.hop(from, to, bytes),
            Path::Relayed(relay) => {
                if let Some(node) = self.node_mut(relay) {
                    node.sent[Protocol::Relaying as usize] += bytes;
                    node.received += 1;
                }
                self.hop(from, relay, bytes) + self.hop(relay, to, bytes)
            }
        };
        self.measure.paths[match path {
            Path::Direct => 0,
            Path::Punched => 1,
            Path::Relayed(_) => 2,
        }] += 1;
        if let Some(node) = self.node_mut(from) {
            node.sent[protocol as usize] += bytes;
        }
        if let Some(node) = self.node_mut(to) {
            node.received += 1;
        }
        let loss = self.plan.scenario.network.loss;
        let again = RETRANSMIT_MIN.max(delay.saturating_mul(2));
        let mut lost = 0;
        while lost < LOST_MAX && dice::happens(&mut self.chance, loss) {
            delay += again << lost;
            lost += 1;
        }
        self.measure.messages += 1;
        Some(delay.max(1))
    }

    /// One hop: light, the random part, and the time bytes take through the narrower of two ends.
    fn hop(&mut self, from: u32, to: u32, bytes: u64) -> u64 {
        let (Some(one), Some(other)) = (self.node(from), self.node(to)) else { return 0 };
        let light = self.plan.files.matrix.one_way(one.region, other.region);
        let narrow = u64::from(one.up_rate.min(other.down_rate)).max(1);
        let through = bytes.saturating_mul(8_000) / narrow;
        let mean = light.saturating_mul(u64::from(self.plan.scenario.network.jitter.0)) / u64::from(WHOLE);
        light + through + self.random_part(mean)
    }

    /// About exponential, from a table: this is drawn for every message there is.
    fn random_part(&mut self, mean: u64) -> u64 {
        if mean == 0 {
            return 0;
        }
        let place = (self.chance.number() >> 54) as usize;
        let factor = self.exponentials.get(place).copied().unwrap_or_default();
        mean.saturating_mul(u64::from(factor)) / 1_024
    }
}

/// A thousand and twenty-four values of an exponential distribution of mean 1024, one for each thousandth of chance.
pub(super) fn exponentials() -> Vec<u32> {
    (0..1_024)
        .map(|place| libm::round(-libm::log((f64::from(place) + 0.5) / 1_024.0) * 1_024.0) as u32)
        .collect()
}
