//! What is said in a process's channels.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::List,
    model::{Name, ProcessId, channel::NewEntry},
};

/// Most entries in one request: what ColonyOS lets a process say at once.
pub const APPEND_MAX: usize = crate::model::channel::BURST as usize;

/// Adds entries to a channel of a process that has not ended: all of them or none, together and in this order. The
/// submitter of the process and whoever holds it now may.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Append {
    /// The process.
    pub process: ProcessId,
    /// One of the channels in its spec.
    pub channel: Name,
    /// The token under which the caller holds the process; zero if it did not say. With it, an earlier attempt's words
    /// are refused.
    pub token: u64,
    /// What is said.
    pub entries: List<NewEntry, APPEND_MAX>,
}
