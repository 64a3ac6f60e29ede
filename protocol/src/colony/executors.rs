//! Commands about executors: their way into the colony and out of it.

use super::{
    Colony, Event, Outbox, RowKey,
    members::{MEMBERS_MAX, check_name},
};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{Allocations, Capabilities, ContactPlan, Executor, ExecutorState, member::Role},
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

impl Colony {
    pub(super) fn add_executor(
        &mut self,
        by: &Identity,
        executor: &Executor,
        approved: bool,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        self.check_new_executor(executor)?;
        let state = if approved { ExecutorState::Approved } else { ExecutorState::Pending };
        let executor = Executor {
            state,
            commissioned_at: self.meta.now,
            last_heard_at: Timestamp::ZERO,
            // For itself to say, when it knows its own clock.
            contacts: ContactPlan::default(),
            ..executor.clone()
        };
        self.put_executor(executor, out);
        Ok(Reply::Done)
    }

    fn check_new_executor(&self, executor: &Executor) -> Result<(), Refusal> {
        check_name("executorname", &executor.name)?;
        if executor.id == Identity::NOBODY {
            return Err(Refusal::invalid("executorid", "an executor needs a key"));
        }
        if let Some(taken) = self.members.executor_named(&executor.name) {
            return Err(Refusal::exists(format!("executor `{}`", taken.name)));
        }
        match self.members.executors.get(&executor.id) {
            Some(known) if known.name != executor.name || known.state != ExecutorState::Unregistered => {
                Err(Refusal::exists(format!("executor `{}` with the same key", known.name)))
            }
            None if self.members.executors.len() >= MEMBERS_MAX => {
                Err(Refusal::Busy(Text::cut("the colony has as many executors as it can hold")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn approve_executor(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let executor = self.executor_named(name)?;
        self.put_executor(Executor { state: ExecutorState::Approved, ..executor }, out);
        Ok(Reply::Done)
    }

    pub(super) fn reject_executor(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let executor = self.executor_named(name)?;
        let id = executor.id;
        self.put_executor(Executor { state: ExecutorState::Rejected, ..executor }, out);
        self.take_back_all(&id, out);
        Ok(Reply::Done)
    }

    pub(super) fn remove_executor(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.members.executor_named(name).cloned();
        if executor.as_ref().is_none_or(|executor| executor.id != *by) {
            self.owner(by)?;
        }
        let executor = executor.ok_or_else(|| Refusal::not_found(format!("executor `{name}`")))?;
        let id = executor.id;
        self.unregister(executor, out);
        self.part_removed(&id, Role::Executor, by, out);
        Ok(Reply::Done)
    }

    /// Takes an executor out of the colony, but leaves its row.
    pub(super) fn unregister(&mut self, executor: Executor, out: &mut Outbox) {
        let id = executor.id;
        self.drop_functions_of(&executor.name, out);
        let contacts = ContactPlan::default();
        self.index.leases.plan(&id, &contacts);
        self.put_executor(Executor { state: ExecutorState::Unregistered, contacts, ..executor }, out);
        self.take_back_all(&id, out);
    }

    pub(super) fn update_executor(
        &mut self,
        by: &Identity,
        capabilities: &Capabilities,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.approved(by)?.clone();
        self.put_executor(Executor { capabilities: capabilities.clone(), ..executor }, out);
        // It may be waiting for work that it can take only now.
        out.event(Event::Resumed);
        Ok(Reply::Done)
    }

    pub(super) fn report_allocations(
        &mut self,
        by: &Identity,
        allocations: &Allocations,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.approved(by)?.clone();
        self.put_executor(Executor { allocations: allocations.clone(), ..executor }, out);
        Ok(Reply::Done)
    }

    /// What a leaving executor runs goes back to the queue. That is no fault of the processes: no retry is counted.
    fn take_back_all(&mut self, id: &Identity, out: &mut Outbox) {
        for number in self.index.leases.of(id) {
            self.requeue(number, false, out);
        }
    }

    fn executor_named(&self, name: &str) -> Result<Executor, Refusal> {
        let found = self.members.executor_named(name).cloned();
        found.ok_or_else(|| Refusal::not_found(format!("executor `{name}`")))
    }

    pub(super) fn put_executor(&mut self, executor: Executor, out: &mut Outbox) {
        out.touch(RowKey::Executor(executor.id));
        self.members.put_executor(executor);
    }
}
