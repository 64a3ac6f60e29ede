//! The fence: which writes to a running process still count.
//!
//! A write names the token under which the caller holds the process. Only the holder of the live lease passes; a late
//! executor is told that its token is stale, and nothing of what it says reaches the process.

use super::Colony;
use crate::{
    bounded::Text,
    command::LeaseRef,
    identity::Identity,
    model::{Process, ProcessId, State},
    mutant,
    refusal::Refusal,
    reply::{LeaseStatus, Reply},
};

impl Colony {
    /// The process `by` holds under this token; `action` is the verb for the error text.
    pub(super) fn held(&self, by: &Identity, lease: &LeaseRef, action: &str) -> Result<&Process, Refusal> {
        self.approved(by)?;
        let process = self.live(&lease.process)?;
        let is_any = lease.token == LeaseRef::ANY || mutant::is("ignore-the-fencing-token");
        if process.token != lease.token && !is_any {
            return Err(Refusal::Stale { given: lease.token, current: process.token });
        }
        match process.lease {
            Some(live) if live.holder == *by || mutant::is("ignore-the-holder") => Ok(process),
            Some(_) => Err(Refusal::denied(*by, "another executor holds this process")),
            None if mutant::is("write-without-a-lease") => Ok(process),
            None => Err(Refusal::WrongState { action: Text::cut(action), state: process.state }),
        }
    }

    /// A process that is still in memory.
    pub(super) fn live(&self, id: &ProcessId) -> Result<&Process, Refusal> {
        let process = self.processes.get(&id.number()).filter(|process| process.id == *id);
        match process {
            Some(process) => Ok(process),
            None => Err(Refusal::not_found(format!("an unfinished process {id}"))),
        }
    }

    /// Tells the caller which of its leases still stand. That they are renewed is the work of the call itself.
    pub(super) fn renew(&self, by: &Identity, leases: &[LeaseRef]) -> Result<Reply, Refusal> {
        self.approved(by)?;
        Ok(Reply::Renewed(leases.iter().map(|lease| self.status(by, lease)).collect()))
    }

    fn status(&self, by: &Identity, lease: &LeaseRef) -> LeaseStatus {
        let Ok(process) = self.live(&lease.process) else { return LeaseStatus::Lost };
        if mutant::is("renew-what-is-lost") {
            return LeaseStatus::Live(None);
        }
        if process.token != lease.token || process.assigned_to != Some(*by) {
            return LeaseStatus::Lost;
        }
        match (process.state, process.lease) {
            (State::Cancelled, _) => LeaseStatus::Cancelled,
            (State::Running, Some(live)) => LeaseStatus::Live(self.renew_by(&live)),
            _ => LeaseStatus::Lost,
        }
    }
}
