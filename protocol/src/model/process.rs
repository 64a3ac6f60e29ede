//! One execution of a function spec, from submission to its one terminal state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Errors, FunctionSpec, Name, ProcessId, Values, WorkflowId, is_default};
use crate::{
    bounded::{List, Text},
    identity::Identity,
    time::{Span, Timestamp},
};

/// Where a process stands. The numbers are ColonyOS's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum State {
    /// In the queue, or waiting for its parents.
    #[default]
    Waiting = 0,
    /// Leased to an executor.
    Running = 1,
    /// Closed as successful.
    Success = 2,
    /// Closed as failed, by its executor or by a limit.
    Failed = 3,
    /// Cancelled by a member.
    Cancelled = 4,
}

impl State {
    /// True for the three states nothing leaves.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }

    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<State> for u8 {
    fn from(state: State) -> Self {
        state as Self
    }
}

impl TryFrom<u8> for State {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Ok(match code {
            0 => Self::Waiting,
            1 => Self::Running,
            2 => Self::Success,
            3 => Self::Failed,
            4 => Self::Cancelled,
            other => return Err(format!("unknown process state {other}")),
        })
    }
}

/// The right of one executor to run one process until a moment, and the number that fences off everybody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub holder: Identity,
    /// Fencing token: grows with each grant of this process, never repeats.
    pub token: u64,
    /// The coordinator's term that granted it.
    pub term: u64,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// The holder's promise: some authenticated call at least this often. `None` for holders that promise nothing
    /// (ColonyOS clients); their lease ends only at the hard deadline.
    pub heartbeat: Option<Span>,
    /// When the lease is lost unless the holder is heard, as of the grant: then + heartbeat, or its next contact window
    /// plus a margin. Each call of the holder moves this moment for all its leases at once, without touching their
    /// rows: [`crate::colony::Colony::renew_by`] tells it as of now.
    pub renew_by: Option<Timestamp>,
    /// When the lease ends whatever happens: the start plus `maxexectime`.
    pub hard_deadline: Option<Timestamp>,
}

/// One execution of a function spec.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its id; carries its number.
    pub id: ProcessId,
    /// What was asked. Shared: cloning a process does not copy its spec.
    pub spec: Arc<FunctionSpec>,
    /// Who asked.
    pub initiator: Identity,
    /// The asker's name at that time.
    pub initiator_name: Name,
    /// Where it stands.
    pub state: State,
    /// The current or last lease's holder; nobody before the first and after a return to the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<Identity>,
    /// That holder's name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub executor_name: Name,
    /// The live lease; `Some` exactly while running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The last token given out; the next lease gets one more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub token: u64,
    /// How often it went back to the queue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: u32,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When the current or last lease was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended, or last went back to the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it fails if it is still waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_deadline: Option<Timestamp>,
    /// Place in the queue, smaller first: submission in ns minus priority times one day in ns (ColonyOS).
    pub priority_time: i64,
    /// Its workflow, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// True while a parent has not succeeded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waits_for_parents: bool,
    /// Processes that must succeed first; their outputs, in this order, are the input.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parents: List<ProcessId, 4096>,
    /// Processes that wait for this one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub children: List<ProcessId, 4096>,
    /// Outputs of the parents, filled when it is assigned.
    #[serde(default, skip_serializing_if = "is_default")]
    pub input: Values,
    /// What the executor produced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Values,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub errors: Errors,
    /// Notes of the executor; environment variables are shown as attributes too but live in the spec.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attributes: List<Attribute, 4096>,
    /// How many log lines it has; the next line gets this number.
    #[serde(default, skip_serializing_if = "is_default")]
    pub log_lines: u64,
    /// The process this one repeats, if it was made by a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<ProcessId>,
}

impl Process {
    /// Its number within the colony: `p7`.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.number()
    }

    /// Which try this is, from 1; counts the running one.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.retries.saturating_add(1)
    }
}

/// What an attribute is about. The numbers are ColonyOS's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum AttributeKind {
    /// Input.
    In = 0,
    /// Output.
    Out = 1,
    /// Error.
    Err = 2,
    /// Environment.
    Env = 3,
}

impl From<AttributeKind> for u8 {
    fn from(kind: AttributeKind) -> Self {
        kind as Self
    }
}

impl TryFrom<u8> for AttributeKind {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Ok(match code {
            0 => Self::In,
            1 => Self::Out,
            2 => Self::Err,
            3 => Self::Env,
            other => return Err(format!("unknown attribute type {other}")),
        })
    }
}

/// A key and a value that stay with a process. Immutable: the same key and kind cannot be set twice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attribute {
    /// The key.
    pub key: Name,
    /// The value.
    pub value: Text<65536>,
    /// What it is about.
    pub kind: AttributeKind,
}
