//! Messages in pieces: which are under way in a process's channels, and how far each has come.
//!
//! A piece is told from those of other messages by its sender and the sender's number for the message, and it must be the
//! next one. So what is put together is what one sender said, whoever else spoke meanwhile. Who gives up and begins
//! again says the first piece again; what it said before still counts among the bytes that its process has said.
//!
//! What may never happen: a message of other pieces than its own, or with one missing; more messages under way than
//! [`UNFINISHED_MAX`].

use serde::{Deserialize, Serialize};

use super::channels::{LARGE_MAX, Table};
use crate::{
    bounded::Text,
    identity::Identity,
    model::channel::{Before, MESSAGE_MAX, PIECE_MAX, Piece},
    refusal::Refusal,
    time::{Span, Timestamp},
};

/// Most messages that are under way in the channels of one process: two who speak, in four ways each.
const UNFINISHED_MAX: usize = 8;
/// How long after its last piece a message counts as given up, if its place is wanted: a slow link's retries and more.
const PATIENCE: Span = Span::from_secs(60);
/// Most pieces: as many as make a message of [`MESSAGE_MAX`] bytes.
const PIECES_MAX: u32 = (MESSAGE_MAX / PIECE_MAX) as u32;

/// A message of which not all pieces are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    sender: Identity,
    /// The sender's number for it.
    message: u64,
    channel: u32,
    /// Where its pieces are.
    before: Before,
    /// When the last of them came.
    at: Timestamp,
}

impl Table {
    /// Takes the next piece of a message: where the pieces before it are, and how many.
    pub(super) fn take_piece(
        &mut self,
        by: &Identity,
        channel: u32,
        piece: Piece,
        now: Timestamp,
    ) -> Result<Before, Refusal> {
        let is_it =
            |one: &Unfinished| one.sender == *by && one.channel == channel && one.message == piece.message;
        let known = self.unfinished.iter().position(is_it);
        if piece.index == 0 {
            let before = match known {
                Some(place) => self.unfinished.swap_remove(place).before,
                None => self.begin(now)?,
            };
            return Ok(self.go_on(Before { pieces: 0, ..before }, by, channel, piece, now));
        }
        let expected = known.and_then(|place| self.unfinished.get(place)).map(|one| one.before.pieces);
        let Some(place) = known.filter(|_| expected == Some(piece.index)) else {
            let why = format!("piece {} comes, and piece {} is the next", piece.index, expected.unwrap_or(0));
            return Err(Refusal::invalid("entries.piece", &why));
        };
        if piece.index >= PIECES_MAX {
            let why = format!("message payload exceeds maximum size: {MESSAGE_MAX} bytes");
            return Err(Refusal::invalid("entries.payload", &why));
        }
        let before = self.unfinished.swap_remove(place).before;
        Ok(self.go_on(before, by, channel, piece, now))
    }

    /// A place for one message more, perhaps that of one that was given up.
    fn begin(&mut self, now: Timestamp) -> Result<Before, Refusal> {
        if self.unfinished.len() >= UNFINISHED_MAX {
            let oldest = self.unfinished.iter().enumerate().min_by_key(|(_, one)| one.at);
            match oldest.filter(|(_, one)| one.at.after(PATIENCE) <= now).map(|(place, _)| place) {
                Some(place) => drop(self.unfinished.swap_remove(place)),
                None => {
                    let why = format!("{UNFINISHED_MAX} large messages are being said already");
                    return Err(Refusal::Busy(Text::cut(&why)));
                }
            }
        }
        let message = self.large;
        if message >= LARGE_MAX {
            return Err(Refusal::Busy(Text::cut("channel log is full: no large messages any more")));
        }
        self.large = message.saturating_add(1);
        Ok(Before { message, pieces: 0 })
    }

    fn go_on(&mut self, before: Before, by: &Identity, channel: u32, piece: Piece, now: Timestamp) -> Before {
        if !piece.last {
            let pieces = before.pieces.saturating_add(1);
            let before = Before { pieces, ..before };
            let message = piece.message;
            self.unfinished.push(Unfinished { sender: *by, message, channel, before, at: now });
        }
        before
    }
}
