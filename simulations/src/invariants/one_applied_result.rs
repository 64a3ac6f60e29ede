//! At most one result of a process is applied, and it is the one that is kept (G3).

use std::collections::BTreeMap;

use colony_protocol::{
    command::Command,
    model::{ProcessId, State},
    reply::Reply,
};

use super::{Fact, Invariant, find};
use crate::{coordinator::Applied, executor::result};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneAppliedResult {
    /// Token and success of the accepted close.
    accepted: BTreeMap<ProcessId, (u64, bool)>,
}

impl Invariant for OneAppliedResult {
    fn name(&self) -> &'static str {
        "at most one result of a process is applied"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        match fact {
            Fact::Applied(Applied { call, answer: Ok(Reply::Closed(outcomes)), repeated: false, .. }) => {
                let Command::Close { items } = &*call.command else { return };
                for (item, _) in items.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.is_ok()) {
                    let closing = (item.lease.token, item.success);
                    if let Some(other) = self.accepted.insert(item.lease.process, closing) {
                        let number = item.lease.process.number();
                        broken.push(format!("p{number} was closed with {other:?} and with {closing:?}"));
                    }
                }
            }
            Fact::Over(coordinator) => {
                for (id, (token, success)) in &self.accepted {
                    let Some(kept) = find(coordinator.colony(), coordinator.disk(), id.number()) else {
                        continue;
                    };
                    let lease = colony_protocol::command::LeaseRef { process: *id, token: *token };
                    let state = if *success { State::Success } else { State::Failed };
                    if kept.output != result(&lease, *success) || kept.state != state {
                        broken.push(format!("p{} keeps another result: {kept:?}", id.number()));
                    }
                }
            }
            _ => {}
        }
    }
}
