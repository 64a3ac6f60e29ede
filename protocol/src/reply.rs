//! What a member is told.
//!
//! A client reads what a node it may not know tells it, so every list has a bound here too: the one under which a
//! colony made it.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::{List, at_most},
    charter::SignedDelegation,
    command::BATCH_MAX,
    identity::Identity,
    model::{
        BlueprintId, Cron, CronId, DefinitionId, Executor, FileId, Generator, GeneratorId, LogStream,
        NODES_MAX, Name, Policy, Process, ProcessId, RegisteredFunction, SnapshotId, State, StoredLogLine,
        User, Workflow, WorkflowId,
        blueprint::{Blueprint, BlueprintChange, Definition},
        channel::{ChannelInfo, Entry},
        file::{File, FileEntry, LabelEntry, Snapshot},
        location::Location,
        member::{Address, Member, MemberView},
    },
    query::{LogPlace, PAGE_MAX},
    refusal::Refusal,
    time::Timestamp,
    vitals::Vitals,
};

/// Most rows of a page.
const PAGE: usize = PAGE_MAX as usize;
/// Most processes of one workflow.
const WORKFLOW_MAX: usize = 4 * NODES_MAX;
/// Most members, and most functions, of a colony that are told of at once.
pub(crate) const ROWS_MAX: usize = 100_000;
/// Most nodes a new member is told of: with the most addresses each they fill a third of a frame.
pub const FIRST_PEERS_MAX: usize = 64;
/// Most blockers of one process: one for each parent it may have, and a few more.
const BLOCKERS_MAX: usize = 4_200;
/// Most conditions an executor is held against; there are nine.
const CHECKS_MAX: usize = 64;

/// Most addresses of executors that one who looks for neighbours is told: a few of a few.
pub const LISTENERS_MAX: usize = 32;

/// The outcome of a command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Done; there is nothing to tell.
    Done,
    /// The new processes, in the order of the request.
    Submitted(#[serde(deserialize_with = "at_most::<_, _, BATCH_MAX>")] Vec<ProcessId>),
    /// The new workflow and its processes, in the order of its nodes.
    WorkflowSubmitted {
        /// The workflow.
        workflow: WorkflowId,
        /// Its processes.
        #[serde(deserialize_with = "at_most::<_, _, NODES_MAX>")]
        processes: Vec<ProcessId>,
    },
    /// The work given to the caller, each with its lease; empty if there was none in time.
    Assigned {
        /// The processes.
        #[serde(deserialize_with = "at_most::<_, _, BATCH_MAX>")]
        processes: Vec<Process>,
        /// Whether there was none because the colony is paused.
        paused: bool,
    },
    /// What became of each lease, in the order of the request.
    Renewed(#[serde(deserialize_with = "at_most::<_, _, BATCH_MAX>")] Vec<LeaseStatus>),
    /// What became of each item of a close or a release, in the order of the request.
    Closed(#[serde(deserialize_with = "at_most::<_, _, BATCH_MAX>")] Vec<Result<(), Refusal>>),
    /// The new child.
    ChildAdded(ProcessId),
    /// The registered function's number.
    FunctionAdded(u64),
    /// How many were removed.
    Removed(u64),
    /// The caller, or whom the owner added, is a member.
    Joined {
        /// Its row.
        member: Box<Member>,
        /// The colony's other nodes, voters first: whom to ask from now on.
        #[serde(deserialize_with = "at_most::<_, _, FIRST_PEERS_MAX>")]
        nodes: Vec<Member>,
    },

    /// The new cron.
    CronAdded(CronId),
    /// What a cron started by hand.
    CronStarted(WorkflowId),
    /// The new generator.
    GeneratorAdded(GeneratorId),
    /// The arguments are in the generator, or taken already.
    Packed {
        /// How many wait in it now.
        waiting: u64,
        /// What they started, in order.
        #[serde(deserialize_with = "at_most::<_, _, BATCH_MAX>")]
        started: Vec<WorkflowId>,
    },
    /// The new revision of a file.
    FileAdded(FileId),
    /// The new snapshot.
    SnapshotCreated(SnapshotId),
    /// The new blueprint definition.
    DefinitionAdded(DefinitionId),
    /// The new or changed blueprint, and the process that asks its handler, if it has one.
    BlueprintSet {
        /// The blueprint.
        blueprint: BlueprintId,
        /// The process.
        process: Option<ProcessId>,
    },
    /// How many entries the channel now has.
    Appended(u64),
}

/// Whether a lease still stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LeaseStatus {
    /// It does, until this moment unless renewed; `None` if only the hard deadline counts.
    Live(Option<Timestamp>),
    /// The process was cancelled: stop.
    Cancelled,
    /// The process is somebody else's, or ended: stop, and keep the result to yourself.
    Lost,
}

/// The answer to a query.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// To [`crate::query::Query::Status`].
    Status(Box<Status>),
    /// To [`crate::query::Query::Statistics`].
    Statistics(Statistics),
    /// To [`crate::query::Query::Process`].
    Process(Box<Process>),
    /// To [`crate::query::Query::Processes`].
    Processes(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Process>),
    /// To [`crate::query::Query::Workflow`].
    Workflow {
        /// The workflow.
        workflow: Box<Workflow>,
        /// Its processes, in its order.
        #[serde(deserialize_with = "at_most::<_, _, WORKFLOW_MAX>")]
        processes: Vec<Process>,
    },
    /// To [`crate::query::Query::Workflows`].
    Workflows(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Workflow>),
    /// To [`crate::query::Query::Executors`].
    Executors(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<Executor>),
    /// To [`crate::query::Query::Users`].
    Users(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<User>),
    /// To [`crate::query::Query::Members`].
    Members(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<MemberView>),
    /// To [`crate::query::Query::Delegation`]; `None` before the owner named anybody.
    Delegation(Option<Box<SignedDelegation>>),
    /// To [`crate::query::Query::Silent`]: names, each with the next contact.
    Silent(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<(Name, Timestamp)>),
    /// To [`crate::query::Query::Functions`].
    Functions(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<RegisteredFunction>),
    /// To [`crate::query::Query::Log`].
    Log(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<StoredLogLine>),
    /// To [`crate::query::Query::Watch`].
    Watch {
        /// The process as it is now.
        process: Box<Process>,
        /// Lines from the one asked for on, at most a page.
        #[serde(deserialize_with = "at_most::<_, _, PAGE>")]
        lines: Vec<StoredLogLine>,
    },
    /// To [`crate::query::Query::Explain`].
    Explanation(Box<Explanation>),
    /// To [`crate::query::Query::Vitals`].
    Vitals(Box<Vitals>),

    /// To [`crate::query::Query::Crons`].
    Crons(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Cron>),
    /// To [`crate::query::Query::Cron`].
    Cron(Box<Cron>),
    /// To [`crate::query::Query::Generators`].
    Generators(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Generator>),
    /// To [`crate::query::Query::Generator`].
    Generator(Box<Generator>),
    /// To [`crate::query::Query::Policy`].
    Policy(Policy),
    /// To [`crate::query::Query::SearchLog`].
    LogHits {
        /// The lines.
        #[serde(deserialize_with = "at_most::<_, _, PAGE>")]
        hits: Vec<LogHit>,
        /// Where to go on; `None` if there is nothing more. A page may be empty and yet not the last.
        next: Option<LogPlace>,
    },
    /// To [`crate::query::Query::Listeners`]: addresses, each with its peer at the end.
    Listeners(List<Address, LISTENERS_MAX>),

    /// Revisions of files.
    Files(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<File>),
    /// Files with their newest revisions.
    FileEntries(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<FileEntry>),
    /// Labels.
    Labels(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<LabelEntry>),
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// Snapshots.
    Snapshots(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Snapshot>),
    /// Definitions of blueprints.
    Definitions(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Definition>),
    /// Blueprints.
    Blueprints(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<Blueprint>),
    /// Changes of a blueprint.
    BlueprintHistory(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<BlueprintChange>),
    /// Locations.
    Locations(#[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")] Vec<Location>),
    /// A part of a channel.
    Channel {
        /// Entries, in order.
        #[serde(deserialize_with = "at_most::<_, _, PAGE>")]
        entries: Vec<Entry>,
        /// How many entries the channel has.
        length: u64,
        /// Whether nothing more will be said: the process has ended.
        closed: bool,
    },
    /// Channels of a process.
    Channels(#[serde(deserialize_with = "at_most::<_, _, PAGE>")] Vec<ChannelInfo>),
}

/// A line of some log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogHit {
    /// The number of its process; 0 if the executor said it for itself.
    pub process: u64,
    /// The id of its process, unless that was forgotten.
    pub id: Option<ProcessId>,
    /// The line.
    pub line: StoredLogLine,
}

/// A colony and its coordinator, as one node sees them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The colony's name.
    pub colony: Name,
    /// The colony's id: its owner's identity.
    pub colony_id: Identity,
    /// The node that answers.
    pub node: Identity,
    /// The coordinator's term.
    pub term: u64,
    /// The elected coordinator, if there is one now.
    pub coordinator: Option<Identity>,
    /// Members that vote.
    #[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")]
    pub voters: Vec<Identity>,
    /// Members that only follow.
    #[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")]
    pub learners: Vec<Identity>,
    /// Index of the last committed log entry.
    pub committed: u64,
    /// Index of the last applied log entry.
    pub applied: u64,
    /// Whether assignment is paused.
    pub paused: bool,
    /// Counts by state.
    pub statistics: Statistics,
    /// The node's version.
    pub version: Name,
    /// The owner's present key; nobody's from a node that does not say.
    #[serde(default = "nobody")]
    pub owner: Identity,
}

const fn nobody() -> Identity {
    Identity::NOBODY
}

/// Counts by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// All executors, also those unregistered.
    pub executors: u64,
    /// Executors that may take work.
    pub active_executors: u64,
    /// Executors that were removed.
    pub unregistered_executors: u64,
    /// Processes by state, indexed by [`State`] as a number.
    pub processes: [u64; 5],
    /// Workflows by state, indexed by [`State`] as a number.
    pub workflows: [u64; 5],
}

impl Statistics {
    /// How many processes are in a state.
    #[must_use]
    pub fn processes_in(&self, state: State) -> u64 {
        self.processes.get(usize::from(u8::from(state))).copied().unwrap_or_default()
    }

    /// How many workflows are in a state.
    #[must_use]
    pub fn workflows_in(&self, state: State) -> u64 {
        self.workflows.get(usize::from(u8::from(state))).copied().unwrap_or_default()
    }
}

/// Why a process does, or does not, run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// The process.
    pub process: Process,
    /// What holds it back whatever the executor: paused, waiting for parents (named), not waiting at all.
    #[serde(deserialize_with = "at_most::<_, _, BLOCKERS_MAX>")]
    pub blockers: Vec<Blocker>,
    /// How many waiting processes would be taken before it by an executor of its type.
    pub ahead: u64,
    /// Each registered executor against each condition, the closest first.
    #[serde(deserialize_with = "at_most::<_, _, ROWS_MAX>")]
    pub executors: Vec<ExecutorVerdict>,
}

/// What holds a process back whatever the executor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Blocker {
    /// The colony's owner paused assignment.
    Paused,
    /// It is not in the queue.
    NotWaiting(State),
    /// This parent has not succeeded yet.
    Parent {
        /// The parent.
        process: ProcessId,
        /// Its node name.
        node_name: Name,
        /// Where it stands.
        state: State,
    },
    /// No executor of this type is registered.
    NoExecutorOfType(Name),
}

/// One executor against each condition of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExecutorVerdict {
    /// The executor.
    pub name: Name,
    /// Its type.
    pub executor_type: Name,
    /// When it was last heard.
    pub last_heard_at: Timestamp,
    /// The conditions.
    #[serde(deserialize_with = "at_most::<_, _, CHECKS_MAX>")]
    pub checks: Vec<Check>,
}

/// One condition, what is wanted, what is there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Which condition: `approved`, `type`, `name`, `location`, `cpu`, `memory`, `storage`, `nodes`, `gpu`,
    /// and of executors that declared a contact plan: `contact`, or the leg that fails, `upload` or `return`.
    pub condition: Name,
    /// Whether it is met.
    pub met: bool,
    /// What the process wants.
    pub wanted: Name,
    /// What the executor has.
    pub has: Name,
}

/// What goes back over the wire for one request.
pub type Outcome = Result<Response, Refusal>;

/// The success half of an [`Outcome`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Response {
    /// A command was applied.
    Reply(Reply),
    /// A query was answered.
    Answer(Answer),
}

/// The stream of a line, as JSON and people name it.
#[must_use]
pub const fn stream_word(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Note => "note",
        LogStream::Out => "out",
        LogStream::Err => "err",
    }
}
