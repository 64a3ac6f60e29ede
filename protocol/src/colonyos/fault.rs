//! Why a message was not carried out, as ColonyOS tells it: an HTTP status and a text.

use crate::{
    model::{Process, State, json::SpecError},
    refusal::Refusal,
};

/// What went wrong. Clients decide by the status, and people read the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The HTTP status; never 200.
    pub status: u16,
    /// What a person reads.
    pub message: String,
}

impl Fault {
    /// With any status.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The message is not what it should be.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// The caller may not.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// What was asked of a process that has ended.
    #[must_use]
    pub fn ended(kind: &str, process: &Process) -> Self {
        let state = match process.state {
            State::Success => "successful",
            State::Cancelled => "already cancelled",
            other => other.word(),
        };
        match kind {
            "cancelprocessmsg" => Self::bad(format!("Tried to cancel {state} process")),
            "channelappendmsg" => Self::missing("Channel not found: its process has ended"),
            _ => Self::denied("process is not running"),
        }
    }
}

impl From<SpecError> for Fault {
    fn from(error: SpecError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        let status = match refusal {
            Refusal::Invalid { .. }
            | Refusal::Malformed(_)
            | Refusal::Exists { .. }
            | Refusal::WrongState { .. }
            | Refusal::Ambiguous { .. }
            | Refusal::LastVoter { .. }
            | Refusal::Ticket(_) => 400,
            Refusal::Envelope(_) | Refusal::Clock { .. } | Refusal::Denied { .. } | Refusal::Stale { .. } => {
                403
            }
            Refusal::NotFound { .. } => 404,
            Refusal::Replayed => 409,
            Refusal::Busy(_) => 429,
            Refusal::Unavailable(_) => 503,
            Refusal::Storage(_) => 500,
        };
        let message = match refusal {
            Refusal::Denied { why, .. } => format!("Access denied, {why}"),
            other => other.to_string(),
        };
        Self { status, message }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}
