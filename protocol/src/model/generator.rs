//! Generators: workflows that start when enough arguments were packed, or the oldest has waited long enough.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{GeneratorId, Name, WorkflowId, WorkflowSpec, is_default};
use crate::{
    bounded::Text,
    identity::Identity,
    time::{Span, Timestamp},
};

/// Most arguments one workflow takes: as many as a function has.
pub const TRIGGER_MAX: u64 = 4096;

/// A generator as somebody asks for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewGenerator {
    /// Its name, unique among the colony's generators.
    pub name: Name,
    /// How many arguments start a workflow, 1 to [`TRIGGER_MAX`].
    pub trigger: u64,
    /// How long the oldest argument waits before it is taken with whatever else is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What it starts; the functions of its first processes get the packed arguments.
    pub spec: Arc<WorkflowSpec>,
}

/// A generator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Generator {
    /// Its id; carries its number.
    pub id: GeneratorId,
    /// Its name.
    pub name: Name,
    /// Who made it: its workflows are started in this name, as long as it is a member.
    pub initiator: Identity,
    /// That name.
    pub initiator_name: Name,
    /// How many arguments start a workflow.
    pub trigger: u64,
    /// How long the oldest argument waits at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What it starts.
    pub spec: Arc<WorkflowSpec>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the first argument of all was packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_packed: Option<Timestamp>,
    /// When it started something last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Timestamp>,
    /// What it started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<WorkflowId>,
    /// When the waiting arguments are taken though they are not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// How many workflows it has started.
    pub runs: u64,
    /// How many arguments were packed in all.
    pub packed: u64,
    /// How many of them were taken; the others wait.
    pub taken: u64,
    /// Why the last start that was due did not happen; empty if it did.
    #[serde(default, skip_serializing_if = "is_default")]
    pub problem: Text<512>,
}

impl Generator {
    /// How many arguments wait.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.packed.saturating_sub(self.taken)
    }
}
