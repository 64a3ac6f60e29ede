//! How each node that replicates has been doing, and for how long.
//!
//! A node is alive while it is connected, and, as far as the coordinator can tell, takes what it is sent: a node may
//! be connected for another colony's sake, or hang behind a connection that still stands. The coordinator sees that it
//! is behind and does not move. Fed with what others observe; has no clock of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::identity::Identity;
use colony_store::MemberId;

use super::plan::Health;

/// How long a node may be behind without taking anything before it counts as gone. A snapshot of a few hundred
/// megabytes takes as long on a slow line, and whoever receives one is of no use as a voter yet.
const STALL: Duration = Duration::from_secs(15);

/// What is seen at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// Time since some fixed moment.
    pub(super) now: Duration,
    /// Everybody who replicates, except this node.
    pub(super) nodes: &'a BTreeSet<MemberId>,
    /// Who is connected.
    pub(super) reachable: &'a BTreeSet<Identity>,
    /// Index of this node's last entry.
    pub(super) last: u64,
    /// Index of the last entry that each is known to have; `None` on a node that does not coordinate.
    pub(super) matched: Option<&'a BTreeMap<MemberId, Option<u64>>>,
}

/// What was seen of the nodes so far.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    nodes: BTreeMap<MemberId, Track>,
}

/// What was seen of one node.
#[derive(Debug, Clone, Copy)]
struct Track {
    alive: bool,
    /// When that last changed.
    changed: Duration,
    matched: Option<u64>,
    /// When it last took an entry, or had all of them.
    moved: Duration,
}

impl Tracker {
    /// Adds a sight, and says how everybody is.
    pub(super) fn observe(&mut self, sight: Sight<'_>) -> BTreeMap<MemberId, Health> {
        self.nodes.retain(|node, _| sight.nodes.contains(node));
        sight.nodes.iter().map(|node| (*node, self.observe_one(*node, sight))).collect()
    }

    fn observe_one(&mut self, node: MemberId, sight: Sight<'_>) -> Health {
        let Sight { now, last, .. } = sight;
        let connected = sight.reachable.contains(&node.0);
        let fresh = Track { alive: connected, changed: now, matched: None, moved: now };
        let track = self.nodes.entry(node).or_insert(fresh);
        let matched = sight.matched.and_then(|all| all.get(&node).copied().flatten());
        // Who begins to coordinate knows nothing of the past.
        let level = sight.matched.is_none() || matched.is_some_and(|matched| matched >= last);
        if level || matched != track.matched {
            track.moved = now;
        }
        track.matched = matched;
        let alive = connected && now.saturating_sub(track.moved) < STALL;
        if alive != track.alive {
            (track.alive, track.changed) = (alive, now);
        }
        let lag = matched.map(|matched| last.saturating_sub(matched));
        Health { alive, since: now.saturating_sub(track.changed), lag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn node() -> MemberId {
        MemberId(Identity::from_bytes([1; 32]))
    }

    /// One node, seen at a time, connected or not, with this much of ten entries.
    fn observe(tracker: &mut Tracker, at: Duration, connected: bool, matched: Option<u64>) -> Health {
        let reachable = connected.then_some(node().0).into_iter().collect();
        let matched = matched.map(|matched| BTreeMap::from([(node(), Some(matched))]));
        let nodes = BTreeSet::from([node()]);
        let sight =
            Sight { now: at, nodes: &nodes, reachable: &reachable, last: 10, matched: matched.as_ref() };
        tracker.observe(sight)[&node()]
    }

    #[test]
    fn how_long_somebody_is_gone_or_there_counts_from_the_change() {
        let mut tracker = Tracker::default();
        observe(&mut tracker, SECOND, true, None);
        assert_eq!(observe(&mut tracker, 5 * SECOND, true, None).since, 4 * SECOND);
        let gone = observe(&mut tracker, 6 * SECOND, false, None);
        assert_eq!(gone, Health { alive: false, since: Duration::ZERO, lag: None });
        assert_eq!(observe(&mut tracker, 9 * SECOND, false, None).since, 3 * SECOND);
        assert_eq!(observe(&mut tracker, 10 * SECOND, true, None).since, Duration::ZERO);
    }

    #[test]
    fn who_is_behind_and_does_not_move_is_gone_though_connected() {
        let mut tracker = Tracker::default();
        assert_eq!(observe(&mut tracker, SECOND, true, Some(3)).lag, Some(7));
        // Moving, however slowly, is being there.
        assert!(observe(&mut tracker, STALL, true, Some(4)).alive);
        assert!(observe(&mut tracker, STALL + SECOND, true, Some(4)).alive);
        assert!(!observe(&mut tracker, STALL * 2, true, Some(4)).alive);
        let back = observe(&mut tracker, STALL * 2 + SECOND, true, Some(10));
        assert_eq!(back, Health { alive: true, since: Duration::ZERO, lag: Some(0) });
        // Having everything is being there, for however long nothing new comes.
        assert!(observe(&mut tracker, STALL * 9, true, Some(10)).alive);
    }

    #[test]
    fn a_new_coordinator_does_not_hold_the_past_against_anybody() {
        let mut tracker = Tracker::default();
        observe(&mut tracker, SECOND, true, None);
        assert!(observe(&mut tracker, 9 * STALL, true, None).alive);
        assert!(observe(&mut tracker, 9 * STALL + SECOND, true, Some(0)).alive);
    }
}
