//! Announcements: the coordinator's signed word, to whoever listens, that work is waiting.
//!
//! An announcement is a hint to wake up by, never a truth: the log decides who gets what. It is small, because every
//! member of a colony forwards it, and it is checked before it is forwarded: a peer that passes on a forged or stale one
//! is at fault itself. What may never happen: an executor starting work because of an announcement, instead of asking.

pub mod mesh;
mod publisher;
mod work;

use serde::{Deserialize, Serialize};

use crate::{
    bounded::{Bytes, List},
    codec::{self, CodecError},
    envelope::SKEW_MAX,
    identity::{Digest, Identity, IdentityError, SecretKey, Signature},
    time::{Span, Timestamp},
};

pub use publisher::{GAP, Publisher, Speak};
pub use work::{Listener, NAMES_MAX, WaitingWork};

/// First bytes of everything signed here: a request's signature never fits an announcement, nor the other way round.
pub const DOMAIN: &[u8] = b"colony/announcement/1\n";
/// Largest announcement, checked before its memory is taken. 64 kinds of work with ordinary names take 4 KiB.
pub const ANNOUNCEMENT_MAX: usize = 16 * 1024;
/// Kinds of work one announcement lists; further ones go into the next.
pub const KINDS_MAX: usize = 64;
/// How long an announcement is worth forwarding: twice the time in which gossip reaches everybody.
pub const FRESH_FOR: Span = Span::from_secs(30);

/// What is announced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announcement {
    /// The colony whose work waits.
    pub colony: Identity,
    /// The term of the coordinator that says so. A later term makes an earlier one's word void.
    pub term: u64,
    /// Grows with each announcement of a term: of two, the higher one counts.
    pub sequence: u64,
    /// When it was made, by the coordinator's clock.
    pub issued: Timestamp,
    /// How long those who are not called at once hold back, at least: the time in which the others are answered.
    pub pause: Span,
    /// Kinds of waiting work. What an earlier one listed and this one does not is gone.
    pub waiting: List<WaitingWork, KINDS_MAX>,
}

/// An announcement's bytes and the coordinator's signature over them, as they are gossiped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedAnnouncement {
    /// The encoded [`Announcement`].
    pub body: Bytes<ANNOUNCEMENT_MAX>,
    /// The signature over [`DOMAIN`] and the body bytes.
    pub signature: Signature,
}

impl SignedAnnouncement {
    /// Encodes and signs.
    ///
    /// # Errors
    /// [`AnnouncementError::TooLarge`] or [`AnnouncementError::Codec`].
    pub fn sign(announcement: &Announcement, key: &SecretKey) -> Result<Self, AnnouncementError> {
        let body = Bytes::new(codec::encode(announcement)?).map_err(|_| AnnouncementError::TooLarge)?;
        let signature = key.sign(&Digest::of(&[DOMAIN, &body]));
        Ok(Self { body, signature })
    }

    /// Bytes for the wire.
    ///
    /// # Errors
    /// [`AnnouncementError::TooLarge`] or [`AnnouncementError::Codec`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, AnnouncementError> {
        let bytes = codec::encode(self)?;
        if bytes.len() > ANNOUNCEMENT_MAX {
            return Err(AnnouncementError::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads bytes from the wire. Nothing is verified yet.
    ///
    /// # Errors
    /// [`AnnouncementError::TooLarge`] or [`AnnouncementError::Codec`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AnnouncementError> {
        if bytes.len() > ANNOUNCEMENT_MAX {
            return Err(AnnouncementError::TooLarge);
        }
        Ok(codec::decode(bytes)?)
    }

    /// Checks the signature, then decodes: who announces, and what. Whether that member coordinates is the caller's
    /// question.
    ///
    /// # Errors
    /// [`AnnouncementError::Signature`] or [`AnnouncementError::Codec`].
    pub fn verify(&self) -> Result<(Identity, Announcement), AnnouncementError> {
        let by = self.signature.recover(&Digest::of(&[DOMAIN, &self.body]))?;
        Ok((by, codec::decode(&self.body)?))
    }
}

impl Announcement {
    /// Checks everything that needs no state: the colony and the age.
    ///
    /// # Errors
    /// [`AnnouncementError::WrongColony`], [`AnnouncementError::Stale`] or [`AnnouncementError::FromTheFuture`].
    pub fn check(&self, colony: &Identity, now: Timestamp) -> Result<(), AnnouncementError> {
        if self.colony != *colony {
            return Err(AnnouncementError::WrongColony);
        }
        if now.since(self.issued) > FRESH_FOR {
            return Err(AnnouncementError::Stale { age: now.since(self.issued) });
        }
        if self.issued > now.after(SKEW_MAX) {
            return Err(AnnouncementError::FromTheFuture { early: self.issued.since(now) });
        }
        Ok(())
    }

    /// Whether this one replaces `earlier`: a later term, or a later word of the same term.
    #[must_use]
    pub fn supersedes(&self, earlier: &Self) -> bool {
        (self.term, self.sequence) > (earlier.term, earlier.sequence)
    }
}

/// Why an announcement is neither believed nor forwarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnouncementError {
    /// Larger than [`ANNOUNCEMENT_MAX`].
    #[error("the announcement is larger than {ANNOUNCEMENT_MAX} bytes")]
    TooLarge,
    /// Not the expected CBOR.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The signature does not fit.
    #[error(transparent)]
    Signature(#[from] IdentityError),
    /// About another colony.
    #[error("the announcement is about another colony")]
    WrongColony,
    /// Too old to be worth forwarding.
    #[error("the announcement was made {age:?} ago")]
    Stale {
        /// How long ago.
        age: Span,
    },
    /// The announcer's clock is ahead.
    #[error("the announcement was made {early:?} in the future")]
    FromTheFuture {
        /// By how much.
        early: Span,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded::Text;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const COLONY: Identity = Identity::from_bytes([1; 32]);

    fn announcement() -> Announcement {
        let work = WaitingWork { executor_type: Text::cut("cli"), count: 3, ..Default::default() };
        Announcement {
            colony: COLONY,
            term: 2,
            sequence: 7,
            issued: NOW,
            pause: Span::from_millis(100),
            waiting: List::new(vec![work]).unwrap(),
        }
    }

    #[test]
    fn what_a_coordinator_says_arrives_with_its_name() {
        let key = SecretKey::derive(b"coordinator");
        let bytes = SignedAnnouncement::sign(&announcement(), &key).unwrap().to_bytes().unwrap();
        let (by, heard) = SignedAnnouncement::from_bytes(&bytes).unwrap().verify().unwrap();
        assert_eq!((by, &heard), (key.identity(), &announcement()));
        assert_eq!(heard.check(&COLONY, NOW), Ok(()));
    }

    #[test]
    fn an_altered_announcement_is_not_its_coordinators_word() {
        let key = SecretKey::derive(b"coordinator");
        let signed = SignedAnnouncement::sign(&announcement(), &key).unwrap();
        // Each bit counts: no altered body recovers the coordinator's identity.
        for place in 0..signed.body.len() {
            let mut body = signed.body.to_vec();
            body[place] ^= 1;
            let forged = SignedAnnouncement { body: Bytes::new(body).unwrap(), signature: signed.signature };
            assert!(!forged.verify().is_ok_and(|(by, _)| by == key.identity()), "byte {place}");
        }
    }

    #[test]
    fn only_a_fresh_word_about_this_colony_is_forwarded() {
        let other = Identity::from_bytes([2; 32]);
        assert_eq!(announcement().check(&other, NOW), Err(AnnouncementError::WrongColony));
        let late = NOW.after(FRESH_FOR).after(Span::from_micros(1));
        assert!(matches!(announcement().check(&COLONY, late), Err(AnnouncementError::Stale { .. })));
        let early = NOW.before(SKEW_MAX).before(Span::from_micros(1));
        let refused = announcement().check(&COLONY, early);
        assert!(matches!(refused, Err(AnnouncementError::FromTheFuture { .. })));
    }

    #[test]
    fn a_later_term_outweighs_any_sequence() {
        let later_word = Announcement { sequence: 8, ..announcement() };
        let later_term = Announcement { term: 3, sequence: 0, ..announcement() };
        assert!(later_word.supersedes(&announcement()) && later_term.supersedes(&later_word));
        assert!(!announcement().supersedes(&announcement()));
    }
}
