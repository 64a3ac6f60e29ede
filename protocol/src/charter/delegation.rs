//! Delegations: the owner's signed word that some keys may speak for the colony where nobody knows its members.
//!
//! Speaking for it means signing its [charter](super), nothing else: no delegation makes anybody a member.

use serde::{Deserialize, Serialize};

use super::CharterError;
use crate::{
    bounded::{Bytes, List},
    codec,
    identity::{Digest, Identity, SecretKey, Signature},
    time::Timestamp,
};

/// First bytes of every delegation's signature: no other signature of the owner fits, nor the other way round.
const DOMAIN: &[u8] = b"colony/delegation/1\n";
/// Largest delegation before its signature. Checked before its memory is taken.
pub const DELEGATION_MAX: usize = 1024;
/// Most keys one names: more than a colony seats voters.
pub const SPEAKERS_MAX: usize = 16;

/// Who may speak for a colony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delegation {
    /// The colony: its owner's identity.
    #[serde(rename = "c")]
    pub colony: Identity,
    /// Grows with each: a later delegation makes every charter under an earlier one void.
    #[serde(rename = "s")]
    pub sequence: u64,
    /// When it was made, by the owner's clock.
    #[serde(rename = "t")]
    pub issued: Timestamp,
    /// The keys, as identities.
    #[serde(rename = "k")]
    pub speakers: List<Identity, SPEAKERS_MAX>,
}

impl Delegation {
    /// Whether `by` may speak for `colony`.
    pub(super) fn allows(&self, colony: &Identity, by: &Identity) -> Result<(), CharterError> {
        if self.colony != *colony {
            return Err(CharterError::WrongColony);
        }
        if !self.speakers.contains(by) {
            return Err(CharterError::NotASpeaker { by: *by });
        }
        Ok(())
    }
}

/// A delegation's bytes and the owner's signature over them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedDelegation {
    /// The encoded [`Delegation`].
    #[serde(rename = "b")]
    pub bytes: Bytes<DELEGATION_MAX>,
    /// The signature over the domain tag and the bytes.
    #[serde(rename = "s")]
    pub signature: Signature,
}

impl SignedDelegation {
    /// Encodes and signs with the owner's key.
    ///
    /// # Errors
    /// [`CharterError::TooLarge`] or [`CharterError::Malformed`].
    pub fn sign(delegation: &Delegation, owner: &SecretKey) -> Result<Self, CharterError> {
        let bytes = Bytes::new(codec::encode(delegation)?).map_err(|_| CharterError::TooLarge)?;
        let signature = owner.sign(&digest(&bytes));
        Ok(Self { bytes, signature })
    }

    /// Checks that the colony it names signed it.
    ///
    /// # Errors
    /// [`CharterError::Forged`] or [`CharterError::Malformed`].
    pub fn verify(&self) -> Result<Delegation, CharterError> {
        let by = self.signature.recover(&digest(&self.bytes)).map_err(|_| CharterError::Forged)?;
        let delegation: Delegation = codec::decode(&self.bytes)?;
        if delegation.colony != by {
            return Err(CharterError::Forged);
        }
        Ok(delegation)
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(&[DOMAIN, bytes])
}
