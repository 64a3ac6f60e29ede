//! Crons start work when their moment has come.
//!
//! A run is decided by an entry of the log whose time is not before the moment, so it happens once on every replica, and
//! however many moments passed since the last entry, they become one run. What cannot start says why in the cron's row
//! and tries again at the next moment.
//!
//! What may never happen: two runs for one moment; work started in the name of somebody who is no member any more.

use super::{Colony, Outbox, RowKey, submit::Origin, weight, workflow_submit::Start};
use crate::{
    bounded::Text,
    envelope::RequestId,
    identity::Digest,
    model::{Cron, CronId, Values, WorkflowId},
    refusal::Refusal,
    schedule::Timetable,
};

/// Most bytes one run hands on to the next: they are part of the cron's row, which is written whole.
const HANDED_ON_MAX: usize = 1024 * 1024;
/// What a cron's row says whose run gave more than that.
const TOO_MUCH: &str = "The outputs of the run before were too large to be handed on";

impl Colony {
    /// Whether a cron has to wait until the workflow it started last has ended.
    pub(super) fn must_wait(&self, cron: &Cron) -> bool {
        let unfinished = |workflow: WorkflowId| self.workflows.contains_key(&workflow.number());
        cron.wait_for_previous && cron.previous.is_some_and(unfinished)
    }

    /// Changes a cron and puts it where it belongs.
    pub(super) fn change_cron(&mut self, number: u64, change: impl FnOnce(&mut Cron)) {
        let Some(mut cron) = self.crons.take(number) else { return };
        change(&mut cron);
        let may_run = !self.must_wait(&cron);
        self.crons.put(cron, may_run);
    }

    /// The moment of a cron's next run has come.
    pub(super) fn cron_is_due(&mut self, number: u64, out: &mut Outbox) {
        let outcome = self.run_cron(number, out);
        let now = self.meta.now;
        self.change_cron(number, |cron| {
            let timetable = Timetable::new(&cron.schedule).ok();
            let next = timetable.and_then(|timetable| timetable.next_run(&cron.id, cron.tick, now));
            cron.next_run = next.map(|(_, run)| run);
            cron.tick = next.map_or(cron.tick, |(tick, _)| tick);
            if let Err(refusal) = outcome {
                cron.problem = Text::cut(&refusal.to_string());
            }
        });
        out.touch(RowKey::Cron(number));
    }

    /// Starts a cron's workflow; on a refusal, nothing changed.
    pub(super) fn run_cron(&mut self, number: u64, out: &mut Outbox) -> Result<WorkflowId, Refusal> {
        let gone = || Refusal::not_found("the cron");
        let cron = self.crons.get(number).cloned().ok_or_else(gone)?;
        self.member(&cron.initiator)?;
        let origin = Origin { by: cron.initiator, request: run_request(&cron.id, cron.runs) };
        let root_input = match cron.previous.map(|previous| self.handed_on_by(&previous)) {
            // It has not ended: what there is of its outputs.
            Some(Some(so_far)) => so_far.unwrap_or_default(),
            _ => cron.handed_on,
        };
        let start = Start { root_input, ..Start::plain(&cron.spec) };
        let (workflow, _) = self.start_workflow(&origin, start, out)?;
        let now = self.meta.now;
        self.change_cron(number, |cron| {
            cron.last_run = Some(now);
            cron.previous = Some(workflow);
            cron.runs = cron.runs.saturating_add(1);
            cron.handed_on = Values::default();
            cron.problem = Text::default();
        });
        out.touch(RowKey::Cron(number));
        Ok(workflow)
    }

    /// What the last processes of a workflow in memory have put out, if a cron started it last.
    pub(super) fn handed_on_by(&self, workflow: &WorkflowId) -> Option<Result<Values, TooMuch>> {
        self.crons.that_started(workflow)?;
        let processes = &self.workflows.get(&workflow.number())?.row.processes;
        let processes = processes.iter().filter_map(|id| self.processes.get(&id.number()));
        let outputs = || processes.clone().filter(|process| process.children.is_empty());
        let bytes: usize = outputs().map(|process| weight::of_values(&process.output)).sum();
        if bytes > HANDED_ON_MAX {
            return Some(Err(TooMuch));
        }
        let values = outputs().flat_map(|process| process.output.iter().cloned()).collect();
        Some(Values::new(values).map_err(|_| TooMuch))
    }

    /// The workflow that a cron started last has ended and is not in memory any more.
    pub(super) fn cron_may_go_on(
        &mut self,
        workflow: &WorkflowId,
        handed_on: Option<Result<Values, TooMuch>>,
        out: &mut Outbox,
    ) {
        let (Some(number), Some(handed_on)) = (self.crons.that_started(workflow), handed_on) else { return };
        self.change_cron(number, |cron| match handed_on {
            Ok(values) => cron.handed_on = values,
            Err(TooMuch) => cron.problem = Text::cut(TOO_MUCH),
        });
        out.touch(RowKey::Cron(number));
    }
}

/// A run put out more than is handed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooMuch;

/// What a run counts as in the ids of what it makes.
fn run_request(cron: &CronId, run: u64) -> RequestId {
    let hash = Digest::of(&[b"colony/cron-run/1\n", cron.as_bytes(), &run.to_be_bytes()]);
    let mut request = [0; 16];
    request.copy_from_slice(&hash.0[..16]);
    RequestId::from_bytes(request)
}
