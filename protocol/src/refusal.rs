//! Why a request was not carried out. A refused request changed nothing.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::Text,
    envelope::EnvelopeError,
    identity::Identity,
    model::{Name, State},
    ticket::TicketError,
    time::Timestamp,
};

/// A reason, worded for the person who reads it: what, why, and where it helps the field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A field is missing or wrong.
    #[error("{field}: {why}")]
    Invalid {
        /// The field, as the user wrote it: `conditions.mem`, `functionspecs[2].nodename`.
        field: Text<512>,
        /// What is wrong with it.
        why: Text<2048>,
    },
    /// The bytes are no request of ours.
    #[error("malformed request: {0}")]
    Malformed(Text<512>),
    /// The signature, colony, audience or time of the request is wrong.
    #[error("{0}")]
    Envelope(Text<512>),
    /// By the clock of the node that refuses, the request is over already, or not made yet.
    #[error("{why}; this machine's clock and that of the node that was asked may disagree")]
    Clock {
        /// Which of the two, and by how much.
        why: Text<512>,
        /// That clock.
        now: Timestamp,
    },
    /// The caller may not do this.
    #[error("access denied: {why}")]
    Denied {
        /// Who asked.
        by: Identity,
        /// What would be needed.
        why: Text<512>,
    },
    /// There is no such thing.
    #[error("{what} not found")]
    NotFound {
        /// What was looked for.
        what: Text<512>,
    },
    /// A prefix fits several ids.
    #[error("{what} is ambiguous: {fits} fit")]
    Ambiguous {
        /// What was looked for.
        what: Text<512>,
        /// How many fit.
        fits: u64,
    },
    /// Such a thing exists already.
    #[error("{what} already exists")]
    Exists {
        /// What.
        what: Text<512>,
    },
    /// The process is not in a state that allows this.
    #[error("cannot {action} a process that is {}", state.word())]
    WrongState {
        /// What was tried, as a verb.
        action: Text<64>,
        /// Where the process stands.
        state: State,
    },
    /// The caller's lease is not the process's live lease any more: its write is fenced off.
    #[error("stale lease: the caller's token is {given}, the process is at {current}")]
    Stale {
        /// The caller's token.
        given: u64,
        /// The last token granted.
        current: u64,
    },
    /// The request was carried out before and its answer is no longer kept.
    #[error("this request was carried out before")]
    Replayed,
    /// The ticket does not let its bearer in: forged, expired, used up, another colony's; the text says which and what
    /// to do.
    #[error("{0}")]
    Ticket(Text<512>),
    /// The colony would be left without a voter, and nothing could ever be decided again.
    #[error(
        "`{name}` is the colony's only voter; make another node a voter first: `colony members promote NAME`, or \
         invite one: `colony invite --role voter`"
    )]
    LastVoter {
        /// The voter.
        name: Name,
    },
    /// A bound of the node or the colony is reached; try later.
    #[error("busy: {0}")]
    Busy(Text<512>),
    /// There is no coordinator at the moment, or it could not be asked; the request may or may not have been applied
    /// and may be repeated with the same request id.
    #[error("unavailable: {0}")]
    Unavailable(Text<512>),
    /// This node cannot write to its disk.
    #[error("storage: {0}")]
    Storage(Text<512>),
}

impl Refusal {
    /// Names a field and what is wrong with it.
    #[must_use]
    pub fn invalid(field: &str, why: impl AsRef<str>) -> Self {
        Self::Invalid { field: Text::cut(field), why: Text::cut(why.as_ref()) }
    }

    /// Names what does not exist.
    #[must_use]
    pub fn not_found(what: impl AsRef<str>) -> Self {
        Self::NotFound { what: Text::cut(what.as_ref()) }
    }

    /// Names what exists already.
    #[must_use]
    pub fn exists(what: impl AsRef<str>) -> Self {
        Self::Exists { what: Text::cut(what.as_ref()) }
    }

    /// Says what the caller would need.
    #[must_use]
    pub fn denied(by: Identity, why: impl AsRef<str>) -> Self {
        Self::Denied { by, why: Text::cut(why.as_ref()) }
    }
}

impl From<EnvelopeError> for Refusal {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Codec(error) => Self::Malformed(Text::cut(&error.to_string())),
            EnvelopeError::Expired { now, .. } | EnvelopeError::FromTheFuture { now, .. } => {
                Self::Clock { why: Text::cut(&error.to_string()), now }
            }
            other => Self::Envelope(Text::cut(&other.to_string())),
        }
    }
}

impl From<TicketError> for Refusal {
    fn from(error: TicketError) -> Self {
        Self::Ticket(Text::cut(&error.to_string()))
    }
}
