//! The bytes of a stream between two nodes.
//!
//! A *message* is a request or an answer. It travels in frames of at most [`PART`] bytes, so that a large one holds up
//! nothing: whoever writes chooses before each frame what is most urgent. Messages of one [`Class`] keep their order
//! and do not mix, so the reader has at most one unfinished message for each class. Every frame is a `u32` length, a
//! `u64` number, then:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 | [`Kind`] |
//! | 1 | for parts of messages: [`Class`], and [`MORE`] if another part follows |
//! | 2.. | for parts of messages: their bytes |
//!
//! A request is numbered by its sender, and its answer has the same number. A ping's number comes back in a pong.

use std::sync::Arc;

use colony_protocol::{identity::Identity, model::member::StoreId, rpc::OUTCOME_MAX};

use crate::net::budget::{Budget, Charge};

/// Bytes of a message in one frame. At 10 Mbit/s a frame passes in 25 ms: a heartbeat behind it comes in time.
pub(super) const PART: usize = 32 * 1024;
/// Bytes of a frame before the part of a message.
pub(super) const HEAD: usize = 2;
/// Largest frame.
pub(super) const FRAME_MAX: usize = HEAD + PART;
/// Set in the class of a part that is not the last one.
const MORE: u8 = 0x80;

/// Bytes before a request's own: colony, store, what.
pub(super) const ADDRESS: usize = 32 + 16 + 1;
/// Largest message of the engine. One entry must fit: it is one batch of requests.
pub(super) const RAFT_MAX: usize = 16 * 1024 * 1024;
/// Largest client's request or outcome, with what stands before it.
const CLIENT_MAX: usize = OUTCOME_MAX + ADDRESS;
/// Largest message of a snapshot: a slice of it, or the membership of a large colony.
const SNAPSHOT_MAX: usize = 512 * 1024;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first frame in each direction: "let us use this stream".
    Hello = 0,
    /// Are you there?
    Ping = 1,
    /// I am.
    Pong = 2,
    /// Nobody waits for the answer to this request any more.
    Cancel = 3,
    /// A part of a request.
    Request = 4,
    /// A part of an answer.
    Answer = 5,
}

/// How urgent a message is. What is more urgent goes first, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Votes, heartbeats, entries.
    Raft = 0,
    /// Requests of clients.
    Client = 1,
    /// Snapshots.
    Snapshot = 2,
}

impl Class {
    /// All of them, the most urgent first.
    pub(super) const ALL: [Self; 3] = [Self::Raft, Self::Client, Self::Snapshot];

    /// Its place in arrays.
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Largest message.
    pub(super) const fn message_max(self) -> usize {
        match self {
            Self::Raft => RAFT_MAX,
            Self::Client => CLIENT_MAX,
            Self::Snapshot => SNAPSHOT_MAX,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Append entries.
    Append = 0,
    /// Vote.
    Vote = 1,
    /// Begin a snapshot, or go on with it.
    SnapshotBegin = 2,
    /// Take a slice of it.
    SnapshotSlice = 3,
    /// Install it.
    SnapshotEnd = 4,
    /// Carry out a client's request.
    Forward = 5,
}

impl What {
    const ALL: [Self; 6] = [
        Self::Append,
        Self::Vote,
        Self::SnapshotBegin,
        Self::SnapshotSlice,
        Self::SnapshotEnd,
        Self::Forward,
    ];

    /// How urgent it is.
    pub(super) const fn class(self) -> Class {
        match self {
            Self::Append | Self::Vote => Class::Raft,
            Self::Forward => Class::Client,
            Self::SnapshotBegin | Self::SnapshotSlice | Self::SnapshotEnd => Class::Snapshot,
        }
    }
}

/// How a request ended. What follows in the answer is the result, or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Done; the result follows.
    Done = 0,
    /// The sender is no voter or learner of that colony, or the colony is not here. Why follows.
    Deaf = 1,
    /// Meant for another disk.
    Forgotten = 2,
    /// No room.
    Busy = 3,
    /// The engine has stopped.
    Stopped = 4,
    /// It did not work. Why follows.
    Failed = 5,
}

impl Status {
    const ALL: [Self; 6] = [Self::Done, Self::Deaf, Self::Forgotten, Self::Busy, Self::Stopped, Self::Failed];

    /// The answer with this status.
    pub(super) fn with(self, rest: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(rest.len().saturating_add(1));
        bytes.push(self as u8);
        bytes.extend_from_slice(rest);
        bytes
    }

    /// Takes the status off an answer.
    pub(super) fn split(answer: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let (code, rest) = answer.split_first().ok_or(WireError::Short)?;
        let status = Self::ALL.into_iter().find(|status| *status as u8 == *code);
        Ok((status.ok_or(WireError::Unknown(*code))?, rest))
    }
}

/// Bytes that are no frame or message of this protocol. Whoever sends them is not listened to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// It ends too early.
    #[error("a frame ends too early")]
    Short,
    /// A code that means nothing.
    #[error("a frame has the unknown code {0}")]
    Unknown(u8),
    /// A message is larger than its class allows.
    #[error("a message is above the limit of {0} bytes")]
    TooLarge(usize),
    /// A part that does not continue the message before it.
    #[error("the parts of two messages are mixed")]
    Mixed,
}

/// A frame's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// What it is.
    pub(super) kind: Kind,
    /// How urgent its message is; without a meaning for other frames.
    pub(super) class: Class,
    /// Whether another part of the message follows.
    pub(super) more: bool,
}

impl Head {
    /// A frame that is no part of a message.
    pub(super) const fn plain(kind: Kind) -> Self {
        Self { kind, class: Class::Raft, more: false }
    }

    /// Its bytes.
    pub(super) const fn bytes(self) -> [u8; HEAD] {
        let more = if self.more { MORE } else { 0 };
        [self.kind as u8, self.class as u8 | more]
    }

    /// Reads it, and leaves the part.
    pub(super) fn split(frame: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let ([kind, class], rest) = frame.split_first_chunk().ok_or(WireError::Short)?;
        let kinds = [Kind::Hello, Kind::Ping, Kind::Pong, Kind::Cancel, Kind::Request, Kind::Answer];
        let found = kinds.into_iter().find(|known| *known as u8 == *kind);
        let kind = found.ok_or(WireError::Unknown(*kind))?;
        let code = class & !MORE;
        let found = Class::ALL.into_iter().find(|known| *known as u8 == code);
        let found = found.ok_or(WireError::Unknown(*class))?;
        Ok((Self { kind, class: found, more: class & MORE != 0 }, rest))
    }
}

/// Whom a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    /// The colony.
    pub(super) colony: Identity,
    /// The disk.
    pub(super) store: StoreId,
    /// What is asked for.
    pub(super) what: What,
}

impl Address {
    /// The bytes of a request.
    pub(super) fn with(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ADDRESS.saturating_add(body.len()));
        bytes.extend_from_slice(self.colony.as_bytes());
        bytes.extend_from_slice(self.store.as_bytes());
        bytes.push(self.what as u8);
        bytes.extend_from_slice(body);
        bytes
    }

    /// Reads it off a request, and leaves the body.
    pub(super) fn split(request: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let (colony, rest) = request.split_first_chunk().ok_or(WireError::Short)?;
        let (store, rest) = rest.split_first_chunk().ok_or(WireError::Short)?;
        let (what, body) = rest.split_first().ok_or(WireError::Short)?;
        let found = What::ALL.into_iter().find(|known| *known as u8 == *what);
        let what = found.ok_or(WireError::Unknown(*what))?;
        let (colony, store) = (Identity::from_bytes(*colony), StoreId::from_bytes(*store));
        Ok((Self { colony, store, what }, body))
    }
}

/// A message that has arrived.
#[derive(Debug)]
pub(super) struct Message {
    /// Request or answer.
    pub(super) kind: Kind,
    /// How urgent.
    pub(super) class: Class,
    /// Its number.
    pub(super) number: u64,
    /// Its bytes; `None` if there was no memory for them.
    pub(super) bytes: Option<Vec<u8>>,
    /// Holds the memory's share of the budget.
    pub(super) charge: Charge,
}

/// Puts parts together.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Memory for each class.
    budgets: [Arc<Budget>; 3],
    /// The unfinished message of each class.
    unfinished: [Option<Message>; 3],
}

impl Assembly {
    /// Nothing has arrived. `budgets` is what may be held for each class, unfinished messages included.
    pub(super) fn new(budgets: [usize; 3]) -> Self {
        Self { budgets: budgets.map(Budget::new), unfinished: [None, None, None] }
    }

    /// Takes a part, and gives the message if it was the last one.
    pub(super) fn take(
        &mut self,
        head: Head,
        number: u64,
        part: &[u8],
    ) -> Result<Option<Message>, WireError> {
        let place = head.class.index();
        let mut message = match self.unfinished.get_mut(place).and_then(Option::take) {
            Some(begun) if begun.number == number && begun.kind == head.kind => begun,
            Some(_) => return Err(WireError::Mixed),
            None => {
                let charge = self.budgets.get(place).ok_or(WireError::Mixed)?.open();
                Message { kind: head.kind, class: head.class, number, bytes: Some(Vec::new()), charge }
            }
        };
        message.add(part)?;
        if !head.more {
            return Ok(Some(message));
        }
        if let Some(unfinished) = self.unfinished.get_mut(place) {
            *unfinished = Some(message);
        }
        Ok(None)
    }
}

impl Message {
    fn add(&mut self, part: &[u8]) -> Result<(), WireError> {
        let Some(bytes) = &mut self.bytes else { return Ok(()) };
        let limit = self.class.message_max();
        if bytes.len().saturating_add(part.len()) > limit {
            return Err(WireError::TooLarge(limit));
        }
        if self.charge.grow(part.len()) {
            bytes.extend_from_slice(part);
        } else {
            // The rest passes unread, and the sender is told that there was no room.
            self.bytes = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const BUDGETS: [usize; 3] = [1 << 20; 3];

    fn head(class: Class, more: bool) -> Head {
        Head { kind: Kind::Request, class, more }
    }

    #[test]
    fn messages_of_different_classes_may_take_turns_but_those_of_one_may_not_mix() {
        let mut assembly = Assembly::new(BUDGETS);
        assert!(assembly.take(head(Class::Snapshot, true), 1, b"a large ").unwrap().is_none());
        let urgent = assembly.take(head(Class::Raft, false), 2, b"vote").unwrap().unwrap();
        assert_eq!((urgent.number, urgent.bytes.unwrap().as_slice()), (2, b"vote".as_slice()));
        let large = assembly.take(head(Class::Snapshot, false), 1, b"slice").unwrap().unwrap();
        assert_eq!(large.bytes.unwrap(), b"a large slice");

        assert!(assembly.take(head(Class::Client, true), 3, b"one").unwrap().is_none());
        assert_eq!(assembly.take(head(Class::Client, false), 4, b"other").unwrap_err(), WireError::Mixed);
    }

    #[test]
    fn a_message_above_the_limit_is_refused_and_one_without_memory_is_let_pass() {
        let mut assembly = Assembly::new([1 << 30; 3]);
        let part = vec![0; PART];
        let error = (0..=SNAPSHOT_MAX / PART)
            .find_map(|_| assembly.take(head(Class::Snapshot, true), 1, &part).err())
            .unwrap();
        assert_eq!(error, WireError::TooLarge(SNAPSHOT_MAX));

        let mut small = Assembly::new([100; 3]);
        assert!(small.take(head(Class::Client, true), 1, &[1; 80]).unwrap().is_none());
        let passed = small.take(head(Class::Client, false), 1, &[1; 80]).unwrap().unwrap();
        assert!(passed.bytes.is_none());
        drop(passed);
        let next = small.take(head(Class::Client, false), 2, &[1; 100]).unwrap().unwrap();
        assert_eq!(next.bytes.map(|bytes| bytes.len()), Some(100), "the memory was given back");
    }

    #[test]
    fn what_is_written_is_read() {
        for (kind, class, more) in [
            (Kind::Hello, Class::Raft, false),
            (Kind::Request, Class::Client, true),
            (Kind::Answer, Class::Snapshot, false),
        ] {
            let head = Head { kind, class, more };
            let bytes = [&head.bytes()[..], b"part"].concat();
            assert_eq!(Head::split(&bytes), Ok((head, &b"part"[..])));
        }
        for what in What::ALL {
            let address =
                Address { colony: Identity::from_bytes([7; 32]), store: StoreId::from_bytes([9; 16]), what };
            assert_eq!(Address::split(&address.with(b"body")), Ok((address, &b"body"[..])));
        }
        for status in Status::ALL {
            assert_eq!(Status::split(&status.with(b"rest")), Ok((status, &b"rest"[..])));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(frames in vec((any::<u64>(), vec(any::<u8>(), 0..100)), 0..20)) {
            let mut assembly = Assembly::new(BUDGETS);
            for (number, frame) in frames {
                let Ok((head, part)) = Head::split(&frame) else { continue };
                if let Ok(Some(message)) = assembly.take(head, number, part) {
                    let bytes = message.bytes.unwrap();
                    Address::split(&bytes).ok();
                    Status::split(&bytes).ok();
                }
            }
        }
    }
}
