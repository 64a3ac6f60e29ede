//! The node file: where this home's node listens, and which colonies it serves.
//!
//! What the colonies themselves say (who is a member, who votes) stands in the node's store. This is only what a node must
//! know before it has opened that, and what a person may look at: `node.toml`, beside `contexts.toml`.

use std::{collections::BTreeMap, path::PathBuf};

use colony_protocol::identity::Identity;
use serde::{Deserialize, Serialize};

use super::contexts::{from_hex, to_hex};
use crate::args::{RoleWord, TimingWord};

/// All that a home's node is told when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NodeFile {
    /// Where it listens, with ports that stay the same.
    pub(crate) listen: Vec<String>,
    /// How patient it is.
    pub(crate) timing: TimingWord,
    /// The certificate that it shows where it listens by TLS, and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsFiles>,
    /// The colonies it serves, by the name of their context.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) colonies: BTreeMap<String, Joined>,
}

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// The certificate, and those that lead to its authority.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// A colony that this home's node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Joined {
    /// The colony's name.
    pub(crate) colony: String,
    /// The colony's id.
    #[serde(rename = "colonyid", serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub(crate) colony_id: Identity,
    /// What the node is called in it.
    pub(crate) name: String,
    /// What it joined as; the colony may have changed its mind since.
    pub(crate) role: RoleWord,
    /// The disk is not the one that the colony let in: only a new ticket helps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) lost: bool,
    /// Somebody here asked to leave: when the colony lets the node go it was not sent away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leaving: bool,
    /// Nodes it knew when it joined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peers: Vec<Peer>,
}

/// Colonies that a node has made for owners elsewhere. No command of this home is about them: it has no key in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadeFile {
    /// Names by ids.
    #[serde(default)]
    pub(crate) colonies: BTreeMap<String, String>,
}

/// Another node of a colony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    /// Its compressed public key, in hex.
    pub(crate) key: String,
    /// Its multiaddresses.
    pub(crate) addresses: Vec<String>,
}

/// What a running node says about itself to other processes of its home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process id.
    pub(crate) pid: u32,
    /// The words it was started with: `colony up`.
    pub(crate) command: String,
}
