//! When faults stop, all work comes to its end (G9).

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug)]
pub(super) struct EverythingEnds;

impl Invariant for EverythingEnds {
    fn name(&self) -> &'static str {
        "when faults stop, all work ends"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        let Fact::Over(coordinator) = fact else { return };
        for process in coordinator.colony().live_processes().filter(|process| !process.state.is_terminal()) {
            broken.push(format!("p{} is still {:?}: {process:?}", process.number(), process.state));
        }
    }
}
