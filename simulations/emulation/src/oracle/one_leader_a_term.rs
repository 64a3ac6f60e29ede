//! Coordinators follow each other in order (Raft, "election safety", as openraft 0.9 keeps it).
//!
//! In Raft a term has one leader. openraft's default is weaker: a term may see a second leader, whose id must then be
//! greater, and who has deposed the first with a quorum. So the pairs of term and id are what grows, never the term alone.

use std::collections::BTreeMap;

use colony_protocol::{identity::Identity, reply::Status};

use crate::colony::Seat;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneLeaderATerm {
    /// The latest coordinator of each term. The one before may not know yet that it was deposed.
    latest: BTreeMap<u64, Identity>,
    known: std::collections::BTreeSet<(u64, Identity)>,
}

impl OneLeaderATerm {
    /// A node says who coordinates; only its word for itself counts.
    pub(super) fn observe(&mut self, seat: &Seat, status: &Status, broken: &mut Vec<String>) {
        let id = seat.identity();
        if status.coordinator != Some(id) || !self.known.insert((status.term, id)) {
            return;
        }
        let before = self.latest.insert(status.term, id);
        if before.is_some_and(|before| before > id) {
            broken.push(format!(
                "coordinators follow in order: in term {} {id} leads after {before:?}",
                status.term
            ));
        }
    }
}
