//! At most one result of a process is applied, and it is the one that is kept (G3).

use std::collections::BTreeMap;

use colony_protocol::{
    command::Command,
    model::{ProcessId, State, Values},
    reply::Reply,
};

use super::{Fact, Invariant, find};
use crate::coordinator::Applied;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneAppliedResult {
    /// Token, success and output of the accepted close.
    accepted: BTreeMap<ProcessId, (u64, bool, Values)>,
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
                    let closing = (item.lease.token, item.success, item.output.clone());
                    if let Some(other) = self.accepted.insert(item.lease.process, closing.clone()) {
                        let number = item.lease.process.number();
                        broken.push(format!("p{number} was closed with {other:?} and with {closing:?}"));
                    }
                }
            }
            Fact::Over(coordinator) => {
                for (id, (token, success, output)) in &self.accepted {
                    let Some(kept) = find(coordinator.colony(), coordinator.disk(), id.number()) else {
                        continue;
                    };
                    let state = if *success { State::Success } else { State::Failed };
                    if kept.output != *output || kept.state != state || kept.token != *token {
                        broken.push(format!("p{} keeps another result: {kept:?}", id.number()));
                    }
                }
            }
            _ => {}
        }
    }
}
