//! From rows back to a colony. Everything that is not stored is worked out again, so a restored replica goes on
//! exactly as one that never stopped.

use super::{
    Colony, RestoreError, RowKey,
    encoding::{RowError, decode},
    tickets::UsedTicket,
    workflow_flow::LiveWorkflow,
};
use crate::{
    identity::Identity,
    model::{Cron, Executor, Generator, Process, RegisteredFunction, State, User, Workflow, member::Member},
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
            let own = colony.restore_row(key, &row).map_err(|error| error.of_row(key))?;
            if own != key {
                return Err(RestoreError::Misplaced { key });
            }
        }
        colony.rebuild();
        Ok(colony)
    }

    /// Takes a row in; returns the key under which it should stand.
    fn restore_row(&mut self, key: RowKey, row: &[u8]) -> Result<RowKey, RowError> {
        Ok(match key {
            RowKey::Meta => {
                self.meta = decode(row)?;
                key
            }
            RowKey::Executor(_) => {
                let executor: Executor = decode(row)?;
                let id = executor.id;
                self.members.put_executor(executor);
                RowKey::Executor(id)
            }
            RowKey::User(_) => {
                let user: User = decode(row)?;
                let id = user.id;
                self.members.put_user(user);
                RowKey::User(id)
            }
            RowKey::Function(_) => {
                let function: RegisteredFunction = decode(row)?;
                let number = function.number;
                self.functions.put(function);
                RowKey::Function(number)
            }
            RowKey::Process(_) => {
                let process: Process = decode(row)?;
                let number = process.number();
                self.processes.insert(number, Box::new(process));
                RowKey::Process(number)
            }
            RowKey::Workflow(_) => {
                let workflow: Workflow = decode(row)?;
                let number = workflow.id.number();
                self.workflows.insert(number, LiveWorkflow::new(workflow, 0));
                RowKey::Workflow(number)
            }
            RowKey::Seen(_) => {
                self.seen.restore(decode(row)?);
                key
            }
            RowKey::Member(_) => {
                let member: Member = decode(row)?;
                let id = member.id;
                self.roster.put(member);
                RowKey::Member(id)
            }
            RowKey::Ticket(_) => {
                let used: UsedTicket = decode(row)?;
                let id = used.id;
                self.tickets.put(used);
                RowKey::Ticket(id)
            }
            RowKey::Delegation => {
                self.delegation = Some(decode(row)?);
                key
            }
            RowKey::Cron(_) => {
                let cron: Cron = decode(row)?;
                let number = cron.id.number();
                // Whether it is due is known when its workflow is there.
                self.crons.put(cron, false);
                RowKey::Cron(number)
            }
            RowKey::Generator(_) => {
                let generator: Generator = decode(row)?;
                let number = generator.id.number();
                self.generators.put(generator);
                RowKey::Generator(number)
            }
            RowKey::Packed(generator, place) => {
                self.generators.put_arg(generator, place, decode(row)?);
                key
            }
            RowKey::Policy => {
                self.policy = decode(row)?;
                key
            }
            RowKey::Object(_) => RowKey::Object(self.restore_object(decode(row)?)),
            RowKey::Channels(_) => RowKey::Channels(self.channels.put(decode(row)?)),
            RowKey::ArchivedProcess(_)
            | RowKey::ArchivedWorkflow(_)
            | RowKey::LogLine(..)
            | RowKey::BlueprintChange(..)
            | RowKey::ChannelEntry(..) => {
                return Err(RowError::NotLive);
            }
        })
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
        for number in self.crons.numbers() {
            self.change_cron(number, |_| {});
        }
        for executor in self.members.executors.values() {
            self.index.leases.heard(&executor.id, executor.last_heard_at);
            self.index.leases.plan(&executor.id, &executor.contacts);
        }
    }

    fn unfinished_parents(&self, process: &Process) -> usize {
        let parents = process.parents.iter().filter_map(|parent| self.processes.get(&parent.number()));
        parents.filter(|parent| parent.state != State::Success).count()
    }
}
