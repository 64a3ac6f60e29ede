//! The colony's one small row: name, clock, numbers given out, counts by state.
//!
//! The clock is part of it, because a restored replica must refuse the same late requests as one that never stopped.

use serde::{Deserialize, Serialize};

use super::retention::Retention;
use crate::{
    identity::Identity,
    model::{Name, State},
    time::Timestamp,
};

/// What the row [`super::RowKey::Meta`] holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    pub(super) name: Name,
    pub(super) founded: bool,
    pub(super) paused: bool,
    pub(super) now: Timestamp,
    pub(super) last_process: u64,
    pub(super) last_workflow: u64,
    pub(super) last_function: u64,
    pub(super) counters: Counters,
    pub(super) last_cron: u64,
    pub(super) last_generator: u64,
    /// Lines that executors said for themselves.
    pub(super) executor_lines: u64,
    pub(super) retention: Retention,
    /// The highest number of a file, a snapshot, a location, a blueprint or what belongs to one.
    pub(super) last_object: u64,
    /// The owner's key, if it is not the first one.
    pub(super) owner: Option<Identity>,
}

/// How many there are by state. Finished ones are in the archive, outside the core, so their counts live here.
///
/// What is forgotten one by one stays counted: the core no longer knows in which state it ended. Forgetting a whole
/// state sets its count right again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counters {
    /// All processes.
    pub(super) processes: [u64; 5],
    /// Those of them that are in no workflow.
    pub(super) standalone: [u64; 5],
    /// Workflows.
    pub(super) workflows: [u64; 5],
}

impl Counters {
    pub(super) fn add_process(&mut self, standalone: bool, state: State) {
        add(&mut self.processes, state);
        if standalone {
            add(&mut self.standalone, state);
        }
    }

    pub(super) fn drop_process(&mut self, standalone: bool, state: State) {
        sub(&mut self.processes, state, 1);
        if standalone {
            sub(&mut self.standalone, state, 1);
        }
    }

    pub(super) fn move_process(&mut self, standalone: bool, from: State, to: State) {
        self.drop_process(standalone, from);
        self.add_process(standalone, to);
    }

    /// Forgets all standalone processes of a state; says how many there were.
    pub(super) fn drop_standalone(&mut self, state: State) -> u64 {
        let Some(count) = self.standalone.get_mut(place(state)) else { return 0 };
        let count = std::mem::take(count);
        sub(&mut self.processes, state, count);
        count
    }

    pub(super) fn add_workflow(&mut self, state: State) {
        add(&mut self.workflows, state);
    }

    pub(super) fn move_workflow(&mut self, from: State, to: State) {
        sub(&mut self.workflows, from, 1);
        add(&mut self.workflows, to);
    }
}

fn place(state: State) -> usize {
    usize::from(u8::from(state))
}

fn add(counts: &mut [u64; 5], state: State) {
    if let Some(count) = counts.get_mut(place(state)) {
        *count = count.saturating_add(1);
    }
}

fn sub(counts: &mut [u64; 5], state: State, by: u64) {
    if let Some(count) = counts.get_mut(place(state)) {
        *count = count.saturating_sub(by);
    }
}
