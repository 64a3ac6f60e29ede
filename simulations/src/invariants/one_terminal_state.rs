//! Each process reaches at most one terminal state, and nothing leaves it (G2).

use std::collections::BTreeMap;

use colony_protocol::{
    colony::Event,
    model::{ProcessId, State},
};

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneTerminalState {
    ended: BTreeMap<ProcessId, State>,
}

impl Invariant for OneTerminalState {
    fn name(&self) -> &'static str {
        "a process reaches one terminal state"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        for event in fact.events() {
            let Event::Process { process, state } = event else { continue };
            if let Some(ended) = self.ended.get(process) {
                broken.push(format!("p{} ended as {ended:?}, then became {state:?}", process.number()));
            }
            if state.is_terminal() {
                self.ended.insert(*process, *state);
            }
        }
        if let Fact::Over(coordinator) = fact {
            for (id, state) in &self.ended {
                let found = super::find(coordinator.colony(), coordinator.disk(), id.number());
                if found.as_ref().map(|process| process.state) != Some(*state) {
                    broken.push(format!("p{} ended as {state:?}, but is kept as {found:?}", id.number()));
                }
            }
        }
    }
}
