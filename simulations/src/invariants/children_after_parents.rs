//! A process starts only after all its parents have succeeded, and it gets their outputs in order (G5).

use std::collections::BTreeMap;

use colony_protocol::{
    colony::Event,
    model::{Process, ProcessId, State},
};

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ChildrenAfterParents {
    states: BTreeMap<ProcessId, State>,
    granted: Vec<Process>,
}

impl Invariant for ChildrenAfterParents {
    fn name(&self) -> &'static str {
        "children start after their parents' success"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        for process in fact.grants() {
            let waiting =
                process.parents.iter().find(|parent| self.states.get(parent) != Some(&State::Success));
            if let Some(parent) = waiting {
                let state = self.states.get(parent);
                broken.push(format!(
                    "p{} started while p{} was {state:?}",
                    process.number(),
                    parent.number()
                ));
            }
            if !process.parents.is_empty() {
                self.granted.push(process.clone());
            }
        }
        for event in fact.events() {
            if let Event::Process { process, state } = event {
                self.states.insert(*process, *state);
            }
        }
        if let Fact::Over(coordinator) = fact {
            for process in &self.granted {
                let outputs = process.parents.iter().filter_map(|parent| {
                    super::find(coordinator.colony(), coordinator.disk(), parent.number())
                        .map(|found| found.output)
                });
                let expected: Vec<_> = outputs.flat_map(|output| output.into_vec()).collect();
                if process.input.iter().ne(&expected) {
                    let number = process.number();
                    broken.push(format!("p{number} got {:?} instead of {expected:?}", process.input));
                }
            }
        }
    }
}
