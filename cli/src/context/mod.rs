//! Which colony a command talks to, with which key, over which nodes.
//!
//! Owns the home directory: `contexts.toml`, `node.toml`, the key files below `keys/` and the place of the node's data. Files are replaced whole, so a command
//! that is killed leaves the old or the new one; a key file is readable by its owner alone from the moment it exists.

mod chosen;
mod contexts;
mod file;
mod home;
mod keys;
mod node;

/// The name of a development colony, and of its context.
pub(crate) const DEV: &str = "dev";

pub(crate) use self::{
    chosen::Chosen,
    contexts::{Context, Contexts},
    home::Home,
    node::{Joined, MadeFile, NodeFile, Peer, Running, TlsFiles},
};
