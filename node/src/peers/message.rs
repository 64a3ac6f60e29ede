//! The bytes of what engines say to each other.
//!
//! A version, then the value in the project's one encoding. The values are the engine's own types: nothing of this is
//! ever kept, and members of one colony that do not understand each other's version say so.

use colony_protocol::{
    bounded::Bytes,
    codec::{self, CodecError},
};
use colony_store::{SnapshotMeta, Vote};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version this program speaks.
const VERSION: u8 = 1;

/// Why a message was not understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// Of another version.
    #[error("a message of version {0}; this program speaks {VERSION}")]
    Version(u8),
    /// Empty.
    #[error("an empty message")]
    Empty,
    /// Malformed.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// The bytes of a message.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, MessageError> {
    let mut bytes = codec::encode(value)?;
    bytes.insert(0, VERSION);
    Ok(bytes)
}

/// A message from its bytes, whose number the stream has bounded.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(codec::decode(rest)?),
        Some((version, _)) => Err(MessageError::Version(*version)),
        None => Err(MessageError::Empty),
    }
}

/// Bytes of a snapshot in one message: so small that what is more urgent never waits long behind those that are already
/// with the connection.
pub(super) const SLICE: usize = 64 * 1024;

/// A snapshot begins, or goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begin {
    /// What it is the state of; its id names it.
    pub(super) meta: SnapshotMeta,
}

/// How much of it the receiver has.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Complete parts.
    pub(super) parts: u64,
}

/// A piece of one part of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Slice {
    /// Which part.
    pub(super) part: u64,
    /// Bytes of the part before these.
    pub(super) offset: u64,
    /// Whether these are the last of it.
    pub(super) is_last: bool,
    /// The bytes.
    pub(super) bytes: Bytes<SLICE>,
}

/// A snapshot is complete.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Whose snapshot it is; the engine compares it with the vote it knows.
    pub(super) vote: Vote,
    /// How many parts it has.
    pub(super) parts: u64,
}

#[cfg(test)]
mod tests {
    use colony_protocol::entry::Batch;
    use colony_store::{LogId, MemberId};
    use openraft::{CommittedLeaderId, Entry, EntryPayload, raft::AppendEntriesRequest};
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::consensus::Types;

    fn append() -> AppendEntriesRequest<Types> {
        let id = |index| LogId::new(CommittedLeaderId::new(3, MemberId::default()), index);
        let entry = Entry { log_id: id(8), payload: EntryPayload::Normal(Batch::default()) };
        AppendEntriesRequest {
            vote: Vote::new_committed(3, MemberId::default()),
            prev_log_id: Some(id(7)),
            entries: vec![entry],
            leader_commit: Some(id(6)),
        }
    }

    #[test]
    fn entries_arrive_as_they_were_sent() {
        let bytes = encode(&append()).unwrap();
        let read: AppendEntriesRequest<Types> = decode(&bytes).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", append()));

        let other = [&[9], &bytes[1..]].concat();
        assert!(matches!(decode::<AppendEntriesRequest<Types>>(&other), Err(MessageError::Version(9))));
        for len in 0..bytes.len() {
            assert!(decode::<AppendEntriesRequest<Types>>(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood_or_refused(bytes in vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>()) {
            decode::<AppendEntriesRequest<Types>>(&bytes).ok();
            decode::<Begin>(&bytes).ok();
            decode::<Slice>(&bytes).ok();
            // One byte of a good message changed.
            let mut good = encode(&append()).unwrap();
            let place = place.index(good.len());
            good[place] ^= bytes.first().copied().unwrap_or(1);
            decode::<AppendEntriesRequest<Types>>(&good).ok();
        }
    }
}
