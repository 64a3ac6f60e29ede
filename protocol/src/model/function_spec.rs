//! What somebody wants done: a function, its arguments, and who may run it under which limits.

use serde::{Deserialize, Serialize};

use super::{Name, Values, is_default};
use crate::{
    bounded::{Json, List, Map, Text},
    time::Span,
};

/// A limit as the user wrote it: a positive number limits, zero and negative numbers do not.
///
/// ColonyOS treats `maxexectime: 0` as "fail at once" by accident; nobody can depend on that, so 0 means no limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limit(pub i64);

impl Limit {
    /// No limit, as ColonyOS writes it.
    pub const NONE: Self = Self(-1);

    /// The limit in seconds as a span; `None` if there is none.
    #[must_use]
    pub fn as_seconds(self) -> Option<Span> {
        u64::try_from(self.0).ok().filter(|seconds| *seconds > 0).map(Span::from_secs)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::NONE
    }
}

/// A request for work. Submitting one makes a process.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionSpec {
    /// The node's name inside a workflow; empty outside of one.
    #[serde(skip_serializing_if = "is_default")]
    pub node_name: Name,
    /// The function to run; for an OS executor the program.
    #[serde(skip_serializing_if = "is_default")]
    pub func_name: Text<1024>,
    /// Positional arguments, any JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub args: Values,
    /// Named arguments, any JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub kwargs: Map<Name, Json, 1024>,
    /// Higher runs earlier: one step outweighs one day of waiting. -50,000..=50,000, checked at submission.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Seconds in the queue before the process fails.
    #[serde(skip_serializing_if = "is_default")]
    pub max_wait_time: Limit,
    /// Seconds at an executor before the process goes back to the queue, or fails.
    #[serde(skip_serializing_if = "is_default")]
    pub max_exec_time: Limit,
    /// How often it may go back to the queue; negative means any number of times.
    pub max_retries: i64,
    /// Who may run it.
    pub conditions: Conditions,
    /// Free text to find it by.
    #[serde(skip_serializing_if = "is_default")]
    pub label: Name,
    /// Directories the executor should bring along.
    #[serde(skip_serializing_if = "is_default")]
    pub fs: Filesystem,
    /// Environment variables; also visible as attributes of kind `Env`.
    #[serde(skip_serializing_if = "is_default")]
    pub env: Map<Name, Text<65536>, 1024>,
    /// Names of channels that live as long as the process.
    #[serde(skip_serializing_if = "is_default")]
    pub channels: List<Name, 100>,
}

/// Who may run a process. A process waits until an executor meets all of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// The colony's name as the user wrote it; empty means the colony it is submitted to.
    #[serde(skip_serializing_if = "is_default")]
    pub colony_name: Name,
    /// Names of executors that may run it; empty or `*` means any.
    #[serde(skip_serializing_if = "is_default")]
    pub executor_names: List<Name, 256>,
    /// The executor's type, compared with case.
    pub executor_type: Name,
    /// Where the executor must be, compared without case; empty means anywhere.
    #[serde(skip_serializing_if = "is_default")]
    pub location_name: Name,
    /// Node names of the workflow that must succeed first.
    #[serde(skip_serializing_if = "is_default")]
    pub dependencies: List<Name, 1024>,
    /// Machines wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub nodes: u32,
    /// Thousandths of a CPU wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_millis: u64,
    /// Parallel OS processes wanted (advice to the executor).
    #[serde(skip_serializing_if = "is_default")]
    pub processes: u32,
    /// Parallel OS processes per machine (advice to the executor).
    #[serde(skip_serializing_if = "is_default")]
    pub processes_per_node: u32,
    /// Bytes of memory wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: u64,
    /// Bytes of storage wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub storage: u64,
    /// Accelerators wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub gpu: GpuDemand,
    /// Seconds of batch-system time (advice to the executor).
    #[serde(skip_serializing_if = "is_default")]
    pub wall_time: i64,
}

/// Accelerators a process wants.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuDemand {
    /// Model name, compared without case; empty means any.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Name,
    /// Bytes of memory per accelerator.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: u64,
    /// How many in all; zero means none is wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub count: u32,
    /// How many per machine.
    #[serde(skip_serializing_if = "is_default")]
    pub node_count: u32,
}

/// Directories an executor should bring along before the start and save after the end. Advice; the queue ignores it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filesystem {
    /// Where the directories are mounted.
    #[serde(skip_serializing_if = "is_default")]
    pub mount: Text<4096>,
    /// Read-only copies of a label at one moment.
    #[serde(skip_serializing_if = "is_default")]
    pub snapshots: List<SnapshotMount, 256>,
    /// Labels kept in step with a directory.
    #[serde(skip_serializing_if = "is_default")]
    pub dirs: List<SyncDirectory, 256>,
}

/// A read-only copy of a label at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SnapshotMount {
    /// The snapshot; empty until one is made.
    pub snapshot_id: Name,
    /// The label it was made of.
    pub label: Text<4096>,
    /// Where it appears.
    pub dir: Text<4096>,
    /// Whether the files stay after the process.
    pub keep_files: bool,
    /// Whether the snapshot stays after the process.
    pub keep_snapshot: bool,
}

/// A label kept in step with a directory.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncDirectory {
    /// The label.
    pub label: Text<4096>,
    /// The directory.
    pub dir: Text<4096>,
    /// Whether the files stay after the process.
    pub keep_files: bool,
    /// On a conflict at the start, whether the local file wins.
    pub keep_local_on_start: bool,
    /// On a conflict at the end, whether the local file wins.
    pub keep_local_on_close: bool,
}
