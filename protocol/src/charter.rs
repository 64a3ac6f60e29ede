//! Charters: a colony's signed word, to anybody who looks for it, of who its voters are and where they are.
//!
//! A charter is kept by strangers: every node of the network may be asked to store one, and whoever looks for a colony
//! takes it from a stranger's hands. So it proves itself, to somebody who knows nothing but the colony's id. The owner's
//! key could sign it, but that key is offline most of the time, and voters move. Hence two signatures:
//!
//! ```text
//!  owner's key ── signs ──▶ Delegation: these keys may speak for the colony     (when the owner acts on the members)
//!                               │ one of them
//!                               └── signs ──▶ Charter: the voters and their addresses        (whenever they change)
//! ```
//!
//! The bearer of a ticket becomes a voter without the owner being there. It is *listed* in charters at once, and may
//! *sign* them from the owner's next act on.
//!
//! Of two charters the one with the higher [`Rank`] counts: the later delegation first, so that a voter that was sent
//! away loses against every charter made since; then the later state of the colony's log; then the later moment. Charters
//! age ([`LIFE`]), so that an old one does not come back when the colony has gone quiet. Delegations do not: a colony
//! whose owner stays away stays findable. The price is told plainly: a voter that was sent away can mislead those who
//! were never shown the delegation that followed - to other addresses, never into believing that it is a member, since
//! every node proves its own key when it is met.
//!
//! What may never happen: a charter stored, forwarded or followed before [`SignedCharter::verify`] has found both
//! signatures on it.

mod delegation;

use serde::{Deserialize, Serialize};

pub use self::delegation::{DELEGATION_MAX, Delegation, SPEAKERS_MAX, SignedDelegation};
use crate::{
    bounded::{Bytes, List},
    codec::{self, CodecError},
    identity::{Digest, Identity, SecretKey, Signature},
    model::{
        Name,
        member::{Address, MemberKey},
    },
    time::{Span, Timestamp},
};

/// First bytes of every charter's signature: no other signature of a voter fits, nor the other way round.
pub const DOMAIN: &[u8] = b"colony/charter/1\n";
/// Largest signed charter, checked before its memory is taken: five voters with eight ordinary addresses each take half.
/// Strangers store it, and it travels in one message of the routing protocol, which holds 16 KiB.
pub const CHARTER_MAX: usize = 8 * 1024;
/// Most voters a charter lists: more than a colony seats.
pub const VOTERS_MAX: usize = 9;
/// Most addresses of each.
pub const NODE_ADDRESSES_MAX: usize = 8;
/// How long a charter counts. Voters renew it each hour, so this is how long a colony may be switched off and still be
/// found by its old addresses.
pub const LIFE: Span = Span::from_secs(48 * 3_600);
/// How far ahead a charter's clock may be. More than for requests: it only says where to ask, and a machine whose clock
/// is wrong should still find its colony, to be told so there.
pub const AHEAD_MAX: Span = Span::from_secs(2 * 3_600);

/// Where a colony is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Charter {
    /// The colony: its owner's identity.
    #[serde(rename = "c")]
    pub colony: Identity,
    /// What it is called.
    #[serde(rename = "l")]
    pub name: Name,
    /// How far along its log the colony was that this describes.
    #[serde(rename = "s")]
    pub sequence: u64,
    /// When it was made, by its signer's clock.
    #[serde(rename = "t")]
    pub issued: Timestamp,
    /// Its voters.
    #[serde(rename = "v")]
    pub voters: List<CharterNode, VOTERS_MAX>,
}

/// A voter, and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CharterNode {
    /// Its public key: whoever dials it knows whom to expect.
    #[serde(rename = "k")]
    pub key: MemberKey,
    /// Where it was last.
    #[serde(rename = "a")]
    pub addresses: List<Address, NODE_ADDRESSES_MAX>,
}

/// A charter's bytes, a voter's signature over them, and the owner's word for that voter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedCharter {
    /// Who may speak for the colony.
    #[serde(rename = "d")]
    pub delegation: SignedDelegation,
    /// The encoded [`Charter`].
    #[serde(rename = "b")]
    pub bytes: Bytes<CHARTER_MAX>,
    /// The signature over [`DOMAIN`], the delegation's bytes' hash and the charter's bytes.
    #[serde(rename = "s")]
    pub signature: Signature,
}

/// Which of two charters of a colony counts: the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Rank {
    /// The delegation's number.
    pub delegation: u64,
    /// The charter's.
    pub sequence: u64,
    /// When it was made.
    pub issued: Timestamp,
}

/// A charter that proved itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proven {
    /// What it says.
    pub charter: Charter,
    /// Who says so, in the colony's name.
    pub by: Identity,
    /// What it counts beside others.
    pub rank: Rank,
}

impl SignedCharter {
    /// Encodes and signs as somebody whom `delegation` names.
    ///
    /// # Errors
    /// [`CharterError::TooLarge`], [`CharterError::Malformed`], or what [`Self::verify`] would say of it.
    pub fn sign(
        charter: &Charter,
        delegation: &SignedDelegation,
        key: &SecretKey,
    ) -> Result<Self, CharterError> {
        delegation.verify()?.allows(&charter.colony, &key.identity())?;
        let bytes = Bytes::new(codec::encode(charter)?).map_err(|_| CharterError::TooLarge)?;
        let signature = key.sign(&digest(delegation, &bytes));
        let signed = Self { delegation: delegation.clone(), bytes, signature };
        signed.to_bytes().map(|_| signed)
    }

    /// Bytes for the wire.
    ///
    /// # Errors
    /// [`CharterError::TooLarge`] or [`CharterError::Malformed`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, CharterError> {
        let bytes = codec::encode(self)?;
        if bytes.len() > CHARTER_MAX {
            return Err(CharterError::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads bytes from the wire. Nothing is verified yet.
    ///
    /// # Errors
    /// [`CharterError::TooLarge`] or [`CharterError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CharterError> {
        if bytes.len() > CHARTER_MAX {
            return Err(CharterError::TooLarge);
        }
        Ok(codec::decode(bytes)?)
    }

    /// What it would count if it proved itself: for putting those in order that have, without their signatures.
    ///
    /// # Errors
    /// [`CharterError::Malformed`].
    pub fn claimed_rank(&self) -> Result<Rank, CharterError> {
        let delegation: Delegation = codec::decode(&self.delegation.bytes)?;
        let charter: Charter = codec::decode(&self.bytes)?;
        Ok(rank(&delegation, &charter))
    }

    /// Checks that the colony's owner signed the delegation, that a key it names signed the charter, and that both are
    /// of one colony. Costs two signature recoveries. Which colony was wanted, and the age, [`Charter::check`] looks at.
    ///
    /// # Errors
    /// [`CharterError::Forged`], [`CharterError::NotASpeaker`] or [`CharterError::Malformed`].
    pub fn verify(&self) -> Result<Proven, CharterError> {
        let delegation = self.delegation.verify()?;
        let by = self
            .signature
            .recover(&digest(&self.delegation, &self.bytes))
            .map_err(|_| CharterError::Forged)?;
        // Checked before anything of the charter is decoded: a stranger's bytes end here.
        delegation.allows(&delegation.colony, &by)?;
        let charter: Charter = codec::decode(&self.bytes)?;
        delegation.allows(&charter.colony, &by)?;
        let rank =
            Rank { delegation: delegation.sequence, sequence: charter.sequence, issued: charter.issued };
        Ok(Proven { charter, by, rank })
    }
}

impl Proven {
    /// Whether this one replaces `earlier`.
    #[must_use]
    pub fn supersedes(&self, earlier: &Self) -> bool {
        self.rank > earlier.rank
    }
}

impl Charter {
    /// Checks what the signatures do not say: whether it is the colony that was looked for, and its age.
    ///
    /// # Errors
    /// [`CharterError::WrongColony`], [`CharterError::Stale`] or [`CharterError::FromTheFuture`].
    pub fn check(&self, colony: &Identity, now: Timestamp) -> Result<(), CharterError> {
        if self.colony != *colony {
            return Err(CharterError::WrongColony);
        }
        if now.since(self.issued) > LIFE {
            return Err(CharterError::Stale { age: now.since(self.issued) });
        }
        if self.issued > now.after(AHEAD_MAX) {
            return Err(CharterError::FromTheFuture { early: self.issued.since(now) });
        }
        Ok(())
    }
}

const fn rank(delegation: &Delegation, charter: &Charter) -> Rank {
    Rank { delegation: delegation.sequence, sequence: charter.sequence, issued: charter.issued }
}

/// The delegation is signed over too: a charter cannot be put under another one, which would change its rank.
fn digest(delegation: &SignedDelegation, bytes: &[u8]) -> Digest {
    Digest::of(&[DOMAIN, &Digest::of(&[&delegation.bytes]).0, bytes])
}

/// Why a charter is neither believed nor kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CharterError {
    /// Larger than [`CHARTER_MAX`], or a delegation larger than [`DELEGATION_MAX`].
    #[error("the charter is larger than {CHARTER_MAX} bytes")]
    TooLarge,
    /// Not the expected CBOR.
    #[error("the charter cannot be read: {0}")]
    Malformed(#[from] CodecError),
    /// A signature does not fit.
    #[error("the charter is forged: the colony it names did not sign it")]
    Forged,
    /// Signed by somebody the owner has not named.
    #[error("the charter is signed by {by}, whom the colony's owner has not named to speak for it")]
    NotASpeaker {
        /// Who signed.
        by: Identity,
    },
    /// About another colony.
    #[error("the charter is of another colony")]
    WrongColony,
    /// Too old.
    #[error("the charter was made {age:?} ago")]
    Stale {
        /// How long ago.
        age: Span,
    },
    /// The signer's clock was ahead.
    #[error("the charter was made {early:?} in the future")]
    FromTheFuture {
        /// By how much.
        early: Span,
    },
}

#[cfg(test)]
mod tests;
