//! What a member may ask a colony to tell. Queries are signed too, but never enter the log.

mod blueprints;
mod channels;
mod files;

use serde::{Deserialize, Serialize};

pub use self::{blueprints::BlueprintsQuery, channels::ChannelsQuery, files::FilesQuery};
use crate::{
    bounded::Text,
    codec::{self, CodecError},
    model::{BlueprintId, Name, ProcessId, State, WorkflowId, member::MemberKey},
    time::{Span, Timestamp},
};

/// Most rows one answer carries; more is a matter of paging.
pub const PAGE_MAX: u16 = 1_000;

/// The word in an envelope for a question that is answered as of all that was acknowledged before it was asked: by the
/// coordinator, after a quorum confirmed that it still coordinates.
pub const KIND: &str = "query";
/// The word for a question that whichever node got it answers from what it has applied. It may be behind.
pub const STALE_KIND: &str = "stale-query";

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Query {
    /// The colony and its coordinator. Any key may ask: it is how a client finds out what it talks to.
    Status,
    /// Counts by state.
    Statistics,
    /// One process.
    Process(Selector),
    /// Processes, newest first (waiting ones in the order of the queue).
    Processes(ProcessFilter),
    /// One workflow with its processes.
    Workflow(Selector),
    /// Workflows, newest first.
    Workflows {
        /// Only those in this state.
        state: Option<State>,
        /// Only numbers below this: the cursor.
        before: Option<u64>,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
    },
    /// All executors.
    Executors,
    /// All users.
    Users,
    /// All members, gone ones included, and how the node that answers reaches them.
    Members,
    /// Who may speak for the colony to strangers.
    Delegation,
    /// Executors that are silent as they said they would be.
    Silent,
    /// Registered functions, of one executor or of all.
    Functions {
        /// The executor; empty means all.
        executor_name: Name,
    },
    /// Lines of a process's log.
    Log {
        /// The process.
        process: Selector,
        /// The first line wanted.
        from: u64,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
        /// Whether to give the last `limit` lines instead.
        latest: bool,
    },
    /// Waits until a process has log lines from `from` on, or is in another state than `state`, or `wait` is over.
    Watch {
        /// The process.
        process: Selector,
        /// The first line not yet seen.
        from: u64,
        /// The state last seen.
        state: Option<State>,
        /// How long to wait, at most [`crate::command::WAIT_MAX`].
        wait: Span,
    },
    /// Each condition of a process against each executor: why it does not run.
    Explain(Selector),
    /// How the node that answers is doing. Ask one node, for the answer as it knows it: [`STALE_KIND`].
    Vitals,

    /// Crons, by number.
    Crons {
        /// Only numbers above this: the cursor.
        after: u64,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
    },
    /// One cron.
    Cron {
        /// Its name, its number as `c7`, or the first characters of its id, which must fit only one.
        named: Name,
    },
    /// Generators, by number.
    Generators {
        /// Only numbers above this: the cursor.
        after: u64,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
    },
    /// One generator.
    Generator {
        /// Its name, its number as `g7`, or the first characters of its id, which must fit only one.
        named: Name,
    },
    /// How long finished work is kept.
    Policy,
    /// Lines of a process's log that were written after a moment, oldest first.
    LogSince {
        /// The process.
        process: Selector,
        /// The moment.
        since: Timestamp,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
    },
    /// Lines of all logs that fit: those of the newest process first, of each its last line first, and the executors'
    /// own ones at the end.
    SearchLog(LogSearch),
    /// Executors that hear the colony's announcements and can be met, as the node that answers knows them: who asks takes
    /// some of them for neighbours. Ask one node: [`STALE_KIND`].
    Listeners {
        /// The asker's key, by which it is connected: what is near both of them is named too.
        key: MemberKey,
    },
    /// Files and snapshots.
    Files(FilesQuery),
    /// Blueprints and their definitions.
    Blueprints(BlueprintsQuery),
    /// What a blueprint said after each change, newest first.
    BlueprintHistory {
        /// The blueprint.
        blueprint: BlueprintId,
        /// At most this many, up to [`PAGE_MAX`].
        limit: u16,
    },
    /// All locations, by name.
    Locations,
    /// Channels of a process.
    Channels(ChannelsQuery),
}

/// Which lines of all logs. All given conditions must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSearch {
    /// Only lines that contain this; case counts.
    pub text: Text<1024>,
    /// Only lines this executor wrote.
    pub executor_name: Option<Name>,
    /// Only lines written after this moment.
    pub since: Option<Timestamp>,
    /// Only what comes after this place in the order: where the page before ended.
    pub after: Option<LogPlace>,
    /// At most this many, up to [`PAGE_MAX`].
    pub limit: u16,
}

/// A place among the lines of all logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogPlace {
    /// The number of the process; 0 for what executors say that belongs to no process.
    pub process: u64,
    /// The line.
    pub line: u64,
}

/// How people name a process or a workflow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Selector {
    /// By number: `p7`.
    Number(u64),
    /// By the first hex characters of the id, which must fit only one.
    Prefix(Text<64>),
    /// The newest one.
    Last,
}

impl From<ProcessId> for Selector {
    fn from(id: ProcessId) -> Self {
        Self::Prefix(Text::cut(&id.to_hex()))
    }
}

impl From<WorkflowId> for Selector {
    fn from(id: WorkflowId) -> Self {
        Self::Prefix(Text::cut(&id.to_hex()))
    }
}

/// Which processes. All given conditions must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessFilter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those that ask for this executor type.
    pub executor_type: Option<Name>,
    /// Only those with this label.
    pub label: Option<Name>,
    /// Only those submitted by this name.
    pub initiator: Option<Name>,
    /// Only those of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Only numbers below this: the cursor.
    pub before: Option<u64>,
    /// At most this many, up to [`PAGE_MAX`].
    pub limit: u16,
}

impl Query {
    /// How long the asker is willing to wait for the answer to change.
    #[must_use]
    pub const fn wait(&self) -> Span {
        match self {
            Self::Watch { wait, .. } | Self::Channels(ChannelsQuery::Read { wait, .. }) => *wait,
            _ => Span::ZERO,
        }
    }

    /// The word for it in an envelope, unless any node shall answer as it knows: [`STALE_KIND`]. One word for all: what
    /// matters is that a query can never pass for a command.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        KIND
    }

    /// The payload bytes.
    ///
    /// # Errors
    /// See [`codec::encode`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self)
    }

    /// Reads payload bytes.
    ///
    /// # Errors
    /// See [`codec::decode`].
    pub fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        codec::decode(payload)
    }
}
