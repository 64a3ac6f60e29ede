//! Blueprints: what somebody wants to be there, kept until an executor has made it so, and after.
//!
//! A definition says what a kind of blueprint looks like and which function brings the world in line with it. The
//! colony keeps blueprints and their history, checks them against their definition, and asks that function again and
//! again; it does not know what they mean.

use serde::{Deserialize, Serialize};

use super::{BlueprintId, DefinitionId, Name, is_default};
use crate::{
    bounded::{Json, List, Map, Text},
    identity::Identity,
    time::Timestamp,
};

/// Most bytes of a blueprint's spec and of its status each: they are in memory, and in one row together.
pub const SPEC_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a schema: it is made anew for each check.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Changes of a blueprint that are remembered; older ones are forgotten.
pub const HISTORY_MAX: u64 = 1_000;

/// Words about a thing that programs and people attach to it.
pub type Tags = Map<Name, Text<4096>, 64>;

/// What ColonyOS calls metadata, as its writer's program sent it. The colony reads nothing of it but the names, which
/// stand elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Words for programs.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: Tags,
    /// Words for people.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: Tags,
    /// When it was made, by its writer's word; empty means never.
    #[serde(skip_serializing_if = "is_default")]
    pub created_at: Text<64>,
    /// When it was changed, likewise.
    #[serde(skip_serializing_if = "is_default")]
    pub updated_at: Text<64>,
    /// The process that last reconciled it, likewise.
    #[serde(skip_serializing_if = "is_default")]
    pub last_reconciliation_process: Text<64>,
    /// When that was, likewise.
    #[serde(skip_serializing_if = "is_default")]
    pub last_reconciliation_time: Text<64>,
}

/// What a kind of blueprint looks like.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewDefinition {
    /// Its name, unique in the colony.
    pub name: Name,
    /// The kind it defines, unique in the colony.
    pub kind: Name,
    /// Metadata.
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// For people and programs to tell definitions apart.
    #[serde(skip_serializing_if = "is_default")]
    pub group: Name,
    /// The version of the definition.
    #[serde(skip_serializing_if = "is_default")]
    pub version: Name,
    /// The kind's other names.
    #[serde(skip_serializing_if = "is_default")]
    pub names: KindNames,
    /// ColonyOS's word for where it counts; it means nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub scope: Name,
    /// The JSON Schema that specs must satisfy, at most [`SCHEMA_BYTES_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// Who brings the world in line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<Handler>,
    /// What its writer called the whole document; commonly `BlueprintDefinition`, some write the kind again. It means
    /// nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub document_kind: Name,
}

/// How a kind is spoken of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KindNames {
    /// A list of them.
    pub list_kind: Name,
    /// One of them.
    pub singular: Name,
    /// Many of them.
    pub plural: Name,
    /// Abbreviations.
    #[serde(skip_serializing_if = "is_default")]
    pub short_names: List<Name, 16>,
}

/// The function that brings the world in line with blueprints of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handler {
    /// The type of executor that has it.
    pub executor_type: Name,
    /// The function. Without it, or without a type, nobody is asked.
    pub function_name: Name,
    /// Seconds between two calls of it; zero or less means a minute.
    pub reconcile_interval: i64,
}

/// A definition in the colony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Definition {
    /// Its id.
    pub id: DefinitionId,
    /// What it says.
    pub definition: NewDefinition,
    /// When it was added.
    pub added_at: Timestamp,
}

/// What somebody wants to be there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewBlueprint {
    /// Its name, unique in the colony.
    pub name: Name,
    /// Its kind.
    pub kind: Name,
    /// Where it shall be; empty means nowhere in particular.
    #[serde(default, skip_serializing_if = "is_default")]
    pub location_name: Name,
    /// Metadata.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: Metadata,
    /// The generation its writer's program counts from; the colony counts on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub generation: u64,
    /// What is wanted: a JSON object.
    pub spec: Json,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Json>,
}

/// A blueprint in the colony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Blueprint {
    /// Its id.
    pub id: BlueprintId,
    /// What it says now; the generation is the present one.
    pub blueprint: NewBlueprint,
    /// When it was added.
    pub added_at: Timestamp,
    /// When what is wanted last changed.
    pub changed_at: Timestamp,
    /// Changes so far: numbers given to its history.
    pub changes: u64,
}

/// What a blueprint said after a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlueprintChange {
    /// The blueprint.
    pub blueprint: BlueprintId,
    /// The change's number, from 1.
    pub number: u64,
    /// The blueprint's kind.
    pub kind: Name,
    /// The blueprint's name.
    pub name: Name,
    /// The generation it began.
    pub generation: u64,
    /// What is wanted since.
    pub spec: Json,
    /// What was there then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Json>,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: Identity,
    /// Whether the blueprint was made by it, or changed.
    pub created: bool,
}
