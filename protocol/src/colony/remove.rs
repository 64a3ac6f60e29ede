//! Forgets processes and workflows.
//!
//! Finished ones are in the archive, which the core does not see, and what is in it may differ from member to member for
//! a while: each drops what is too old when it comes to it. So an answer may not depend on it. The core accepts to forget
//! any number it ever gave out, and the store drops the row if it is there, bears that id and is the caller's to forget.
//! So forgetting twice is no error. Who asks for another's is told so by the coordinator, before it proposes the change;
//! only what ends between that look and the entry is answered with success and kept.

use super::{Archived, Change, Colony, Event, Outbox, RowKey};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{ProcessId, State, WorkflowId},
    refusal::Refusal,
    reply::Reply,
};

impl Colony {
    pub(super) fn remove(
        &mut self,
        by: &Identity,
        id: &ProcessId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let number = id.number();
        let Some(process) = self.processes.get(&number) else {
            if number == 0 || number > self.meta.last_process {
                return Err(Refusal::not_found(format!("process {id}")));
            }
            out.changes.push(Change::Removed(Archived::Process(*id), *by));
            if self.channels_are_of(by, id) {
                self.forget_channels(number, out);
            }
            return Ok(Reply::Done);
        };
        if process.id != *id {
            return Err(Refusal::not_found(format!("process {id}")));
        }
        self.may_end(by, &process.initiator, &process.initiator_name)?;
        if process.workflow.is_some() {
            return Err(Refusal::invalid(
                "processid",
                "it belongs to a workflow; remove the workflow as a whole",
            ));
        }
        if process.state != State::Waiting {
            return Err(Refusal::WrongState { action: Text::cut("remove"), state: process.state });
        }
        self.drop_waiting(number, out);
        Ok(Reply::Done)
    }

    pub(super) fn remove_all(
        &mut self,
        by: &Identity,
        state: State,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        match state {
            State::Running => Err(Refusal::WrongState { action: Text::cut("remove"), state }),
            State::Waiting => {
                let standalone = self
                    .processes
                    .iter()
                    .filter(|(_, process)| process.state == State::Waiting && process.workflow.is_none());
                let numbers: Vec<u64> = standalone.map(|(number, _)| *number).collect();
                for number in &numbers {
                    self.drop_waiting(*number, out);
                }
                Ok(Reply::Removed(numbers.len() as u64))
            }
            State::Success | State::Failed | State::Cancelled => {
                out.changes.push(Change::ForgottenState(state));
                Ok(Reply::Removed(self.meta.counters.drop_standalone(state)))
            }
        }
    }

    /// Forgets a finished workflow and its processes.
    pub(super) fn remove_workflow(
        &mut self,
        by: &Identity,
        id: &WorkflowId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let number = id.number();
        if let Some(workflow) = self.workflows.get(&number) {
            if workflow.row.id != *id {
                return Err(Refusal::not_found(format!("workflow {id}")));
            }
            return Err(Refusal::invalid("processgraphid", "it is unfinished; cancel it first"));
        }
        if number == 0 || number > self.meta.last_workflow {
            return Err(Refusal::not_found(format!("workflow {id}")));
        }
        out.changes.push(Change::Removed(Archived::Workflow(*id), *by));
        Ok(Reply::Done)
    }

    /// Drops a waiting process without a trace, but for those who watch it: they must look again.
    fn drop_waiting(&mut self, number: u64, out: &mut Outbox) {
        let Some(process) = self.processes.remove(&number) else { return };
        self.index.remove(&process);
        self.meta.counters.drop_process(process.workflow.is_none(), process.state);
        out.touch(RowKey::Process(number));
        out.forget(RowKey::LogLine(number, 0));
        self.forget_channels(number, out);
        out.event(Event::Process { process: process.id, state: State::Cancelled });
    }
}
