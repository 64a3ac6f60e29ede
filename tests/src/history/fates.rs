//! Attempts to end a process, and what the colony said to them.

use colony_protocol::{
    bounded::Json,
    model::{Process, State, Values},
};

/// What the colony said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out.
    Acknowledged,
    /// It was not, and never will be.
    Refused,
    /// No answer: it may have been carried out.
    Unknown,
}

/// One attempt to end a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The token it was made with.
    pub token: u64,
    /// The result it carried.
    pub success: bool,
    /// The output it carried; differs from that of every other attempt.
    pub output: String,
    /// What the colony said.
    pub verdict: Verdict,
}

impl Attempt {
    /// The output as it travels.
    ///
    /// # Panics
    /// Never: one value is within every bound.
    #[must_use]
    pub fn values(&self) -> Values {
        Values::new(vec![Json::string(&self.output)]).unwrap()
    }

    /// Whether this attempt can be what ended a process.
    #[must_use]
    pub fn may_have_ended(&self, process: &Process) -> bool {
        let state = if self.success { State::Success } else { State::Failed };
        self.verdict != Verdict::Refused && process.state == state && process.output == self.values()
    }
}
