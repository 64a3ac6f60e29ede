//! What can be asked about one process, and what can be said to it.

use colony_protocol::{
    bounded::{Json, Text},
    identity::Identity,
    model::{FunctionSpec, Process, State, Values},
    refusal::Refusal,
    reply::LeaseStatus,
};

/// A question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It was put into the queue.
    Submit,
    /// The caller was given it.
    Grant {
        /// The fencing token.
        token: u64,
        /// The coordinator's term.
        term: u64,
    },
    /// The caller asked whether it still holds it.
    Renew {
        /// The caller's token.
        token: u64,
        /// Whether it does.
        status: LeaseStatus,
    },
    /// The caller gave a result.
    Close {
        /// The caller's token.
        token: u64,
        /// What it gave.
        ending: Ending,
        /// What it was told.
        told: Told,
    },
    /// The caller gave it back to the queue.
    Release {
        /// The caller's token.
        token: u64,
        /// What it was told.
        told: Told,
    },
    /// Somebody cancelled it.
    Cancel {
        /// What they were told.
        told: Told,
    },
    /// Somebody looked at it.
    Read(Sight),
}

/// What the colony said to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// It was carried out.
    Done,
    /// It was not, and never will be: the token is not the last one.
    Stale {
        /// The last one.
        current: u64,
    },
    /// It was not: nobody holds the process.
    Idle,
    /// It was not: somebody else holds the process.
    Foreign,
    /// It was not: the process has ended.
    Over,
    /// Nothing: it may have been carried out.
    Nothing,
}

impl Told {
    /// Reads the outcome of one item; `None` if no honest colony would say this.
    #[must_use]
    pub fn of(outcome: &Result<(), Refusal>) -> Option<Self> {
        Some(match outcome {
            Ok(()) => Self::Done,
            Err(Refusal::Stale { current, .. }) => Self::Stale { current: *current },
            Err(Refusal::WrongState { state: State::Waiting, .. }) => Self::Idle,
            Err(Refusal::WrongState { state, .. }) if state.is_terminal() => Self::Over,
            // Finished processes are in the archive, where nothing is changed any more.
            Err(Refusal::NotFound { .. }) => Self::Over,
            Err(Refusal::Denied { .. }) => Self::Foreign,
            Err(_) => return None,
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ending {
    /// Which of the terminal states.
    pub state: State,
    /// The mark of the result: no two attempts have the same. Zero without one.
    pub mark: u64,
}

impl Ending {
    /// What a cancelled process looks like.
    pub const CANCELLED: Self = Self { state: State::Cancelled, mark: 0 };
}

/// How a process looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// There is none.
    Absent,
    /// In the queue.
    Waiting {
        /// The last token granted.
        token: u64,
    },
    /// Held.
    Running {
        /// The token.
        token: u64,
        /// The term it was granted in.
        term: u64,
        /// By whom it is held.
        holder: Identity,
    },
    /// Ended.
    Ended {
        /// The last token granted.
        token: u64,
        /// How.
        ending: Ending,
    },
}

impl Sight {
    /// How a process looks.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        let token = process.token;
        match (process.state, process.lease) {
            (State::Running, Some(lease)) => {
                Self::Running { token: lease.token, term: lease.term, holder: lease.holder }
            }
            (State::Waiting | State::Running, _) => Self::Waiting { token },
            (state, _) => Self::Ended { token, ending: Ending { state, mark: mark_of(&process.output) } },
        }
    }
}

/// A result that carries a mark.
///
/// # Panics
/// Never: one value is within every bound.
#[must_use]
pub fn output(mark: u64) -> Values {
    Values::new(vec![Json::string(&mark.to_string())]).unwrap()
}

/// The mark of a result; zero if there is none, the largest number if it is somebody else's.
fn mark_of(output: &Values) -> u64 {
    match output.first() {
        None => 0,
        Some(value) => value.as_text().trim_matches('"').parse().unwrap_or(u64::MAX),
    }
}

/// Work that carries a tag, so that an item that was queued twice is found.
#[must_use]
pub fn tagged(spec: FunctionSpec, tag: &str) -> FunctionSpec {
    FunctionSpec { label: Text::cut(tag), ..spec }
}

/// The tag of a process.
#[must_use]
pub fn tag_of(process: &Process) -> String {
    process.spec.label.as_str().to_owned()
}
