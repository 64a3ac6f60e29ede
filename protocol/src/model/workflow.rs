//! Processes that depend on each other: a directed acyclic graph, submitted whole.

use serde::{Deserialize, Serialize};

use super::{FunctionSpec, Name, ProcessId, State, Values, WorkflowId, is_default};
use crate::{bounded::List, identity::Identity, time::Timestamp};

/// Most nodes a workflow is submitted with. Dynamic children may add more, up to four times as many.
pub const NODES_MAX: usize = 10_000;

/// A graph of function specs, each with its `node_name` and the `dependencies` in its conditions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkflowSpec {
    /// The colony's name as the user wrote it; empty means the colony it is submitted to.
    #[serde(skip_serializing_if = "is_default")]
    pub colony_name: Name,
    /// The nodes.
    pub nodes: List<FunctionSpec, NODES_MAX>,
    /// Nodes that need not run, because an earlier workflow ran them: dependencies on them are met, and their outputs
    /// flow to their children. This is how only what failed is run again.
    #[serde(skip_serializing_if = "is_default")]
    pub given: List<GivenNode, NODES_MAX>,
}

/// A node whose result is known already.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GivenNode {
    /// Its name; nodes may name it as a dependency.
    pub node_name: Name,
    /// Its output.
    pub output: Values,
}

/// A submitted workflow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id; carries its number.
    pub id: WorkflowId,
    /// Who asked.
    pub initiator: Identity,
    /// The asker's name at that time.
    pub initiator_name: Name,
    /// The state of the whole, derived from its processes as ColonyOS does: failed before cancelled before success.
    pub state: State,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When its first process started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Processes without parents.
    pub roots: List<ProcessId, 40_000>,
    /// All processes, in the order of submission; dynamic children follow.
    pub processes: List<ProcessId, 40_000>,
    /// The workflow whose failed part this one repeats, if it was made by a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<WorkflowId>,
}
