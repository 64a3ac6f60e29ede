//! Channels: what the submitter of a process and its executor say to each other while it runs.
//!
//! A process declares its channels; each is a list of entries that only grows. It is part of the colony's replicated
//! state, so it survives the coordinator and is the same on every member. When the process ends the channel is closed,
//! and a while later it is forgotten.
//!
//! A message that is larger than one request may carry is said in pieces, which become one entry with the last of them.

use serde::{Deserialize, Serialize};

use super::{Name, is_default};
use crate::{
    bounded::Bytes,
    identity::{Digest, Identity},
    time::{Span, Timestamp},
};

/// Most bytes of one entry, as in ColonyOS. Larger things belong in files.
pub const MESSAGE_MAX: usize = 10 * 1024 * 1024;
/// Most bytes that are said at once, and what each piece of a larger message has but its last: half of what a signed
/// request may hold, so that no entry of the log keeps a heartbeat waiting on a slow link.
pub const PIECE_MAX: usize = 512 * 1024;
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
    /// The bytes; [`PIECE_MAX`] at most where it is said, [`MESSAGE_MAX`] where its pieces were put together.
    pub payload: Bytes<MESSAGE_MAX>,
    /// Which piece of a larger message this is; `None` if it is the whole.
    #[serde(skip_serializing_if = "is_default")]
    pub piece: Option<Piece>,
}

/// A piece of a message. All but the last have [`PIECE_MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Piece {
    /// The sender's number for the message, by which its pieces are told from those of others.
    pub message: u64,
    /// Its place among them, from 0.
    pub index: u32,
    /// Whether the message is complete with it.
    pub last: bool,
}

impl NewEntry {
    /// As it is said: whole, if it is small enough, or in pieces.
    #[must_use]
    pub fn pieces(self) -> Vec<Self> {
        if self.payload.len() <= PIECE_MAX {
            return vec![self];
        }
        let numbers = [self.sequence.to_be_bytes(), self.in_reply_to.to_be_bytes()];
        let digest = Digest::of(&[&self.payload, &numbers.concat()]);
        let message = digest.0.first_chunk().copied().map_or(0, u64::from_be_bytes);
        let count = self.payload.len().div_ceil(PIECE_MAX);
        let piece = |(index, bytes): (usize, &[u8])| Self {
            payload: Bytes::new(bytes).unwrap_or_default(),
            piece: Some(Piece {
                message,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                last: index.saturating_add(1) == count,
            }),
            kind: self.kind.clone(),
            ..self
        };
        self.payload.chunks(PIECE_MAX).enumerate().map(piece).collect()
    }
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
    /// What; of a message that was said in pieces, the last one.
    pub said: NewEntry,
    /// The pieces before the last.
    #[serde(default, skip_serializing_if = "is_default")]
    pub before: Option<Before>,
}

/// Where the pieces of a message are kept, all but its last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Before {
    /// The number of the message among all large ones of its process, from 0.
    pub message: u32,
    /// How many pieces.
    pub pieces: u32,
}

impl Entry {
    /// Bytes of the whole message.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let pieces = self.before.map_or(0, |before| usize::try_from(before.pieces).unwrap_or(usize::MAX));
        pieces.saturating_mul(PIECE_MAX).saturating_add(self.said.payload.len())
    }

    /// The message, of the pieces that were said before the last. `None` if they are not all of them, or too much.
    #[must_use]
    pub fn whole(mut self, before: &[Self]) -> Option<Self> {
        let wanted = usize::try_from(self.before.take()?.pieces).ok()?;
        let mut bytes = Vec::new();
        for piece in before.iter().map(|piece| &piece.said).chain([&self.said]) {
            bytes.extend_from_slice(&piece.payload);
            if bytes.len() > MESSAGE_MAX {
                return None;
            }
        }
        self.said.payload = Bytes::new(bytes).ok()?;
        self.said.piece = None;
        (before.len() == wanted).then_some(self)
    }
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
