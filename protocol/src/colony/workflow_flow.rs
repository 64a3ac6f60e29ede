//! What the processes of a workflow mean for the whole: its state, and when it leaves memory.
//!
//! The state is derived as in ColonyOS: failed before cancelled before success. It may be failed while independent
//! branches still run; the workflow *ends* when none of its processes is unfinished, and then leaves memory together
//! with all of them.

use super::{Colony, Event, Outbox, RowKey, encoding::encode_workflow};
use crate::{
    model::{ProcessId, State, Workflow, WorkflowId},
    refusal::Refusal,
};

/// A workflow in memory.
#[derive(Debug)]
pub(super) struct LiveWorkflow {
    pub(super) row: Workflow,
    pub(super) tally: Tally,
}

impl LiveWorkflow {
    pub(super) fn new(row: Workflow, waiting: usize) -> Self {
        Self { row, tally: Tally([waiting, 0, 0, 0, 0]) }
    }
}

/// How many processes of a workflow are in each state. Not stored: it follows from the processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally([usize; 5]);

impl Tally {
    pub(super) fn of(&self, state: State) -> usize {
        self.0.get(usize::from(u8::from(state))).copied().unwrap_or_default()
    }

    pub(super) fn added(&mut self, state: State) {
        if let Some(count) = self.0.get_mut(usize::from(u8::from(state))) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn moved(&mut self, from: State, to: State) {
        if let Some(count) = self.0.get_mut(usize::from(u8::from(from))) {
            *count = count.saturating_sub(1);
        }
        self.added(to);
    }

    fn unfinished(&self) -> usize {
        self.of(State::Waiting).saturating_add(self.of(State::Running))
    }

    fn state(&self) -> State {
        if self.of(State::Failed) > 0 {
            State::Failed
        } else if self.of(State::Cancelled) > 0 {
            State::Cancelled
        } else if self.unfinished() == 0 {
            State::Success
        } else if self.of(State::Running) > 0 || self.of(State::Success) > 0 {
            State::Running
        } else {
            State::Waiting
        }
    }
}

impl Colony {
    /// Brings the state of a process's workflow up to date; hands all of it to the archive when it ended.
    pub(super) fn settle_workflow_of(&mut self, number: u64, out: &mut Outbox) {
        let Some(id) = self.processes.get(&number).and_then(|process| process.workflow) else { return };
        let Some(workflow) = self.workflows.get_mut(&id.number()) else { return };
        let now = self.meta.now;
        let (before, after) = (workflow.row.state, workflow.tally.state());
        let starts = workflow.row.started_at.is_none() && workflow.tally.of(State::Running) > 0;
        let ends = workflow.tally.unfinished() == 0;
        if starts {
            workflow.row.started_at = Some(now);
        }
        if ends {
            workflow.row.ended_at = Some(now);
        }
        workflow.row.state = after;
        self.meta.counters.move_workflow(before, after);
        if before != after || starts || ends {
            out.touch(RowKey::Workflow(id.number()));
        }
        if before != after || ends {
            out.event(Event::Workflow { workflow: id, state: after });
        }
        if ends {
            self.archive_workflow(&id, out);
        }
    }

    fn archive_workflow(&mut self, id: &WorkflowId, out: &mut Outbox) {
        let handed_on = self.handed_on_by(id);
        let Some(workflow) = self.workflows.remove(&id.number()) else { return };
        self.cron_may_go_on(id, handed_on, out);
        for process in &workflow.row.processes {
            self.archive(process.number(), out);
        }
        out.keep(RowKey::ArchivedWorkflow(id.number()), encode_workflow(&workflow.row));
    }

    /// A workflow that is still in memory.
    pub(super) fn live_workflow_by_id(&self, id: &WorkflowId) -> Result<&Workflow, Refusal> {
        match self.workflows.get(&id.number()).filter(|workflow| workflow.row.id == *id) {
            Some(workflow) => Ok(&workflow.row),
            None => Err(Refusal::not_found(format!("an unfinished workflow {id}"))),
        }
    }

    /// Adds a process to its workflow's row and count.
    pub(super) fn join_workflow(&mut self, workflow: &WorkflowId, process: ProcessId, out: &mut Outbox) {
        if let Some(workflow) = self.workflows.get_mut(&workflow.number()) {
            // The caller made sure that there is room.
            let _ = workflow.row.processes.push(process);
            workflow.tally.added(State::Waiting);
            out.touch(RowKey::Workflow(workflow.row.id.number()));
        }
    }
}
