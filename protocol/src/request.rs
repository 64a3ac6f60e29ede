//! The bytes of a signed request, and what they say as far as somebody here has read them.
//!
//! Whoever checks a request reads all of it, and the member that proposes it applies it a moment later: reading is the
//! larger half of that. So what was read travels beside the bytes, within this process, until it is applied. It is made
//! here alone, out of those bytes, in the one way in which the log is read too; what travels between members and what
//! is kept are the bytes.
//!
//! What may never happen: a member that applies something else than the bytes say; what was read kept for longer than
//! until it is applied, because it is larger than its bytes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    bounded::{Bytes, Text},
    colonyos,
    command::Command,
    envelope::{Body, EnvelopeError, Foreign, RequestId, SIGNED_MAX, Signed},
    identity::{Digest, Identity, IdentityError, Signature},
    refusal::Refusal,
    time::Timestamp,
};

/// A signed request, as it was received.
#[derive(Default)]
pub struct Request {
    bytes: Bytes<SIGNED_MAX>,
    read: Mutex<Option<Contents>>,
}

/// What a request for a change says, as far as it matters for its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The colony it is meant for.
    pub colony: Identity,
    /// The idempotency key.
    pub request: RequestId,
    /// After this moment it is refused.
    pub expires: Timestamp,
    /// What is asked.
    pub command: Arc<Command>,
}

impl Contents {
    fn of(body: &Body, command: Command) -> Result<Self, EnvelopeError> {
        if command.kind() != body.kind.as_str() {
            return Err(EnvelopeError::Kind);
        }
        let Body { colony, request, expires, .. } = *body;
        Ok(Self { colony, request, expires, command: Arc::new(command) })
    }
}

impl Request {
    /// Wraps bytes that nobody has read yet.
    #[must_use]
    pub const fn new(bytes: Bytes<SIGNED_MAX>) -> Self {
        Self { bytes, read: Mutex::new(None) }
    }

    /// Makes the request that stands for a foreign text, which comes with its hash: `body` carries `command`, and the text
    /// stays beside it. Where both do not fit, the hash does.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`], [`EnvelopeError::Kind`] or [`EnvelopeError::Codec`].
    pub fn relay(
        body: &Body,
        command: Command,
        (text, digest): (&str, Digest),
        signature: Signature,
    ) -> Result<(Self, Arc<Command>), EnvelopeError> {
        let bytes = |foreign| Signed::relay(body, foreign, signature)?.to_bytes();
        let whole = match Some(text).filter(|text| text.len() <= SIGNED_MAX).map(Text::new) {
            Some(Ok(text)) => bytes(Foreign::Text(text)),
            _ => Err(EnvelopeError::TooLarge),
        };
        let bytes = match whole {
            Err(EnvelopeError::TooLarge) => {
                bytes(Foreign::Digest(Bytes::new(digest.0.to_vec()).unwrap_or_default()))?
            }
            whole => whole?,
        };
        let contents = Contents::of(body, command)?;
        let command = Arc::clone(&contents.command);
        let request = Self::new(Bytes::new(bytes).map_err(|_| EnvelopeError::TooLarge)?);
        *request.read() = Some(contents);
        Ok((request, command))
    }

    /// The bytes, as they were received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says, to be applied in `colony`. What was read before is given away: the next call reads anew.
    ///
    /// # Errors
    /// The [`Refusal`] that every member answers it with.
    pub fn contents(&self, colony: &Identity) -> Result<Contents, Refusal> {
        let read = self.read().take();
        let contents = match read {
            Some(contents) => contents,
            None => self.decode(colony)?,
        };
        if contents.colony != *colony {
            return Err(EnvelopeError::WrongColony.into());
        }
        Ok(contents)
    }

    fn decode(&self, colony: &Identity) -> Result<Contents, Refusal> {
        let body = Signed::from_bytes(&self.bytes)?.body_from_log()?;
        if body.colony != *colony {
            return Err(EnvelopeError::WrongColony.into());
        }
        let command = Command::decode(&body.payload)
            .map_err(|error| Refusal::Malformed(Text::cut(&error.to_string())))?;
        Ok(Contents::of(&body, command)?)
    }

    fn read(&self) -> MutexGuard<'_, Option<Contents>> {
        // Nothing that can panic runs under this lock.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose envelope was read, and whose payload was not.
#[derive(Debug)]
pub struct Opened {
    bytes: Vec<u8>,
    body: Body,
}

impl Opened {
    /// Opens a stranger's request: who signed it, which `recover` finds out, and the envelope.
    ///
    /// # Errors
    /// As [`Signed::from_bytes`] and [`Signed::verify_by`].
    pub fn verify_by(
        bytes: Vec<u8>,
        recover: impl FnOnce(&Signature, &Digest) -> Result<Identity, IdentityError>,
    ) -> Result<(Identity, Self), EnvelopeError> {
        let (by, body) = Signed::from_bytes(&bytes)?.verify_by(recover)?;
        Ok((by, Self { bytes, body }))
    }

    /// Opens a request that a member who does not vote passed on: what it made of a foreign text must be what everybody
    /// makes of it.
    ///
    /// # Errors
    /// As [`Signed::verify_relayed`]; [`EnvelopeError::Unsigned`] if the text says something else than the body.
    pub fn verify_relayed(bytes: Vec<u8>) -> Result<(Identity, Self), EnvelopeError> {
        let signed = Signed::from_bytes(&bytes)?;
        let (by, body) = signed.verify_relayed()?;
        if let Some(foreign) = &signed.foreign {
            let said = match foreign {
                Foreign::Text(text) => colonyos::says(text, &body.kind, &body.payload),
                Foreign::Digest(_) => false,
            };
            if !said {
                return Err(EnvelopeError::Unsigned);
            }
        }
        Ok((by, Self { bytes, body }))
    }

    /// Opens a request that another voter has verified. (Members of the quorum trust each other.)
    ///
    /// # Errors
    /// As [`Signed::from_bytes`] and [`Signed::body_from_log`].
    pub fn vouched(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let body = Signed::from_bytes(&bytes)?.body_from_log()?;
        Ok(Self { bytes, body })
    }

    /// The envelope.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The request, whatever it asks.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    pub fn seal(self) -> Result<Request, EnvelopeError> {
        Ok(Request::new(Bytes::new(self.bytes).map_err(|_| EnvelopeError::TooLarge)?))
    }

    /// The request for a change, read.
    ///
    /// # Errors
    /// [`EnvelopeError::Codec`] if it asks for no change, [`EnvelopeError::Kind`] or [`EnvelopeError::TooLarge`].
    pub fn read(self) -> Result<(Request, Arc<Command>), EnvelopeError> {
        let contents = Contents::of(&self.body, Command::decode(&self.body.payload)?)?;
        let command = Arc::clone(&contents.command);
        let request = self.seal()?;
        *request.read() = Some(contents);
        Ok((request, command))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.fmt(f)
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Request {}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bounded::List, codec, identity::SecretKey, time::Span};

    fn colony() -> Identity {
        SecretKey::derive(b"owner").identity()
    }

    fn signed(kind: &str, payload: Vec<u8>) -> Vec<u8> {
        let body = Body {
            colony: colony(),
            kind: Text::cut(kind),
            audience: colony(),
            request: RequestId::from_bytes([1; 16]),
            issued: Timestamp::ZERO,
            expires: Timestamp::ZERO.after(Span::from_secs(10)),
            grants: List::default(),
            payload: Bytes::new(payload).unwrap(),
        };
        Signed::sign(&body, &SecretKey::derive(b"member")).unwrap().to_bytes().unwrap()
    }

    #[test]
    fn what_was_read_before_is_what_the_bytes_say_and_is_given_away_once() {
        let bytes = signed("pause", Command::Pause.encode().unwrap());
        let (by, opened) = Opened::verify_by(bytes.clone(), Signature::recover).unwrap();
        assert_eq!(by, SecretKey::derive(b"member").identity());
        let (request, command) = opened.read().unwrap();
        assert_eq!(*command, Command::Pause);

        // Neither what travels nor what is kept knows of it.
        let kept: Request = codec::decode(&codec::encode(&request).unwrap()).unwrap();
        assert!(kept.read().is_none());
        assert_eq!(kept, request);
        assert_eq!(kept.bytes(), bytes);

        let first = request.contents(&colony()).unwrap();
        assert!(Arc::ptr_eq(&first.command, &command));
        let again = request.contents(&colony()).unwrap();
        assert!(!Arc::ptr_eq(&again.command, &command));
        assert_eq!(again, first);
        assert_eq!(kept.contents(&colony()).unwrap(), first);
    }

    #[test]
    fn who_read_before_refuses_what_others_refuse() {
        let request = || Opened::vouched(signed("pause", Command::Pause.encode().unwrap())).unwrap();
        let elsewhere = SecretKey::derive(b"another owner").identity();
        let (read, _) = request().read().unwrap();
        let unread = request().seal().unwrap();
        assert_eq!(read.contents(&elsewhere).unwrap_err(), unread.contents(&elsewhere).unwrap_err());

        // What is of another kind than signed, or no command, is never taken for read.
        let other = signed("resume", Command::Pause.encode().unwrap());
        assert_eq!(Opened::vouched(other).unwrap().read().unwrap_err(), EnvelopeError::Kind);
        assert!(Opened::vouched(signed("pause", vec![0xff])).unwrap().read().is_err());
    }
}
