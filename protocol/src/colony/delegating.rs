//! Who may speak for the colony to strangers: the owner's latest word, kept where every voter finds it.

use super::{Colony, Event, Outbox, RowKey};
use crate::{
    charter::{CharterError, SignedDelegation},
    identity::Identity,
    refusal::Refusal,
    reply::Reply,
};

impl Colony {
    pub(super) fn delegate(
        &mut self,
        by: &Identity,
        signed: &SignedDelegation,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let invalid = |error: CharterError| Refusal::invalid("delegation", error.to_string());
        let delegation = signed.verify().map_err(invalid)?;
        if delegation.colony != self.id {
            return Err(invalid(CharterError::WrongColony));
        }
        if self.delegation.as_ref() == Some(signed) {
            return Ok(Reply::Done);
        }
        // What is kept was verified when it came.
        let last = self.delegation.as_ref().and_then(|last| last.verify().ok()).map(|last| last.sequence);
        if last.is_some_and(|last| delegation.sequence <= last) {
            return Err(Refusal::exists("a later delegation"));
        }
        self.delegation = Some(signed.clone());
        out.touch(RowKey::Delegation);
        out.event(Event::Members);
        Ok(Reply::Done)
    }
}
