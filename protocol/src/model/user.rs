//! A person with a key who may submit and look, but takes no work.

use serde::{Deserialize, Serialize};

use super::{Name, is_default};
use crate::identity::Identity;

/// A named key with a member's rights.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// The key's identity.
    pub id: Identity,
    /// The name, unique in the colony; no `:`.
    pub name: Name,
    /// For people to read.
    #[serde(skip_serializing_if = "is_default")]
    pub email: Name,
    /// For people to read.
    #[serde(skip_serializing_if = "is_default")]
    pub phone: Name,
}
