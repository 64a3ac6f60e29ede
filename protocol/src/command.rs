//! What a member may ask a colony to change. Each becomes part of a log entry.
//!
//! One signed request may carry many items, because a signature costs more than everything else about a small request.

mod blueprints;
mod channels;
mod files;
mod keys;

use serde::{Deserialize, Serialize};

pub use self::{
    blueprints::{BlueprintsCommand, LocationsCommand},
    channels::{APPEND_MAX, Append},
    files::FilesCommand,
    keys::ChangeKey,
};
use crate::{
    bounded::{Json, List, Text},
    charter::SignedDelegation,
    codec::{self, CodecError},
    model::{
        Allocations, Attribute, Capabilities, ContactPlan, CronId, Errors, Executor, FunctionArguments,
        FunctionSpec, GeneratorId, LogLine, Name, NewCron, NewGenerator, Policy, ProcessId, State, User,
        Values, WorkflowId, WorkflowSpec, is_default,
        member::{Addresses, NewMember, Role},
    },
    ticket::SignedTicket,
    time::Span,
};

/// Most items in one batched request.
pub const BATCH_MAX: usize = 1_000;
/// Longest wait of an assign request or a watch; a client that wants more asks again.
pub const WAIT_MAX: Span = Span::from_secs(300);

/// A change, as a member asks for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Founds the colony: the first command ever applied, signed by the colony's own key.
    Found {
        /// The colony's name.
        name: Name,
    },
    /// Puts work into the queue: all of it or, if one item is invalid, none.
    Submit {
        /// The work.
        items: List<Submission, BATCH_MAX>,
    },
    /// Puts a graph of work into the queue: all of it or none.
    SubmitWorkflow {
        /// The graph.
        spec: WorkflowSpec,
        /// The workflow whose failed part this one repeats.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_of: Option<WorkflowId>,
    },
    /// Adds a child below a process the caller is running.
    AddChild(AddChild),
    /// Asks for work. The node waits up to `wait` for some before it proposes this.
    Assign(Assign),
    /// Says that the caller still works on these, and learns which are lost or cancelled.
    Renew {
        /// The leases.
        leases: List<LeaseRef, BATCH_MAX>,
    },
    /// Ends processes the caller is running. Each item is decided on its own.
    Close {
        /// The results.
        items: List<Closing, BATCH_MAX>,
    },
    /// Gives processes the caller holds back to the queue. Each item is decided on its own.
    Release {
        /// The processes.
        items: List<Release, BATCH_MAX>,
    },
    /// Sets intermediate output.
    SetOutput {
        /// The process.
        lease: LeaseRef,
        /// Replaces earlier output, unless empty.
        output: Values,
    },
    /// Adds an attribute to a process the caller is running.
    AddAttribute {
        /// The process.
        lease: LeaseRef,
        /// The attribute.
        attribute: Attribute,
    },
    /// Adds lines to the log of a process the caller is running.
    AddLog {
        /// The process.
        lease: LeaseRef,
        /// The lines.
        lines: List<LogLine, BATCH_MAX>,
    },
    /// Cancels waiting or running processes.
    Cancel {
        /// The process.
        process: ProcessId,
    },
    /// Cancels what is unfinished of a workflow.
    CancelWorkflow {
        /// The workflow.
        workflow: WorkflowId,
    },
    /// Forgets a process that does not run and is in no workflow.
    Remove {
        /// The process.
        process: ProcessId,
    },
    /// Forgets all processes outside workflows in one state that is not `Running`. Owner only.
    RemoveAll {
        /// The state.
        state: State,
    },
    /// Forgets a workflow that does not run, and its processes.
    RemoveWorkflow {
        /// The workflow.
        workflow: WorkflowId,
    },
    /// Adds an executor. Owner only; `approved` saves the separate approval.
    AddExecutor {
        /// The executor; its state and times are ignored.
        executor: Executor,
        /// Whether it may take work at once.
        approved: bool,
    },
    /// Lets an executor take work. Owner only.
    ApproveExecutor {
        /// Its name.
        name: Name,
    },
    /// Refuses an executor. Owner only.
    RejectExecutor {
        /// Its name.
        name: Name,
    },
    /// Removes an executor; what it runs goes back to the queue. Owner, or the executor itself.
    RemoveExecutor {
        /// Its name.
        name: Name,
    },
    /// Replaces the caller's own capabilities.
    UpdateExecutor {
        /// What it has.
        capabilities: Capabilities,
    },
    /// Adds a user. Owner only.
    AddUser {
        /// The user.
        user: User,
    },
    /// Removes a user. Owner only.
    RemoveUser {
        /// The name.
        name: Name,
    },
    /// Says that the calling executor offers a function.
    AddFunction {
        /// The function.
        func_name: Text<1024>,
        /// What it does.
        description: Text<16384>,
        /// What it takes.
        #[serde(default, skip_serializing_if = "is_default")]
        arguments: FunctionArguments,
    },
    /// Takes such an offer back.
    RemoveFunction {
        /// The function's number.
        number: u64,
    },
    /// Makes the caller a member by a ticket. Anybody who holds one may.
    Join {
        /// The ticket.
        ticket: SignedTicket,
        /// Who joins; its key is the caller's.
        member: NewMember,
    },
    /// Makes somebody a member without a ticket. Owner only.
    AddMember {
        /// Who.
        member: NewMember,
        /// What for.
        role: Role,
    },
    /// Says where the calling node is reached now.
    UpdateMember {
        /// All its addresses.
        addresses: Addresses,
    },
    /// Makes an observer a voter. Owner only.
    PromoteMember {
        /// Its name.
        name: Name,
    },
    /// Makes a voter an observer. Owner only.
    DemoteMember {
        /// Its name.
        name: Name,
    },
    /// Ends a membership. Owner only.
    RemoveMember {
        /// Its name.
        name: Name,
    },
    /// Ends the caller's own membership.
    Leave,
    /// Says whose word about the colony strangers shall believe. Owner only; it replaces what was said before.
    Delegate {
        /// The owner's word.
        delegation: SignedDelegation,
    },
    /// Stops assignment in the colony until resumed. Owner only.
    Pause,
    /// Undoes [`Command::Pause`]. Owner only.
    Resume,

    /// Adds a workflow that starts by schedule.
    AddCron {
        /// The cron.
        cron: NewCron,
    },
    /// Removes a cron; what it started goes on. Whoever made it, or the owner.
    RemoveCron {
        /// The cron.
        cron: CronId,
    },
    /// Starts a cron's workflow now; its schedule stays.
    RunCron {
        /// The cron.
        cron: CronId,
    },
    /// Adds a workflow that starts when enough arguments were packed.
    AddGenerator {
        /// The generator.
        generator: NewGenerator,
    },
    /// Removes a generator and the arguments that wait in it. Whoever made it, or the owner.
    RemoveGenerator {
        /// The generator.
        generator: GeneratorId,
    },
    /// Adds arguments to a generator, in this order, and starts whatever they are enough for.
    Pack {
        /// The generator.
        generator: GeneratorId,
        /// The arguments.
        args: List<Json, BATCH_MAX>,
    },
    /// Adds lines to the calling executor's own log, which belongs to no process.
    AddExecutorLog {
        /// The lines.
        lines: List<LogLine, BATCH_MAX>,
    },
    /// Says how long finished work is kept; it replaces what was said before. Owner only.
    SetPolicy {
        /// The policy.
        policy: Policy,
    },
    /// Changes files or snapshots.
    Files(FilesCommand),
    /// Changes blueprints or their definitions.
    Blueprints(BlueprintsCommand),
    /// Changes locations. Owner only.
    Locations(LocationsCommand),
    /// Says something in a channel of a process.
    Append(Append),
    /// Gives the caller another key.
    ChangeKey(ChangeKey),
    /// Replaces what the calling executor grants to projects.
    ReportAllocations {
        /// By project.
        allocations: Allocations,
    },
    /// Says when the calling executor can be reached; it replaces what was said before. No windows: always.
    DeclareContacts {
        /// The plan.
        plan: ContactPlan,
    },
}

/// One piece of work to queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Submission {
    /// The work.
    pub spec: FunctionSpec,
    /// The finished process it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<ProcessId>,
}

/// A dynamic child of a running process of a workflow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddChild {
    /// The parent, held by the caller.
    pub parent: LeaseRef,
    /// An existing process of the same workflow that shall also wait for the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<ProcessId>,
    /// The work.
    pub spec: FunctionSpec,
    /// Whether the new process comes between the parent and all its present children.
    pub insert: bool,
}

/// Asks for work.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Assign {
    /// At most this many processes; 1..=[`BATCH_MAX`].
    pub max: u16,
    /// How long to wait for work, at most [`WAIT_MAX`]; zero answers at once.
    pub wait: Span,
    /// The caller's promise to be heard at least this often while it holds a lease, 1 s to 1 h. `None` promises nothing.
    pub heartbeat: Option<Span>,
    /// Thousandths of a CPU it has free; `None` means enough.
    pub available_cpu: Option<u64>,
    /// Bytes of memory it has free; `None` means enough.
    pub available_memory: Option<u64>,
}

/// A process and the token under which the caller holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeaseRef {
    /// The process.
    pub process: ProcessId,
    /// The fencing token of the caller's lease, or [`LeaseRef::ANY`].
    pub token: u64,
}

impl LeaseRef {
    /// The token of callers that know none, as ColonyOS's clients: whatever lease of the process the caller holds now. It
    /// fences off everybody else, and gives up the fence between two leases of the same caller.
    pub const ANY: u64 = u64::MAX;

    /// The caller's lease of a process, whichever it is.
    #[must_use]
    pub const fn any(process: ProcessId) -> Self {
        Self { process, token: Self::ANY }
    }
}

/// A process its holder gives back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The process.
    pub lease: LeaseRef,
    /// Whether it may have run already. Then this is like losing the lease: it counts as a try, and if there is none
    /// left the process fails.
    pub began: bool,
}

/// How a process ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Closing {
    /// The process.
    pub lease: LeaseRef,
    /// Whether it succeeded.
    pub success: bool,
    /// Its output; empty keeps intermediate output.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Values,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub errors: Errors,
    /// Last attributes, saving a request each.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attributes: List<Attribute, 64>,
    /// Last lines of the log, saving a request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lines: List<LogLine, BATCH_MAX>,
    /// The executor's signature over process, token and output hash: evidence for the ledger; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<crate::identity::Signature>,
}

impl Command {
    /// The word for it in an envelope.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Found { .. } => "found",
            Self::Submit { .. } => "submit",
            Self::SubmitWorkflow { .. } => "submit-workflow",
            Self::AddChild(_) => "add-child",
            Self::Assign(_) => "assign",
            Self::Renew { .. } => "renew",
            Self::Close { .. } => "close",
            Self::Release { .. } => "release",
            Self::SetOutput { .. } => "set-output",
            Self::AddAttribute { .. } => "add-attribute",
            Self::AddLog { .. } => "add-log",
            Self::Cancel { .. } => "cancel",
            Self::CancelWorkflow { .. } => "cancel-workflow",
            Self::Remove { .. } => "remove",
            Self::RemoveAll { .. } => "remove-all",
            Self::RemoveWorkflow { .. } => "remove-workflow",
            Self::AddExecutor { .. } => "add-executor",
            Self::ApproveExecutor { .. } => "approve-executor",
            Self::RejectExecutor { .. } => "reject-executor",
            Self::RemoveExecutor { .. } => "remove-executor",
            Self::UpdateExecutor { .. } => "update-executor",
            Self::AddUser { .. } => "add-user",
            Self::RemoveUser { .. } => "remove-user",
            Self::AddFunction { .. } => "add-function",
            Self::RemoveFunction { .. } => "remove-function",
            Self::Join { .. } => "join",
            Self::AddMember { .. } => "add-member",
            Self::UpdateMember { .. } => "update-member",
            Self::PromoteMember { .. } => "promote-member",
            Self::DemoteMember { .. } => "demote-member",
            Self::RemoveMember { .. } => "remove-member",
            Self::Leave => "leave",
            Self::Delegate { .. } => "delegate",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::AddCron { .. } => "add-cron",
            Self::RemoveCron { .. } => "remove-cron",
            Self::RunCron { .. } => "run-cron",
            Self::AddGenerator { .. } => "add-generator",
            Self::RemoveGenerator { .. } => "remove-generator",
            Self::Pack { .. } => "pack",
            Self::AddExecutorLog { .. } => "add-executor-log",
            Self::SetPolicy { .. } => "set-policy",
            Self::Files(command) => command.kind(),
            Self::Blueprints(command) => command.kind(),
            Self::Locations(command) => command.kind(),
            Self::Append(_) => "append",
            Self::ChangeKey(change) => change.kind(),
            Self::ReportAllocations { .. } => "report-allocations",
            Self::DeclareContacts { .. } => "declare-contacts",
        }
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
