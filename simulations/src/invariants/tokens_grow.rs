//! Each lease of a process has a larger fencing token than all before.

use std::collections::BTreeMap;

use colony_protocol::model::ProcessId;

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct TokensGrow {
    last: BTreeMap<ProcessId, u64>,
}

impl Invariant for TokensGrow {
    fn name(&self) -> &'static str {
        "fencing tokens grow"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        for process in fact.grants() {
            let before = self.last.insert(process.id, process.token);
            if before.is_some_and(|before| before >= process.token) {
                broken.push(format!("p{}: token {} after {before:?}", process.number(), process.token));
            }
        }
    }
}
