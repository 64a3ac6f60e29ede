//! What a run is like: all of it follows from the seed, unless it is said otherwise.

use std::time::Duration;

use colony_node::{consensus::Timing, node::LOG_KEPT};
use colony_simulations::chance::Chance;

use crate::{faults::Kind, network::Distance};

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Nodes of the colony.
    pub nodes: usize,
    /// How many more are met only through a relay.
    pub hidden: usize,
    /// How many of them vote.
    pub voters: usize,
    /// Steps before faults end.
    pub steps: u64,
    /// What goes wrong.
    pub faults: Vec<Kind>,
    /// How far nodes are from each other.
    pub distance: Distance,
    /// How patient they are with each other.
    pub timing: Timing,
    /// Entries of the log that are kept for those who lag.
    pub log_kept: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64, steps: u64, nodes: Option<usize>, faults: Option<Vec<Kind>>) -> Self {
        let mut chance = Chance::new(seed);
        let drawn = if chance.below(4) == 0 { 5 } else { 3 };
        let nodes = nodes.unwrap_or(drawn);
        let latency = chance.between(1, 8);
        let distance = Distance {
            latency: Duration::from_millis(latency),
            jitter: Duration::from_millis(chance.between(0, latency)),
            bandwidth: chance.between(1_000, 100_000),
            nearest: false,
        };
        let log_kept = if chance.below(4) == 0 { 100 } else { LOG_KEPT };
        let count = chance.between(2, 4);
        let mut left = Kind::ALL.to_vec();
        let mut drawn = Vec::new();
        for _ in 0..count {
            let place = usize::try_from(chance.below(left.len() as u64)).unwrap_or_default();
            drawn.push(left.remove(place));
        }
        drawn.sort_unstable();
        let faults = faults.unwrap_or(drawn);
        let hidden = usize::from(faults.contains(&Kind::Relay));
        Self {
            seed,
            nodes,
            hidden,
            voters: nodes.min(5),
            steps,
            faults,
            distance,
            timing: Timing::Local,
            log_kept,
        }
    }
}
