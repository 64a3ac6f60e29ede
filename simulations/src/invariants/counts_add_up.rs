//! The statistics say what is there.

use colony_protocol::model::State;

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug)]
pub(super) struct CountsAddUp;

impl Invariant for CountsAddUp {
    fn name(&self) -> &'static str {
        "the counts add up"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        let Fact::Committed(_, coordinator) = fact else { return };
        let colony = coordinator.colony();
        let statistics = colony.statistics();
        for state in [State::Waiting, State::Running] {
            let live = colony.live_processes().filter(|process| process.state == state).count();
            let counted = statistics.processes_in(state);
            if u64::try_from(live) != Ok(counted) {
                broken.push(format!("{live} processes are {state:?}, the statistics say {counted}"));
            }
        }
        // Nothing is ever removed in a run.
        let all: u64 = statistics.processes.iter().sum();
        if all != colony.last_process_number() {
            broken.push(format!(
                "{} processes were made, the statistics say {all}",
                colony.last_process_number()
            ));
        }
    }
}
