//! A member: a key the colony has let in, what it may do, and how it is reached.
//!
//! Voters and observers keep a replica of the colony: they are its *nodes*. A member is known by its key; its name is
//! for people and unique among active members. What people want of a node is its [`Role`]; what it is for the
//! consensus at this moment is its [`Seat`], which follows the role step by step.
//!
//! What may never happen: a node with an empty disk taken for the one that voted. So a row names the *disk* too, by its
//! [`StoreId`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Capabilities, Name};
use crate::{
    bounded::{Bytes, List, Text},
    identity::{Identity, IdentityError, PUBLIC_KEY_LEN, SecretKey, compress_public_key},
    time::{Span, Timestamp},
};

/// Most addresses of one member: a few interfaces, two transports, and some relays.
pub const ADDRESSES_MAX: usize = 16;
/// A multiaddress, which to the protocol is text; it ends in `/p2p/` and the member's peer id.
pub type Address = Text<256>;
/// Where a member may be reached.
pub type Addresses = List<Address, ADDRESSES_MAX>;

/// The identity of a node's disk, drawn when its store is made. A wiped disk is another store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(#[serde(with = "serde_bytes")] [u8; 16]);

impl StoreId {
    /// Wraps 16 bytes, random when they are new.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A member's public key: a compressed SEC1 point. Bytes that are no point of the curve never become one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bytes<PUBLIC_KEY_LEN>", into = "Bytes<PUBLIC_KEY_LEN>")]
pub struct MemberKey([u8; PUBLIC_KEY_LEN]);

impl MemberKey {
    /// No key, all zero: stands where none is known yet. Its identity is [`Identity::NOBODY`], which is never let in.
    pub const NOBODY: Self = Self([0; PUBLIC_KEY_LEN]);

    /// The public half of a secret key.
    #[must_use]
    pub fn of(key: &SecretKey) -> Self {
        // A secret key always has a public one.
        compress_public_key(&key.public_key()).map_or(Self::NOBODY, Self)
    }

    /// The 33 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }

    /// Who signs with this key.
    #[must_use]
    pub fn identity(&self) -> Identity {
        // Checked when the key was made, so only [`Self::NOBODY`] has none.
        Identity::of_public_key(&self.0).unwrap_or(Identity::NOBODY)
    }
}

impl Default for MemberKey {
    fn default() -> Self {
        Self::NOBODY
    }
}

impl TryFrom<&[u8]> for MemberKey {
    type Error = IdentityError;

    /// Takes a public key in any SEC1 form (33 or 65 bytes).
    fn try_from(sec1: &[u8]) -> Result<Self, IdentityError> {
        compress_public_key(sec1).map(Self)
    }
}

impl TryFrom<Bytes<PUBLIC_KEY_LEN>> for MemberKey {
    type Error = IdentityError;

    fn try_from(bytes: Bytes<PUBLIC_KEY_LEN>) -> Result<Self, IdentityError> {
        if *bytes == Self::NOBODY.0 { Ok(Self::NOBODY) } else { Self::try_from(&*bytes) }
    }
}

impl From<MemberKey> for Bytes<PUBLIC_KEY_LEN> {
    fn from(key: MemberKey) -> Self {
        // As long as it may be.
        Self::new(key.0).unwrap_or_default()
    }
}

impl fmt::Display for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a member is for. The numbers stand in tickets and rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Role {
    /// Keeps a replica, votes, may coordinate.
    Voter = 0,
    /// Keeps a replica and answers questions; may be made a voter.
    Observer = 1,
    /// Pulls work.
    Executor = 2,
    /// Submits and looks.
    User = 3,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Voter, Self::Observer, Self::Executor, Self::User];

    /// Whether such a member keeps a replica.
    #[must_use]
    pub const fn is_node(self) -> bool {
        matches!(self, Self::Voter | Self::Observer)
    }

    /// The word people write.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Observer => "observer",
            Self::Executor => "executor",
            Self::User => "user",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        role as Self
    }
}

impl TryFrom<u8> for Role {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| u8::from(*role) == code);
        found.ok_or_else(|| format!("unknown role {code}"))
    }
}

/// Whether a member still is one. The numbers stand in rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum MemberState {
    /// It is.
    Active = 0,
    /// It went by itself.
    Left = 1,
    /// The owner sent it away.
    Removed = 2,
    /// Its time was over.
    Expired = 3,
}

impl MemberState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Active, Self::Left, Self::Removed, Self::Expired];

    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Left => "left",
            Self::Removed => "removed",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<MemberState> for u8 {
    fn from(state: MemberState) -> Self {
        state as Self
    }
}

impl TryFrom<u8> for MemberState {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| u8::from(*state) == code);
        found.ok_or_else(|| format!("unknown member state {code}"))
    }
}

/// A member's row. It stays when the member goes, so that the key is known to have gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its public key.
    pub key: MemberKey,
    /// The key's identity.
    pub id: Identity,
    /// Its name, unique among active members.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// Whether it still is a member.
    pub state: MemberState,
    /// Where it is reached.
    pub addresses: Addresses,
    /// The disk its replica is on.
    pub store: StoreId,
    /// When it was let in.
    pub joined_at: Timestamp,
    /// When its membership ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it left, was removed or expired. A ticket made before a removal does not bring it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Member {
    /// Whether it is a member now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == MemberState::Active
    }

    /// Whether it is one of the colony's nodes now.
    #[must_use]
    pub fn is_active_node(&self) -> bool {
        self.is_active() && self.role.is_node()
    }
}

/// What a key says about itself when it is let in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewMember {
    /// Its public key.
    pub key: MemberKey,
    /// The name it wants.
    pub name: Name,
    /// Where a node is reached.
    #[serde(default, skip_serializing_if = "is_unreachable")]
    pub addresses: Addresses,
    /// The disk its replica is on.
    pub store: StoreId,
    /// The executor it is: needed for [`Role::Executor`], allowed for nodes, which then lend their machine too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<NewExecutor>,
}

fn is_unreachable(addresses: &Addresses) -> bool {
    addresses.is_empty()
}

/// The executor a new member is. It has the member's key and name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewExecutor {
    /// The type that processes ask for.
    pub executor_type: Name,
    /// What it has.
    #[serde(default)]
    pub capabilities: Capabilities,
}

/// What a member is for the consensus at this moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Seat {
    /// It votes.
    Voter,
    /// It follows the log.
    Learner,
    /// It takes no part.
    #[default]
    None,
}

impl Seat {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Voter => "voter",
            Self::Learner => "learner",
            Self::None => "-",
        }
    }
}

/// How the node that answers reaches a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Path {
    /// It is that member.
    Own,
    /// One of them could simply be dialled.
    Direct,
    /// Through two NATs, opened at the same moment.
    Punched,
    /// Through a relay.
    Relayed,
}

impl Path {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Direct => "direct",
            Self::Punched => "punched",
            Self::Relayed => "relayed",
        }
    }
}

/// A member as one node sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberView {
    /// What the colony knows of it.
    pub member: Member,
    /// What it is for the consensus.
    #[serde(default)]
    pub seat: Seat,
    /// How it is reached; `None` if it is not connected.
    #[serde(default)]
    pub path: Option<Path>,
    /// Since when it is reached that way.
    #[serde(default)]
    pub path_since: Option<Timestamp>,
    /// How long a message takes there and back.
    #[serde(default)]
    pub rtt: Option<Span>,
    /// When the node that answers last heard of it.
    #[serde(default)]
    pub last_heard: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn a_key_has_one_form_and_its_owners_identity() {
        let secret = SecretKey::derive(b"node");
        let key = MemberKey::of(&secret);
        assert_eq!(key.identity(), secret.identity());
        assert_eq!(MemberKey::try_from(&secret.public_key()[..]), Ok(key));
        assert_eq!(MemberKey::try_from(&key.as_bytes()[..]), Ok(key));
        assert_eq!(codec::decode(&codec::encode(&key).unwrap()), Ok(key));
        assert_eq!(codec::encode(&key).unwrap().len(), 2 + PUBLIC_KEY_LEN);
    }

    #[test]
    fn bytes_that_are_no_point_are_no_key() {
        for bytes in [&[][..], &[2; 32], &[5; 33], &[0xff; 33], &[0; 33], &[4; 65]] {
            assert_eq!(MemberKey::try_from(bytes), Err(IdentityError::PublicKey), "{bytes:?}");
        }
        for bytes in [vec![2; 32], vec![0xff; 33], vec![2; 34]] {
            let encoded = codec::encode(&serde_bytes::ByteBuf::from(bytes)).unwrap();
            assert!(codec::decode::<MemberKey>(&encoded).is_err());
        }
        // The placeholder travels, and is nobody.
        let nobody = codec::decode::<MemberKey>(&codec::encode(&MemberKey::NOBODY).unwrap());
        assert_eq!(nobody.map(|key| key.identity()), Ok(Identity::NOBODY));
    }

    #[test]
    fn roles_and_states_are_numbers_and_unknown_ones_are_refused() {
        for role in Role::ALL {
            assert_eq!(codec::decode(&codec::encode(&role).unwrap()), Ok(role));
        }
        for state in MemberState::ALL {
            assert_eq!(codec::decode(&codec::encode(&state).unwrap()), Ok(state));
        }
        assert!(codec::decode::<Role>(&[4]).is_err() && codec::decode::<MemberState>(&[4]).is_err());
        let store = StoreId::from_bytes([7; 16]);
        assert_eq!(codec::encode(&store).unwrap().len(), 17);
        assert_eq!(codec::decode(&codec::encode(&store).unwrap()), Ok(store));
    }
}
