//! The colony's crons, found by number, by name, by when they are due, and by the workflow they started last.
//!
//! Only the rows are stored; the indexes follow from them and change only in [`Crons::put`] and [`Crons::take`].

use std::collections::{BTreeMap, BTreeSet};

use super::weight;
use crate::{
    model::{Cron, Name, WorkflowId},
    time::Timestamp,
};

/// Most crons of a colony.
pub(super) const CRONS_MAX: usize = 10_000;
/// Most bytes of all crons' specs: they are in memory on every member.
pub(super) const CRON_BYTES_MAX: usize = 256 * 1024 * 1024;

/// All crons.
#[derive(Debug, Default)]
pub(super) struct Crons {
    rows: BTreeMap<u64, Cron>,
    names: BTreeMap<Name, u64>,
    /// When each runs next; one that waits for its workflow is not here.
    due: BTreeSet<(Timestamp, u64)>,
    /// By the number of the workflow that each started last.
    started: BTreeMap<u64, u64>,
    bytes: usize,
}

impl Crons {
    pub(super) fn get(&self, number: u64) -> Option<&Cron> {
        self.rows.get(&number)
    }

    pub(super) fn named(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Cron> {
        self.rows.values()
    }

    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Cron> {
        self.rows.range(number.saturating_add(1)..).map(|(_, cron)| cron)
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.rows.keys().copied().collect()
    }

    /// The cron whose last workflow this is.
    pub(super) fn that_started(&self, workflow: &WorkflowId) -> Option<u64> {
        self.started.get(&workflow.number()).copied()
    }

    /// Whether there is room for one more with a spec of so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.rows.len() < CRONS_MAX && self.bytes.saturating_add(bytes) <= CRON_BYTES_MAX
    }

    pub(super) fn next_due(&self) -> Option<(Timestamp, u64)> {
        self.due.first().copied()
    }

    /// Takes a cron in. One that may not run yet becomes due when it is put again.
    pub(super) fn put(&mut self, cron: Cron, may_run: bool) {
        let number = cron.id.number();
        drop(self.take(number));
        self.names.insert(cron.name.clone(), number);
        self.bytes = self.bytes.saturating_add(weight::of_workflow_spec(&cron.spec));
        if may_run {
            self.due.extend(cron.next_run.map(|at| (at, number)));
        }
        self.started.extend(cron.previous.map(|workflow| (workflow.number(), number)));
        self.rows.insert(number, cron);
    }

    /// Takes a cron out.
    pub(super) fn take(&mut self, number: u64) -> Option<Cron> {
        let cron = self.rows.remove(&number)?;
        self.names.remove(&cron.name);
        self.bytes = self.bytes.saturating_sub(weight::of_workflow_spec(&cron.spec));
        if let Some(at) = cron.next_run {
            self.due.remove(&(at, number));
        }
        if let Some(workflow) = cron.previous {
            self.started.remove(&workflow.number());
        }
        Some(cron)
    }
}
