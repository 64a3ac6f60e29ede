//! Channels: what the submitter of a process and its executor say to each other while it runs.
//!
//! A process declares its channels; each is a list of entries that only grows. It is part of the colony's replicated
//! state, so it survives the coordinator and is the same on every member. When the process ends the channel is closed,
//! and a while later it is forgotten.

use serde::{Deserialize, Serialize};

use super::{Name, is_default};
use crate::{
    bounded::Bytes,
    identity::Identity,
    time::{Span, Timestamp},
};

/// Most bytes of one entry: half of what a signed request may hold. Larger things belong in files.
pub const PAYLOAD_MAX: usize = 512 * 1024;
/// Most entries of one channel, as in ColonyOS.
pub const ENTRIES_MAX: u64 = 10_000;
/// Most bytes of the channels of one process: what its members' disks must hold until it has ended.
pub const CHANNELS_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Entries a process's channels take at once, as in ColonyOS.
pub const BURST: u32 = 500;
/// Entries a second a process's channels take for long, as in ColonyOS.
pub const RATE: u64 = 100;
/// How long a closed channel can still be read: a reader that is behind, or was away, gets the end.
pub const KEPT_AFTER_END: Span = Span::from_secs(600);

/// What somebody says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewEntry {
    /// The sender's own number for it.
    pub sequence: i64,
    /// The number of what it answers; zero if it answers nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub in_reply_to: i64,
    /// What it is: `data`, `end`, `error` or a word of the sender's. Empty means `data`.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: Name,
    /// The bytes.
    pub payload: Bytes<PAYLOAD_MAX>,
}

/// What was said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the channel, from 0. Places never change.
    pub place: u64,
    /// Who said it.
    pub sender: Identity,
    /// The lease under which its executor said it; zero for the submitter. A new attempt counts its sequence anew.
    #[serde(default, skip_serializing_if = "is_default")]
    pub token: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub said: NewEntry,
}

/// A channel in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// Its name.
    pub name: Name,
    /// Entries in it.
    pub entries: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Whether nothing more will be said: the process has ended.
    pub closed: bool,
}
