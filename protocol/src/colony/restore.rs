//! From rows back to a colony. Everything that is not stored is worked out again, so a restored replica goes on
//! exactly as one that never stopped.

use super::{
    Colony, RestoreError, RowKey,
    encoding::{RowError, decode},
    workflow_flow::LiveWorkflow,
};
use crate::{
    identity::Identity,
    model::{Process, State, Workflow},
};

impl Colony {
    /// Makes a colony from its live rows, in any order.
    ///
    /// # Errors
    /// [`RestoreError`] on a row that is damaged, of a later version, or not a live one.
    pub fn restore(
        id: Identity,
        rows: impl IntoIterator<Item = (RowKey, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let mut colony = Self::new(id);
        for (key, row) in rows {
            colony.restore_row(key, &row).map_err(|error| error.of_row(key))?;
            if !key.is_live() {
                return Err(RestoreError::Key);
            }
        }
        colony.rebuild();
        Ok(colony)
    }

    fn restore_row(&mut self, key: RowKey, row: &[u8]) -> Result<(), RowError> {
        match key {
            RowKey::Meta => self.meta = decode(row)?,
            RowKey::Executor(_) => self.members.put_executor(decode(row)?),
            RowKey::User(_) => self.members.put_user(decode(row)?),
            RowKey::Function(_) => self.functions.put(decode(row)?),
            RowKey::Process(number) => {
                self.processes.insert(number, Box::new(decode(row)?));
            }
            RowKey::Workflow(number) => {
                let workflow: Workflow = decode(row)?;
                self.workflows.insert(number, LiveWorkflow::new(workflow, 0));
            }
            RowKey::Seen(_) => self.seen.restore(decode(row)?),
            RowKey::ArchivedProcess(_) | RowKey::ArchivedWorkflow(_) | RowKey::LogLine(..) => {}
        }
        Ok(())
    }

    /// Indexes and tallies.
    fn rebuild(&mut self) {
        for (number, process) in &self.processes {
            self.index.insert(process);
            if let Some(workflow) = process.workflow.and_then(|id| self.workflows.get_mut(&id.number())) {
                workflow.tally.added(process.state);
            }
            if process.state == State::Waiting && process.waits_for_parents {
                self.index.pending.insert(*number, self.unfinished_parents(process));
            }
        }
        for executor in self.members.executors.values() {
            self.index.leases.heard(&executor.id, executor.last_heard_at);
        }
    }

    fn unfinished_parents(&self, process: &Process) -> usize {
        let parents = process.parents.iter().filter_map(|parent| self.processes.get(&parent.number()));
        parents.filter(|parent| parent.state != State::Success).count()
    }
}
