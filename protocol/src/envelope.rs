//! The signed wrapper around each native request.
//!
//! A member encodes a [`Body`], signs the *bytes* and sends both. Whoever receives them checks the signature over the
//! bytes as they came and only then decodes: nothing is ever encoded again to be verified, so the original bytes can
//! be kept as evidence. The signature covers a domain tag (no other protocol's signature fits), the colony, the kind
//! of request, its audience, the request id, and a window of time.
//!
//! A client of ColonyOS signs another text, in which there is neither a request id nor a time. The member that takes it
//! in makes the body, and keeps the text beside it as the evidence of who asked: see [`Foreign`].
//!
//! What may never happen: a body acted upon before [`Signed::verify`] said who signed it - except when it comes out
//! of the log, where the member that proposed it has verified it ([`Signed::body_from_log`]); a body that nobody signed
//! taken from anybody but a member.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::{Bytes, List, Text},
    codec::{self, CodecError},
    identity::{Digest, HASH_LEN, Identity, IdentityError, SecretKey, Signature},
    time::{Span, Timestamp},
};

/// First bytes of everything signed here; a signature for another purpose or another version never fits.
pub const DOMAIN: &[u8] = b"colony/envelope/1\n";
/// Largest signed request: a batch of 1,000 ordinary function specs. Frames above it are refused before allocation.
pub const SIGNED_MAX: usize = 1024 * 1024;
/// Longest life of a request. It bounds how long request ids must be remembered to refuse replays.
pub const LIFETIME_MAX: Span = Span::from_secs(600);
/// How far ahead of ours a sender's clock may be.
pub const SKEW_MAX: Span = Span::from_secs(60);

/// A number its sender never uses twice: the idempotency key of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Wraps 16 bytes, random or derived from something that repeats only with the request.
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

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::<16>::deserialize(deserializer)?;
        let exact: [u8; 16] =
            (*bytes).try_into().map_err(|_| serde::de::Error::invalid_length(bytes.len(), &"16 bytes"))?;
        Ok(Self(exact))
    }
}

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The colony it is meant for.
    pub colony: Identity,
    /// What is asked, in one word: [`crate::command::Command::kind`], [`crate::query::KIND`] or
    /// [`crate::query::STALE_KIND`].
    pub kind: Text<32>,
    /// The one node that may act on it; the colony's id when any member may.
    pub audience: Identity,
    /// The idempotency key.
    pub request: RequestId,
    /// When it was made, by the sender's clock.
    pub issued: Timestamp,
    /// After this moment of log time it is refused.
    pub expires: Timestamp,
    /// Grants by other keys that allow this request, outermost first. Federation uses them; empty until then.
    #[serde(default, skip_serializing_if = "no_grants")]
    pub grants: List<Bytes<4096>, 4>,
    /// The encoded command or query.
    pub payload: Bytes<SIGNED_MAX>,
}

fn no_grants(grants: &List<Bytes<4096>, 4>) -> bool {
    grants.is_empty()
}

/// A body's bytes and the signature over them, as they travel and as they are kept in the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signed {
    /// The encoded [`Body`].
    pub body: Bytes<SIGNED_MAX>,
    /// The signature over [`DOMAIN`] and the body bytes; over the foreign text, where there is one.
    pub signature: Signature,
    /// What was signed instead of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Foreign>,
}

/// What a client of ColonyOS signed. The body beside it was made of this by a member, and is not signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Foreign {
    /// The text.
    Text(Text<SIGNED_MAX>),
    /// Its hash, when both do not fit: it proves who signed, and what to whoever has the text.
    Digest(Bytes<HASH_LEN>),
}

impl Foreign {
    /// What the signature is over: ColonyOS signs the bare text, with no tag in front.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Text(text) => Digest::of(&[text.as_bytes()]),
            Self::Digest(bytes) => {
                let mut digest = Digest([0; HASH_LEN]);
                // One that is too short is nobody's.
                for (to, from) in digest.0.iter_mut().zip(bytes.iter()) {
                    *to = *from;
                }
                digest
            }
        }
    }
}

impl Signed {
    /// Encodes and signs a body.
    ///
    /// # Errors
    /// [`EnvelopeError::Codec`] or [`EnvelopeError::TooLarge`].
    pub fn sign(body: &Body, key: &SecretKey) -> Result<Self, EnvelopeError> {
        let body = codec::encode_behind(&[], body.payload.len().saturating_add(codec::ROOM), body)?;
        let body = Bytes::new(body).map_err(|_| EnvelopeError::TooLarge)?;
        let signature = key.sign(&Self::digest(&body));
        Ok(Self { body, signature, foreign: None })
    }

    /// Wraps a body that a member made of what a client of ColonyOS signed.
    ///
    /// # Errors
    /// [`EnvelopeError::Codec`] or [`EnvelopeError::TooLarge`].
    pub fn relay(body: &Body, foreign: Foreign, signature: Signature) -> Result<Self, EnvelopeError> {
        let body = codec::encode_behind(&[], body.payload.len().saturating_add(codec::ROOM), body)?;
        let body = Bytes::new(body).map_err(|_| EnvelopeError::TooLarge)?;
        Ok(Self { body, signature, foreign: Some(foreign) })
    }

    /// Bytes for the wire and the log.
    ///
    /// # Errors
    /// [`EnvelopeError::Codec`] or [`EnvelopeError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        let foreign = match &self.foreign {
            Some(Foreign::Text(text)) => text.len(),
            Some(Foreign::Digest(_)) | None => 0,
        };
        let room = self.body.len().saturating_add(foreign).saturating_add(codec::ROOM);
        let bytes = codec::encode_behind(&[], room, self)?;
        if bytes.len() > SIGNED_MAX {
            return Err(EnvelopeError::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads bytes from the wire or the log. Nothing is verified yet.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] or [`EnvelopeError::Codec`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > SIGNED_MAX {
            return Err(EnvelopeError::TooLarge);
        }
        Ok(codec::decode(bytes)?)
    }

    /// Checks the signature, then decodes: who asks, and what. Costs one signature recovery, about 100 microseconds.
    ///
    /// # Errors
    /// [`EnvelopeError::Signature`] or [`EnvelopeError::Codec`].
    pub fn verify(&self) -> Result<(Identity, Body), EnvelopeError> {
        self.verify_by(Signature::recover)
    }

    /// The same by another way to find the signer: [`crate::identity::KnownSigner`] is a faster one.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_by(
        &self,
        recover: impl FnOnce(&Signature, &Digest) -> Result<Identity, IdentityError>,
    ) -> Result<(Identity, Body), EnvelopeError> {
        if self.foreign.is_some() {
            return Err(EnvelopeError::Unsigned);
        }
        let by = recover(&self.signature, &Self::digest(&self.body))?;
        Ok((by, codec::decode(&self.body)?))
    }

    /// Who signed, and the body: for a request that a member passed on, whose word is taken for a body that was made
    /// of a foreign text.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_relayed(&self) -> Result<(Identity, Body), EnvelopeError> {
        match &self.foreign {
            None => self.verify(),
            Some(foreign) => Ok((self.signature.recover(&foreign.digest())?, codec::decode(&self.body)?)),
        }
    }

    /// Decodes without checking the signature: only for bytes out of the replicated log, which were verified by the
    /// member that proposed them. (Members of the quorum trust each other.)
    ///
    /// # Errors
    /// [`EnvelopeError::Codec`].
    pub fn body_from_log(&self) -> Result<Body, EnvelopeError> {
        Ok(codec::decode(&self.body)?)
    }

    fn digest(body: &[u8]) -> Digest {
        Digest::of(&[DOMAIN, body])
    }
}

impl Body {
    /// Checks everything that needs no state: colony, audience and the window of time.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongColony`], [`EnvelopeError::WrongAudience`], [`EnvelopeError::Lifetime`],
    /// [`EnvelopeError::Expired`] or [`EnvelopeError::FromTheFuture`].
    pub fn check(&self, colony: &Identity, node: &Identity, now: Timestamp) -> Result<(), EnvelopeError> {
        if self.colony != *colony {
            return Err(EnvelopeError::WrongColony);
        }
        if self.audience != *colony && self.audience != *node {
            return Err(EnvelopeError::WrongAudience);
        }
        if self.expires.since(self.issued) > LIFETIME_MAX || self.expires <= self.issued {
            return Err(EnvelopeError::Lifetime);
        }
        if self.expires < now {
            return Err(EnvelopeError::Expired { late: now.since(self.expires), now });
        }
        if self.issued > now.after(SKEW_MAX) {
            return Err(EnvelopeError::FromTheFuture { early: self.issued.since(now), now });
        }
        Ok(())
    }
}

/// Why an envelope was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Larger than [`SIGNED_MAX`].
    #[error("the request is larger than {SIGNED_MAX} bytes")]
    TooLarge,
    /// Not the expected CBOR.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The signature does not fit.
    #[error(transparent)]
    Signature(#[from] IdentityError),
    /// Signed for another colony.
    #[error("the request is signed for another colony")]
    WrongColony,
    /// Signed for another node.
    #[error("the request is signed for another node")]
    WrongAudience,
    /// Lives longer than allowed, or not at all.
    #[error("the request's lifetime is not between 0 and {LIFETIME_MAX:?}")]
    Lifetime,
    /// Its time is over.
    #[error("the request expired {late:?} ago; is the sender's clock right?")]
    Expired {
        /// How long ago.
        late: Span,
        /// By which clock.
        now: Timestamp,
    },
    /// The sender's clock is ahead.
    #[error("the request was signed {early:?} in the future")]
    FromTheFuture {
        /// By how much.
        early: Span,
        /// By which clock.
        now: Timestamp,
    },
    /// The body is not what was signed.
    #[error("the request is not signed as such; ColonyOS's form is taken at `POST /api`")]
    Unsigned,
    /// The payload is not what `kind` says.
    #[error("the payload is not of the signed kind")]
    Kind,
}
