//! Executors that say in advance when they will be silent.

use super::{Colony, Event, Outbox};
use crate::{
    identity::Identity,
    model::{ContactPlan, Executor, Process},
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

impl Colony {
    /// Keeps an executor's plan, which replaces the one it declared before.
    pub(super) fn declare_contacts(
        &mut self,
        by: &Identity,
        plan: &ContactPlan,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.approved(by)?.clone();
        plan.check().map_err(|(place, why)| {
            let field = place.map_or_else(|| "margin".to_owned(), |place| format!("windows[{place}]"));
            Refusal::invalid(&field, why)
        })?;
        let contacts = plan.since(self.meta.now);
        self.index.leases.plan(by, &contacts);
        self.put_executor(Executor { contacts, ..executor }, out);
        // It may be waiting for work that it can bring back only now.
        out.event(Event::Resumed);
        Ok(Reply::Done)
    }

    /// Whether an executor could bring a process's result back before the deadline that it would get; else when its next
    /// contact is.
    pub(super) fn returns(&self, executor: &Executor, process: &Process) -> Result<(), Timestamp> {
        let now = self.meta.now;
        match process.spec.max_exec_time.as_seconds() {
            Some(span) if !executor.contacts.windows.is_empty() => {
                executor.contacts.returns_by(now, now.after(span))
            }
            _ => Ok(()),
        }
    }
}
