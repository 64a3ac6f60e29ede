//! The bytes of everything the engine gives us to keep: votes, log ids, memberships, entries.
//!
//! The forms are ours, not the engine's, so that the engine can be upgraded without touching a disk. Every value begins
//! with a version byte; a value of a version this program does not know is refused, never guessed at.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{codec, entry::Batch};
use openraft::{CommittedLeaderId, EntryPayload};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ColonyTypes, LogId, MemberId, MemberInfo, Membership, StoreFailure, StoredMembership, Vote};

/// The version this program writes, for all values of this module.
const VERSION: u8 = 1;

/// Puts the version in front of an encoded value.
pub(crate) fn seal<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreFailure> {
    seal_large(codec::ROOM, value)
}

/// The same for a value that takes about `room` bytes.
fn seal_large<T: Serialize>(room: usize, value: &T) -> Result<Vec<u8>, StoreFailure> {
    codec::encode_behind(&[VERSION], room, value).map_err(|error| StoreFailure::damaged(error.to_string()))
}

/// About how many bytes an entry takes on disk.
fn room_for(payload: &PayloadToWrite<'_>) -> usize {
    /// Names, lengths and the signer beside the bytes of a request.
    const ITEM: usize = 64;
    match payload {
        PayloadToWrite::Batch(batch) => {
            let items = batch.items.iter().map(|item| item.signed.bytes().len().saturating_add(ITEM));
            items.fold(codec::ROOM, usize::saturating_add)
        }
        PayloadToWrite::Blank | PayloadToWrite::Membership(_) => codec::ROOM,
    }
}

/// Reads a sealed value; `what` names it in the error.
pub(crate) fn open<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreFailure> {
    match bytes.split_first() {
        Some((&VERSION, body)) => codec::decode(body)
            .map_err(|error| StoreFailure::damaged(format!("{what} does not decode: {error}"))),
        Some((version, _)) => Err(StoreFailure::damaged(format!(
            "{what} has version {version}; this program knows up to {VERSION}"
        ))),
        None => Err(StoreFailure::damaged(format!("{what} is empty"))),
    }
}

/// A log id on disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredLogId {
    term: u64,
    leader: MemberId,
    index: u64,
}

impl From<LogId> for StoredLogId {
    fn from(id: LogId) -> Self {
        Self { term: id.leader_id.term, leader: id.leader_id.node_id, index: id.index }
    }
}

impl From<StoredLogId> for LogId {
    fn from(id: StoredLogId) -> Self {
        Self::new(CommittedLeaderId::new(id.term, id.leader), id.index)
    }
}

/// A vote on disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredVote {
    term: u64,
    node: MemberId,
    committed: bool,
}

impl From<&Vote> for StoredVote {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<StoredVote> for Vote {
    fn from(vote: StoredVote) -> Self {
        let mut read = Self::new(vote.term, vote.node);
        read.committed = vote.committed;
        read
    }
}

/// A membership on disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct MembershipForm {
    configs: Vec<BTreeSet<MemberId>>,
    nodes: BTreeMap<MemberId, MemberInfo>,
}

impl From<&Membership> for MembershipForm {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, info)| (*id, info.clone())).collect(),
        }
    }
}

impl From<MembershipForm> for Membership {
    fn from(form: MembershipForm) -> Self {
        Self::new(form.configs, form.nodes)
    }
}

/// What the rows of a colony are the state of.
#[derive(Serialize, Deserialize)]
pub(crate) struct AppliedForm {
    last: Option<StoredLogId>,
    membership_at: Option<StoredLogId>,
    membership: MembershipForm,
}

impl AppliedForm {
    /// For writing.
    pub(crate) fn new(last: Option<LogId>, membership: &StoredMembership) -> Self {
        Self {
            last: last.map(Into::into),
            membership_at: membership.log_id().map(Into::into),
            membership: membership.membership().into(),
        }
    }

    /// After reading.
    pub(crate) fn into_parts(self) -> (Option<LogId>, StoredMembership) {
        let at = self.membership_at.map(Into::into);
        (self.last.map(Into::into), StoredMembership::new(at, self.membership.into()))
    }
}

/// An entry on disk; its index stands in the key. Borrowed for writing, because batches are large.
#[derive(Serialize)]
struct EntryToWrite<'a> {
    term: u64,
    leader: MemberId,
    payload: PayloadToWrite<'a>,
}

#[derive(Serialize)]
enum PayloadToWrite<'a> {
    Blank,
    Batch(&'a Batch),
    Membership(MembershipForm),
}

#[derive(Deserialize)]
struct EntryRead {
    term: u64,
    leader: MemberId,
    payload: PayloadRead,
}

#[derive(Deserialize)]
enum PayloadRead {
    Blank,
    Batch(Batch),
    Membership(MembershipForm),
}

/// The bytes of an entry.
pub(crate) fn seal_entry<C: ColonyTypes>(entry: &openraft::Entry<C>) -> Result<Vec<u8>, StoreFailure> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadToWrite::Blank,
        EntryPayload::Normal(batch) => PayloadToWrite::Batch(batch),
        EntryPayload::Membership(membership) => PayloadToWrite::Membership(membership.into()),
    };
    let leader = entry.log_id.leader_id;
    seal_large(room_for(&payload), &EntryToWrite { term: leader.term, leader: leader.node_id, payload })
}

/// An entry from its bytes and the index it was found at.
pub(crate) fn open_entry<C: ColonyTypes>(
    index: u64,
    bytes: &[u8],
) -> Result<openraft::Entry<C>, StoreFailure> {
    let read: EntryRead = open(&format!("log entry {index}"), bytes)?;
    let payload = match read.payload {
        PayloadRead::Blank => EntryPayload::Blank,
        PayloadRead::Batch(batch) => EntryPayload::Normal(batch),
        PayloadRead::Membership(form) => EntryPayload::Membership(form.into()),
    };
    Ok(openraft::Entry { log_id: LogId::new(CommittedLeaderId::new(read.term, read.leader), index), payload })
}
