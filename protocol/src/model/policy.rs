//! What a colony forgets by itself.

use serde::{Deserialize, Serialize};

use super::State;
use crate::time::Span;

/// How long finished work is kept. What is not named is kept for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Successful processes and workflows, with their logs.
    pub success: Option<Span>,
    /// Failed ones.
    pub failed: Option<Span>,
    /// Cancelled ones.
    pub cancelled: Option<Span>,
    /// Logs of finished processes, whatever becomes of the processes.
    pub logs: Option<Span>,
}

impl Policy {
    /// How long what ended like this is kept; `None` for ever.
    #[must_use]
    pub const fn keeps(&self, state: State) -> Option<Span> {
        match state {
            State::Success => self.success,
            State::Failed => self.failed,
            State::Cancelled => self.cancelled,
            State::Waiting | State::Running => None,
        }
    }

    /// Whether anything is ever forgotten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
