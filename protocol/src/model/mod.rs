//! The nouns of a colony, one file each.
//!
//! These are the forms that travel and are stored, in CBOR with full field names; a field at its default is left
//! out, so rows stay small and old nodes read new ones. The JSON that people write and that ColonyOS clients read is
//! another form of the same things: see [`crate::model::json`].

pub mod blueprint;
pub mod channel;
mod contact;
mod cron;
mod executor;
pub mod file;
mod function_spec;
mod generator;
mod id;
pub mod json;
pub mod location;
mod log;
pub mod member;
mod policy;
mod process;
mod user;
mod workflow;

pub use contact::{ContactPlan, Freight, Leg, MARGIN_MAX, Reach, WINDOWS_MAX, Window};
pub use cron::{Cron, NewCron, Schedule};
pub use executor::{
    Allocation, Allocations, Capabilities, Executor, ExecutorState, FunctionArgument, FunctionArguments, Gpu,
    Hardware, RegisteredFunction, Software,
};
pub use function_spec::{
    Conditions, Filesystem, FunctionSpec, GpuDemand, Limit, SnapshotMount, SyncDirectory,
};
pub use generator::{Generator, NewGenerator, TRIGGER_MAX};
pub use id::{BlueprintId, CronId, DefinitionId, FileId, GeneratorId, ProcessId, SnapshotId, WorkflowId};
pub use log::{LINE_MAX, LogLine, LogStream, StoredLogLine};
pub use policy::Policy;
pub use process::{Attribute, AttributeKind, Lease, Process, State};
pub use user::User;
pub use workflow::{GivenNode, NODES_MAX, Workflow, WorkflowSpec};

use crate::bounded::{Json, List, Text};

/// A name of an executor, a user, a function, a node of a workflow, a label. ColonyOS sets no limit; 256 bytes fit
/// every name seen in its documentation many times over.
pub type Name = Text<256>;
/// Values that flow into or out of a process.
pub type Values = List<Json, 4096>;
/// Error texts of a failed process.
pub type Errors = List<Text<16384>, 64>;

/// True for a default value: such fields are not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
