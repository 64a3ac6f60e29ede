//! A replica that was restored from rows goes on exactly as one that never stopped.

use super::{Fact, Invariant};
use crate::coordinator::Coordinator;

/// See the module.
#[derive(Debug)]
pub(super) struct ReplicasAgree;

impl Invariant for ReplicasAgree {
    fn name(&self) -> &'static str {
        "replicas agree"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        match fact {
            Fact::Committed(entry, _) => broken.extend(entry.differs.iter().cloned()),
            Fact::Restored(coordinator) => {
                rows_agree(coordinator, broken);
                // What was read must be what was written.
                for (key, row) in coordinator.disk().live_rows() {
                    if coordinator.colony().row(&key) != Some(row) {
                        broken.push(format!("row {key:?} changed by being read"));
                    }
                }
            }
            Fact::Over(coordinator) => rows_agree(coordinator, broken),
            _ => {}
        }
    }
}

fn rows_agree(coordinator: &Coordinator, broken: &mut Vec<String>) {
    let differ = coordinator.disk().differences(coordinator.twin_disk());
    if !differ.is_empty() {
        broken.push(format!("rows differ from those of a replica that never crashed: {differ:?}"));
    }
}
