//! How long finished work is kept. The owner says it; the core decides when the archive is gone through, and the store
//! forgets what the policy names.
//!
//! Finished work is in the archive, outside the core. So the archive is gone through by number, a bounded part of it in
//! one entry, from the oldest on, again and again: no replica forgets anything that another keeps, and nothing takes long.
//! What the policy does not name is not touched. Counts by state stay: they tell what has been, not what is kept.

use std::ops::Range;

use super::{Change, Colony, Outbox, RowKey};
use crate::{
    identity::Identity,
    model::{Policy, State},
    refusal::Refusal,
    reply::Reply,
    time::{Span, Timestamp},
};

/// The shortest time that finished work is kept: whoever waits for it must be able to fetch the result.
const KEPT_MIN: Span = Span::from_secs(60);
/// From the end of one round through the archive to the next.
const ROUND: Span = Span::from_secs(600);
/// Between two parts of a round.
const PAUSE: Span = Span::from_secs(1);
/// Most numbers of one part: looked through in a few milliseconds.
const PART: u64 = 1_000;

/// A part of the archive, and what of it is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Numbers of processes.
    pub processes: Range<u64>,
    /// Numbers of workflows.
    pub workflows: Range<u64>,
    policy: Policy,
    now: Timestamp,
}

impl Expiry {
    /// Whether something that ended like this and then is to be forgotten.
    #[must_use]
    pub fn takes(&self, state: State, ended_at: Option<Timestamp>) -> bool {
        self.is_older(self.policy.keeps(state), ended_at)
    }

    /// Whether the log of a process that ended then is to be forgotten, whatever becomes of the process.
    #[must_use]
    pub fn takes_log(&self, ended_at: Option<Timestamp>) -> bool {
        self.is_older(self.policy.logs, ended_at)
    }

    fn is_older(&self, kept: Option<Span>, ended_at: Option<Timestamp>) -> bool {
        let (Some(kept), Some(ended_at)) = (kept, ended_at) else { return false };
        ended_at.after(kept) < self.now
    }
}

impl Colony {
    pub(super) fn set_policy(
        &mut self,
        by: &Identity,
        policy: &Policy,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let spans = [
            ("success", policy.success),
            ("failed", policy.failed),
            ("cancelled", policy.cancelled),
            ("logs", policy.logs),
        ];
        for (field, span) in spans {
            if span.is_some_and(|span| span < KEPT_MIN) {
                return Err(Refusal::invalid(field, "finished work is kept for at least one minute"));
            }
        }
        self.policy = *policy;
        self.meta.retention = Retention {
            due: (!policy.is_empty()).then(|| self.meta.now.after(PAUSE)),
            ..Retention::default()
        };
        out.touch(RowKey::Policy);
        Ok(Reply::Done)
    }

    /// Has the next part of the archive gone through.
    pub(super) fn retention_is_due(&mut self, out: &mut Outbox) {
        let (now, from) = (self.meta.now, self.meta.retention.next);
        let to = from.saturating_add(PART);
        let last = self.meta.last_process.max(self.meta.last_workflow);
        let expiry = Expiry { processes: from..to, workflows: from..to, policy: self.policy, now };
        out.changes.push(Change::Expired(expiry));
        self.meta.retention = if to > last {
            Retention { next: 0, due: Some(now.after(ROUND)) }
        } else {
            Retention { next: to, due: Some(now.after(PAUSE)) }
        };
        if self.policy.is_empty() {
            self.meta.retention = Retention::default();
        }
    }
}

/// How far the archive was gone through.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Retention {
    /// The first number of the next part.
    pub(super) next: u64,
    /// When it is its turn; never without a policy.
    pub(super) due: Option<Timestamp>,
}
