//! How long finished work is kept: the owner says it, the archive does it.

use super::{Colony, Outbox, RowKey};
use crate::{
    identity::Identity,
    model::{Policy, State},
    refusal::Refusal,
    reply::Reply,
    time::Span,
};

/// The shortest time that finished work is kept: whoever waits for it must be able to fetch the result.
const KEPT_MIN: Span = Span::from_secs(60);

impl Colony {
    pub(super) fn set_policy(
        &mut self,
        by: &Identity,
        policy: &Policy,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let spans = [
            ("success", policy.keeps(State::Success)),
            ("failed", policy.keeps(State::Failed)),
            ("cancelled", policy.keeps(State::Cancelled)),
            ("logs", policy.logs),
        ];
        for (field, span) in spans {
            if span.is_some_and(|span| span < KEPT_MIN) {
                return Err(Refusal::invalid(field, "finished work is kept for at least one minute"));
            }
        }
        self.policy = *policy;
        out.touch(RowKey::Policy);
        Ok(Reply::Done)
    }
}
