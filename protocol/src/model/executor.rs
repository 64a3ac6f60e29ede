//! A machine, or a part of one, that pulls work.

use serde::{Deserialize, Serialize};

use super::{ContactPlan, Name, is_default};
use crate::{
    bounded::{List, Map, Text},
    identity::Identity,
    time::Timestamp,
};

/// Whether an executor may take work. The numbers are ColonyOS's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum ExecutorState {
    /// Added, not yet approved.
    #[default]
    Pending = 0,
    /// May take work.
    Approved = 1,
    /// Refused by the colony's owner.
    Rejected = 2,
    /// Removed; the row stays for traceability.
    Unregistered = 3,
}

impl ExecutorState {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Unregistered => "unregistered",
        }
    }
}

impl From<ExecutorState> for u8 {
    fn from(state: ExecutorState) -> Self {
        state as Self
    }
}

impl TryFrom<u8> for ExecutorState {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Ok(match code {
            0 => Self::Pending,
            1 => Self::Approved,
            2 => Self::Rejected,
            3 => Self::Unregistered,
            other => return Err(format!("unknown executor state {other}")),
        })
    }
}

/// A registered executor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Executor {
    /// Its key's identity.
    pub id: Identity,
    /// Its name, unique in the colony; no `:`.
    pub name: Name,
    /// The type that processes ask for.
    pub executor_type: Name,
    /// Whether it may take work. Set by the colony, ignored in a request.
    pub state: ExecutorState,
    /// Stored for ColonyOS clients; nothing depends on it.
    #[serde(skip_serializing_if = "is_default")]
    pub require_func_reg: bool,
    /// When it was added. Set by the colony.
    pub commissioned_at: Timestamp,
    /// When an authenticated call of it was last recorded; zero for never. Set by the colony.
    pub last_heard_at: Timestamp,
    /// Where it is; empty means nowhere in particular.
    #[serde(skip_serializing_if = "is_default")]
    pub location_name: Name,
    /// What it has.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Capabilities,
    /// What projects may use of it, and do, by its own word.
    #[serde(skip_serializing_if = "is_default")]
    pub allocations: Allocations,
    /// The blueprint that it was made for, as its maker names it; empty if for none.
    #[serde(skip_serializing_if = "is_default")]
    pub blueprint_id: Text<64>,
    /// That blueprint's generation.
    #[serde(skip_serializing_if = "is_default")]
    pub blueprint_generation: i64,
    /// When it can be reached, as it said itself.
    #[serde(skip_serializing_if = "is_default")]
    pub contacts: ContactPlan,
}

/// What an executor grants to projects, by name. The colony keeps it for people and programs, and enforces nothing.
pub type Allocations = Map<Name, Allocation, 256>;

/// What one project may use of an executor, and what it does use, in the executor's own units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Allocation {
    /// CPU that it may use.
    pub allocated_cpu: i64,
    /// CPU that it uses.
    pub used_cpu: i64,
    /// Accelerators that it may use.
    pub allocated_gpu: i64,
    /// Accelerators that it uses.
    pub used_gpu: i64,
    /// Storage that it may use.
    pub allocated_storage: i64,
    /// Storage that it uses.
    pub used_storage: i64,
}

/// What an executor has. Empty hardware means "unknown": then only what each assign request says is compared.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Kinds of machines behind the executor; a process must fit one of them.
    #[serde(skip_serializing_if = "is_default")]
    pub hardware: List<Hardware, 64>,
    /// Installed software, for people to read.
    #[serde(skip_serializing_if = "is_default")]
    pub software: List<Software, 256>,
}

/// One kind of machine. Zero means "not stated" and limits nothing, except for accelerators.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// What it is called.
    pub model: Name,
    /// How many such machines there are.
    pub nodes: u32,
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Cores.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of storage.
    pub storage: u64,
    /// Accelerators.
    pub gpu: Gpu,
    /// Operating system.
    pub platform: Name,
    /// Processor architecture.
    pub architecture: Name,
    /// Addresses, for people to read.
    pub network: List<Text<256>, 64>,
}

/// Accelerators of a kind of machine.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    /// Model name.
    pub name: Name,
    /// Bytes of memory each.
    pub memory: u64,
    /// How many.
    pub count: u32,
    /// How many per machine.
    pub node_count: u32,
}

/// Installed software.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Software {
    /// Its name.
    pub name: Name,
    /// What kind of thing it is.
    pub kind: Name,
    /// Its version.
    pub version: Name,
}

/// An argument that a function takes, as whoever offers it describes it. The colony checks no call against it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionArgument {
    /// Its name.
    pub name: Name,
    /// What kind of value it is.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: Name,
    /// What it means.
    #[serde(skip_serializing_if = "is_default")]
    pub description: Text<1024>,
    /// Whether a call without it makes no sense.
    #[serde(skip_serializing_if = "is_default")]
    pub required: bool,
    /// The values it may have; empty means any.
    #[serde(skip_serializing_if = "is_default")]
    pub choices: List<Name, 64>,
}

/// The arguments of a function.
pub type FunctionArguments = List<FunctionArgument, 64>;

/// A function an executor says it offers, and how its runs went. Times are in seconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RegisteredFunction {
    /// The function's number within the colony.
    pub number: u64,
    /// Who offers it.
    pub executor_name: Name,
    /// The executor's type.
    pub executor_type: Name,
    /// The function.
    pub func_name: Text<1024>,
    /// What it does.
    #[serde(skip_serializing_if = "is_default")]
    pub description: Text<16384>,
    /// Successful runs.
    pub counter: u64,
    /// Shortest wait in the queue.
    pub min_wait: f64,
    /// Longest wait in the queue.
    pub max_wait: f64,
    /// Shortest run.
    pub min_exec: f64,
    /// Longest run.
    pub max_exec: f64,
    /// Sum of waits; divided by the counter it is the true average.
    pub sum_wait: f64,
    /// Sum of runs.
    pub sum_exec: f64,
    /// What it takes.
    #[serde(skip_serializing_if = "is_default")]
    pub arguments: FunctionArguments,
    /// Where its executor was when it was offered.
    #[serde(skip_serializing_if = "is_default")]
    pub location_name: Name,
}
