//! The types the consensus engine is run with: who its members are, what an entry holds, what applying it answers.

use std::fmt;

use colony_protocol::{
    entry::Batch,
    identity::Identity,
    model::{
        Name,
        member::{Addresses, MemberKey, StoreId},
    },
    refusal::Refusal,
    reply::Reply,
};
use openraft::RaftTypeConfig;
use serde::{Deserialize, Serialize};

use crate::Snapshot;

/// A node of the colony's quorum: the identity of its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub Identity);

/// Characters of an id in messages: enough to tell a handful of members apart.
const SHORT: usize = 8;

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.0.to_hex();
        f.write_str(hex.get(..SHORT).unwrap_or(&hex))
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Identity> for MemberId {
    fn from(id: Identity) -> Self {
        Self(id)
    }
}

/// The engine's own test suite counts its nodes.
#[cfg(test)]
impl From<u64> for MemberId {
    fn from(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&number.to_be_bytes());
        Self(Identity::from_bytes(bytes))
    }
}

/// Who a member is and how it is reached, as the membership says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Multiaddresses, best first.
    pub addresses: Addresses,
    /// What people call it.
    pub name: Name,
    /// Its public key, which proves who speaks on a connection.
    pub key: MemberKey,
    /// The disk it votes with: the same member with another disk has forgotten its votes and is another voter.
    pub store: StoreId,
}

/// What applying one entry answered, item by item, in the order of the batch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcomes(pub Vec<Result<Reply, Refusal>>);

/// The engine's type configuration as far as the store cares. Whoever runs the engine chooses the runtime; this holds
/// for every configuration with these types.
pub trait ColonyTypes:
    RaftTypeConfig<
        D = Batch,
        R = Outcomes,
        NodeId = MemberId,
        Node = MemberInfo,
        Entry = openraft::Entry<Self>,
        SnapshotData = Snapshot,
    >
{
}

impl<C> ColonyTypes for C where
    C: RaftTypeConfig<
            D = Batch,
            R = Outcomes,
            NodeId = MemberId,
            Node = MemberInfo,
            Entry = openraft::Entry<C>,
            SnapshotData = Snapshot,
        >
{
}

/// The place of an entry: term, leader and index.
pub type LogId = openraft::LogId<MemberId>;
/// What a node votes for.
pub type Vote = openraft::Vote<MemberId>;
/// A membership and the entry that set it.
pub type StoredMembership = openraft::StoredMembership<MemberId, MemberInfo>;
/// A membership: voters and learners.
pub type Membership = openraft::Membership<MemberId, MemberInfo>;
/// What a snapshot is the state of.
pub type SnapshotMeta = openraft::SnapshotMeta<MemberId, MemberInfo>;
/// The engine's error for anything the store could not do.
pub type EngineError = openraft::StorageError<MemberId>;
