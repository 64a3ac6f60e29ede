//! Executors that say in advance when they will be silent.

use super::{Colony, Event, Outbox, weight};
use crate::{
    identity::Identity,
    model::{ContactPlan, Executor, Freight, Leg, Name, Process, Reach},
    refusal::Refusal,
    reply::{ROWS_MAX, Reply},
    time::Timestamp,
};

/// Bytes of a result on its way back: a signed request with a short output. What a result takes is not known before.
const RESULT: u64 = 1024;

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

    /// Whether a process gets to an executor, and its result back before the deadline that it would get, beside those of
    /// `owed` others; else which leg fails.
    pub(super) fn returns(&self, executor: &Executor, process: &Process, owed: usize) -> Result<(), Leg> {
        if executor.contacts.windows.is_empty() {
            return Ok(());
        }
        let now = self.meta.now;
        let parents = process.parents.iter().filter(|_| process.token == 0);
        let inputs = parents.filter_map(|parent| self.live_process(parent.number()));
        let inputs = inputs.map(|parent| weight::of_values(&parent.output)).sum::<usize>();
        let up = weight::of_process(process).saturating_add(inputs);
        let results = u64::try_from(owed).unwrap_or(u64::MAX).saturating_add(1);
        let freight = Freight {
            up: u64::try_from(up).unwrap_or(u64::MAX),
            back: RESULT.saturating_mul(results),
            deadline: process.spec.max_exec_time.as_seconds().map(|span| now.after(span)),
        };
        executor.contacts.round_trip(now, freight)
    }

    /// Executors that are silent as they said they would be, and when each can be reached again; as many as fit an answer.
    #[must_use]
    pub fn silent(&self, now: Timestamp) -> Vec<(Name, Timestamp)> {
        let planned = self.index.leases.planned().filter_map(|id| self.executor(id));
        let silent = planned.filter_map(|executor| match executor.contacts.reach(now) {
            Reach::Silent(until) => Some((executor.name.clone(), until)),
            Reach::InContact(_) | Reach::Unplanned => None,
        });
        silent.take(ROWS_MAX).collect()
    }
}
