//! Questions about blueprints and their definitions.

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A question about blueprints or definitions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BlueprintsQuery {
    /// One definition. Answered with [`crate::reply::Answer::Definitions`], of one.
    Definition {
        /// Its name.
        name: Name,
    },
    /// All definitions, by name. Answered with [`crate::reply::Answer::Definitions`].
    Definitions,
    /// One blueprint. Answered with [`crate::reply::Answer::Blueprints`], of one.
    Blueprint {
        /// Its name.
        name: Name,
    },
    /// Blueprints, by name. Answered with [`crate::reply::Answer::Blueprints`].
    Blueprints {
        /// Only those of this kind; empty means all.
        kind: Name,
        /// Only those at this location, compared without case; empty means all.
        location: Name,
        /// Only names behind this one: the cursor.
        after: Option<Name>,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
    },
}
