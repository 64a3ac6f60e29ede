//! The contexts file: names of colonies, and for each its id, a key file and nodes that serve it.

use std::{collections::BTreeMap, path::PathBuf};

use colony_protocol::identity::Identity;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// All contexts of a home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Contexts {
    /// The one commands use unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A colony, a key, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// The colony's name.
    pub(crate) colony: String,
    /// The colony's id.
    #[serde(rename = "colonyid", serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub(crate) colony_id: Identity,
    /// The key that signs; relative to the home.
    pub(crate) key: PathBuf,
    /// The owner's key, if this home has it; relative to the home.
    #[serde(rename = "ownerkey", default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner_key: Option<PathBuf>,
    /// Multiaddresses of nodes that serve the colony.
    pub(crate) nodes: Vec<String>,
}

pub(super) fn to_hex<S: Serializer>(id: &Identity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&id.to_hex())
}

pub(super) fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Identity, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_survive_being_written_and_read() {
        let context = Context {
            colony: "dev".to_owned(),
            colony_id: Identity::from_bytes([7; 32]),
            key: PathBuf::from("keys/dev.key"),
            owner_key: Some(PathBuf::from("keys/dev-owner.key")),
            nodes: vec!["/ip4/127.0.0.1/tcp/50081".to_owned()],
        };
        let contexts = Contexts {
            current: Some("dev".to_owned()),
            contexts: BTreeMap::from([("dev".to_owned(), context)]),
        };
        let text = toml::to_string_pretty(&contexts).unwrap();
        assert_eq!(toml::from_str::<Contexts>(&text).unwrap(), contexts);
        assert_eq!(toml::from_str::<Contexts>("").unwrap(), Contexts::default());
    }
}
