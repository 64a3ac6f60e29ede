//! No node goes back to a term, or to a coordinator of it, that it has left (Raft, "election safety", as openraft 0.9 keeps it).
//!
//! In Raft a term has one leader. openraft's default is weaker: a term may see a second leader, whose id must then be
//! greater, and who has deposed the first with a quorum. So the pairs of term and id are what grows, for each run of a node: what
//! it says before its vote is synced may be gone after a crash, and between nodes, who was deposed may learn of it late.
//! That the entries of such leaders follow each other in the log is looked at by `logs_agree`.

use std::collections::BTreeMap;

use colony_protocol::{identity::Identity, reply::Status};

use crate::colony::Seat;

/// What a node has known of the highest term: the term, and its latest coordinator.
type Office = (u64, Option<Identity>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OfficesInOrder {
    /// By node, and by how often it was started.
    known: BTreeMap<(Identity, u64), Office>,
}

impl OfficesInOrder {
    /// A node says which term it is in, and who coordinates.
    pub(super) fn observe(&mut self, seat: &Seat, status: &Status, broken: &mut Vec<String>) {
        let known = self.known.entry((seat.identity(), seat.starts)).or_default();
        let now = (status.term, status.coordinator);
        if now.0 < known.0 {
            broken.push(format!(
                "terms grow: node {} is in term {} after {}",
                seat.identity(),
                now.0,
                known.0
            ));
        } else if now.0 == known.0 && now.1.is_some() && now.1 < known.1 {
            broken.push(format!(
                "coordinators of a term follow in order: node {} heard in term {} {:?} after {:?}",
                seat.identity(),
                now.0,
                now.1,
                known.1
            ));
        }
        let latest = if now.0 == known.0 { now.1.max(known.1) } else { now.1 };
        *known = (now.0.max(known.0), latest);
    }
}
