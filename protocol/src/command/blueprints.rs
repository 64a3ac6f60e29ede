//! Changes of blueprints, their definitions, and locations.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::Json,
    model::{
        Name,
        blueprint::{NewBlueprint, NewDefinition},
        location::Location,
    },
};

/// A change of blueprints or their definitions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BlueprintsCommand {
    /// Adds a definition. Owner only.
    AddDefinition {
        /// The definition.
        definition: NewDefinition,
    },
    /// Removes a definition that no blueprint needs. Owner only.
    RemoveDefinition {
        /// Its name.
        name: Name,
    },
    /// Adds a blueprint, and its location if there is none of that name.
    Add {
        /// The blueprint.
        blueprint: NewBlueprint,
    },
    /// Replaces a blueprint. If what is wanted differs, a generation begins.
    Update {
        /// The blueprint.
        blueprint: NewBlueprint,
        /// Whether a generation begins also if nothing differs.
        force_generation: bool,
    },
    /// Removes a blueprint; its handler is asked to clean up.
    Remove {
        /// Its name.
        name: Name,
    },
    /// Says what is there.
    SetStatus {
        /// The blueprint's name.
        name: Name,
        /// What is there: a JSON object.
        status: Json,
    },
    /// Asks the handler now.
    Reconcile {
        /// The blueprint's name.
        name: Name,
        /// Whether a generation begins first, so that the handler does everything anew.
        force: bool,
    },
}

impl BlueprintsCommand {
    /// The word for it in an envelope.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AddDefinition { .. } => "add-definition",
            Self::RemoveDefinition { .. } => "remove-definition",
            Self::Add { .. } => "add-blueprint",
            Self::Update { .. } => "update-blueprint",
            Self::Remove { .. } => "remove-blueprint",
            Self::SetStatus { .. } => "set-blueprint-status",
            Self::Reconcile { .. } => "reconcile-blueprint",
        }
    }
}

/// A change of locations. Owner only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LocationsCommand {
    /// Adds one.
    Add {
        /// The location.
        location: Location,
    },
    /// Removes one.
    Remove {
        /// Its name.
        name: Name,
    },
}

impl LocationsCommand {
    /// The word for it in an envelope.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add-location",
            Self::Remove { .. } => "remove-location",
        }
    }
}
