//! What a submitter was told is there stays there, across every crash (G1).

use std::collections::BTreeSet;

use colony_protocol::{model::ProcessId, reply::Reply};

use super::{Fact, Invariant, find};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AcknowledgedStays {
    promised: BTreeSet<ProcessId>,
}

impl Invariant for AcknowledgedStays {
    fn name(&self) -> &'static str {
        "an acknowledged submit is never lost"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        match fact {
            Fact::Told(_, Ok(Reply::Submitted(ids) | Reply::WorkflowSubmitted { processes: ids, .. })) => {
                self.promised.extend(ids);
            }
            Fact::Restored(coordinator) | Fact::Over(coordinator) => {
                for id in &self.promised {
                    let found = find(coordinator.colony(), coordinator.disk(), id.number());
                    if found.map(|process| process.id) != Some(*id) {
                        broken.push(format!("p{} was acknowledged and is not there", id.number()));
                    }
                }
            }
            _ => {}
        }
    }
}
