//! Puts work into the queue: all of a request or, if one item is wrong, nothing.

use std::sync::Arc;

use super::{Call, Colony, LIVE_MAX, Outbox};
use crate::{
    bounded::Text,
    command::Submission,
    envelope::RequestId,
    identity::Identity,
    model::{FunctionSpec, Process, ProcessId, State},
    mutant,
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
    validate,
};

/// How much earlier one step of priority places a process: a day, as in ColonyOS.
const PRIORITY_STEP_NANOS: i64 = 86_400_000_000_000;

/// In whose name something new is made, and by what: ids are made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) by: Identity,
    /// The request; of what starts by itself, a number that repeats only with that start.
    pub(super) request: RequestId,
}

impl Call {
    pub(super) const fn origin(&self) -> Origin {
        Origin { by: self.by, request: self.request }
    }
}

impl Colony {
    pub(super) fn submit(
        &mut self,
        call: &Call,
        items: &[Submission],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        if items.is_empty() {
            return Err(Refusal::invalid("functionspecs", "there is nothing to submit"));
        }
        for (index, item) in items.iter().enumerate() {
            let field = if items.len() == 1 { String::new() } else { format!("functionspecs[{index}]") };
            validate::function_spec(&item.spec, &field)?;
            self.check_colony_name(&field, &item.spec.conditions.colony_name)?;
        }
        self.room_for_processes(items.len())?;
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            let number = self.meta.last_process.saturating_add(1);
            let process = self.new_process(&call.origin(), item.spec.clone(), number);
            ids.push(process.id);
            if mutant::is("lose-the-tenth-item") && ids.len() == 10 {
                self.meta.last_process = number;
                continue;
            }
            if mutant::is("queue-twice") {
                let again = self.new_process(&call.origin(), item.spec.clone(), number.saturating_add(1));
                self.add_process(again, out);
            }
            self.add_process(Process { retry_of: item.retry_of, ..process }, out);
        }
        Ok(Reply::Submitted(ids))
    }

    /// Work for another colony must not run here by mistake.
    pub(super) fn check_colony_name(&self, field: &str, name: &str) -> Result<(), Refusal> {
        if name.is_empty() || *name == *self.meta.name {
            return Ok(());
        }
        let dot = if field.is_empty() { "" } else { "." };
        let why = format!("`{name}` is another colony; this is `{}`", self.meta.name);
        Err(Refusal::invalid(&format!("{field}{dot}conditions.colonyname"), why))
    }

    pub(super) fn room_for_processes(&self, count: usize) -> Result<(), Refusal> {
        if self.processes.len().saturating_add(count) > LIVE_MAX {
            return Err(Refusal::Busy(Text::cut("the queue is full")));
        }
        Ok(())
    }

    /// A waiting process without parents, submitted now.
    pub(super) fn new_process(&self, origin: &Origin, spec: FunctionSpec, number: u64) -> Process {
        let now = self.meta.now;
        Process {
            id: self.process_id(origin, number),
            initiator: origin.by,
            initiator_name: self.name_of(&origin.by),
            priority_time: priority_time(now, spec.priority),
            wait_deadline: spec.max_wait_time.as_seconds().map(|span| now.after(span)),
            submitted_at: now,
            ..blank(spec)
        }
    }
}

/// Place in the queue: the moment of submission, moved by a day for each step of priority.
fn priority_time(submitted: Timestamp, priority: i32) -> i64 {
    submitted.as_nanos().saturating_sub(i64::from(priority).saturating_mul(PRIORITY_STEP_NANOS))
}

/// A waiting process of nobody.
pub(super) fn blank(spec: FunctionSpec) -> Process {
    Process {
        id: ProcessId::from_bytes([0; 32]),
        spec: Arc::new(spec),
        initiator: Identity::NOBODY,
        initiator_name: Text::default(),
        state: State::Waiting,
        assigned_to: None,
        executor_name: Text::default(),
        lease: None,
        token: 0,
        retries: 0,
        submitted_at: Timestamp::ZERO,
        started_at: None,
        ended_at: None,
        wait_deadline: None,
        priority_time: 0,
        workflow: None,
        waits_for_parents: false,
        parents: Default::default(),
        children: Default::default(),
        input: Default::default(),
        output: Default::default(),
        errors: Default::default(),
        attributes: Default::default(),
        log_lines: 0,
        retry_of: None,
    }
}
