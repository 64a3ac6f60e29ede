//! How patient the members of a quorum are with each other.
//!
//! Three numbers follow from the distance between members. They belong together: a coordinator must get several
//! heartbeats through within the time after which it is given up, and a member refuses to vote for anybody else for the
//! whole upper bound after it last heard the coordinator, then calls an election after the upper bound and a random
//! part of the difference.

use std::time::Duration;

/// How far the members of a colony are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// On one machine or in one building: a new coordinator 650 to 800 ms after the last sign of the old one.
    Local,
    /// Anywhere, round trips up to 300 ms: a new coordinator within about four seconds.
    #[default]
    Internet,
}

impl Timing {
    /// Between two heartbeats of a coordinator.
    #[must_use]
    pub const fn heartbeat(self) -> Duration {
        match self {
            Self::Local => Duration::from_millis(100),
            Self::Internet => Duration::from_millis(400),
        }
    }

    /// Lower end of the random election timeout: two heartbeats may be lost before.
    #[must_use]
    pub const fn election_min(self) -> Duration {
        match self {
            Self::Local => Duration::from_millis(250),
            Self::Internet => Duration::from_millis(1_000),
        }
    }

    /// Upper end of it: far enough from the lower that two members rarely call at once.
    #[must_use]
    pub const fn election_max(self) -> Duration {
        match self {
            Self::Local => Duration::from_millis(400),
            Self::Internet => Duration::from_millis(1_600),
        }
    }

    /// How long a coordinator without an answer from a quorum still counts: by then the others have elected.
    #[must_use]
    pub fn quorum_silence_max(self) -> Duration {
        self.election_max().saturating_mul(2)
    }

    /// How long a request waits at a node that finds no coordinator: several elections, one of which may be split.
    #[must_use]
    pub const fn patience(self) -> Duration {
        match self {
            Self::Local => Duration::from_secs(4),
            Self::Internet => Duration::from_secs(12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heartbeats_may_be_lost_before_an_election() {
        for timing in [Timing::Local, Timing::Internet] {
            assert!(timing.heartbeat() * 2 <= timing.election_min());
            assert!(timing.election_min() < timing.election_max());
        }
    }
}
