//! Cancels unfinished work. A member may cancel anything of its colony, as in ColonyOS.

use super::{Colony, Outbox, transitions::Ending};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{ProcessId, WorkflowId},
    mutant,
    refusal::Refusal,
    reply::Reply,
};

impl Colony {
    /// Cancels a process and all that wait for it.
    pub(super) fn cancel(
        &mut self,
        by: &Identity,
        id: &ProcessId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let process = self.live(id)?;
        self.may_end(by, &process.initiator, &process.initiator_name)?;
        if process.state.is_terminal() {
            return Err(Refusal::WrongState { action: Text::cut("cancel"), state: process.state });
        }
        if mutant::is("cancel-nothing") {
            return Ok(Reply::Done);
        }
        self.revoke(id.number(), out);
        self.end(id.number(), Ending::cancelled(), out);
        Ok(Reply::Done)
    }

    /// Cancels what is unfinished of a workflow; what is finished stays as it is.
    pub(super) fn cancel_workflow(
        &mut self,
        by: &Identity,
        id: &WorkflowId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let workflow = self.live_workflow_by_id(id)?;
        self.may_end(by, &workflow.initiator, &workflow.initiator_name)?;
        let members: Vec<u64> = workflow.processes.iter().map(ProcessId::number).collect();
        for number in members {
            let unfinished = self.processes.get(&number).is_some_and(|process| !process.state.is_terminal());
            if unfinished {
                self.revoke(number, out);
                self.end(number, Ending::cancelled(), out);
            }
        }
        Ok(Reply::Done)
    }
}
