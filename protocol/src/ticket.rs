//! Tickets: the owner's signed invitation to become a member, as one word to copy.
//!
//! A ticket says for which colony it is, what its bearer may become, until when and how often it may be used, and where
//! the colony's nodes are. Whoever holds it may use it, so it is short-lived and counted: the colony remembers each
//! used ticket until it expires. The word ends in a checksum, so that a typing error is told apart from a forgery; and
//! it has no upper and lower case, no punctuation and no padding, so that it survives being read aloud.
//!
//! What may never happen: a ticket believed before [`SignedTicket::verify`] found the colony's own signature on it.

mod word;

use serde::{Deserialize, Serialize};

use crate::{
    bounded::{Bytes, List},
    codec::{self, CodecError},
    envelope::SKEW_MAX,
    identity::{Digest, Identity, SecretKey, Signature},
    model::{
        Name,
        member::{Address, Role},
    },
    time::{Span, Timestamp},
};

/// First bytes of everything signed here: no other signature of the owner fits a ticket, nor the other way round.
pub const DOMAIN: &[u8] = b"colony/ticket/1\n";
/// Largest ticket before its signature: eight long addresses fit. Checked before its memory is taken.
pub const TICKET_MAX: usize = 2 * 1024;
/// Most addresses a ticket carries.
pub const NODES_MAX: usize = 8;

/// An invitation. Its keys are one letter each, because people copy it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The colony: its owner's identity.
    #[serde(rename = "c")]
    pub colony: Identity,
    /// The colony's name, so that the bearer knows where to before anything is asked.
    #[serde(rename = "l")]
    pub colony_name: Name,
    /// What its uses are counted by; random.
    #[serde(rename = "i", with = "serde_bytes")]
    pub id: [u8; 16],
    /// What the bearer becomes.
    #[serde(rename = "r")]
    pub role: Role,
    /// The only name the bearer may take.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub member_name: Option<Name>,
    /// How many may join with it.
    #[serde(rename = "u")]
    pub uses: u32,
    /// When it was made, by the owner's clock.
    #[serde(rename = "t")]
    pub issued: Timestamp,
    /// After this moment of log time it is refused.
    #[serde(rename = "e")]
    pub expires: Timestamp,
    /// When the membership it gives ends by itself.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub member_until: Option<Timestamp>,
    /// Where to ask: addresses of the colony's nodes.
    #[serde(rename = "a")]
    pub nodes: List<Address, NODES_MAX>,
}

impl Ticket {
    /// Checks what needs no state: whose it is and its time. How often it was used the colony knows.
    ///
    /// # Errors
    /// [`TicketError::WrongColony`], [`TicketError::FromTheFuture`], [`TicketError::Expired`] or
    /// [`TicketError::MembershipOver`].
    pub fn check(&self, colony: &Identity, now: Timestamp) -> Result<(), TicketError> {
        if self.colony != *colony {
            return Err(TicketError::WrongColony { name: self.colony_name.clone() });
        }
        if self.issued > now.after(SKEW_MAX) {
            return Err(TicketError::FromTheFuture { early: self.issued.since(now) });
        }
        if self.expires < now {
            return Err(TicketError::Expired { late: now.since(self.expires) });
        }
        if self.member_until.is_some_and(|until| until <= now) {
            return Err(TicketError::MembershipOver);
        }
        Ok(())
    }
}

/// A ticket's bytes and the owner's signature over them. As text it is one word: `colony1…`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedTicket {
    /// The encoded [`Ticket`].
    pub bytes: Bytes<TICKET_MAX>,
    /// The signature over [`DOMAIN`] and the bytes.
    pub signature: Signature,
}

impl SignedTicket {
    /// Encodes and signs with the owner's key.
    ///
    /// # Errors
    /// [`TicketError::TooLarge`] or [`TicketError::Malformed`].
    pub fn sign(ticket: &Ticket, owner: &SecretKey) -> Result<Self, TicketError> {
        let bytes = Bytes::new(codec::encode(ticket)?).map_err(|_| TicketError::TooLarge)?;
        let signature = owner.sign(&digest(&bytes));
        Ok(Self { bytes, signature })
    }

    /// Checks that the colony named in the ticket signed it. Whether it is *this* colony, and whether the ticket still
    /// counts, [`Ticket::check`] and the colony itself decide.
    ///
    /// # Errors
    /// [`TicketError::Forged`] or [`TicketError::Malformed`].
    pub fn verify(&self) -> Result<Ticket, TicketError> {
        let by = self.signature.recover(&digest(&self.bytes)).map_err(|_| TicketError::Forged)?;
        let ticket: Ticket = codec::decode(&self.bytes)?;
        if ticket.colony != by {
            return Err(TicketError::Forged);
        }
        Ok(ticket)
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::of(&[DOMAIN, bytes])
}

/// Why a ticket does not let its bearer in, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Text that is something else, or of a later version.
    #[error(
        "this is no ticket: one begins with `{}`; copy the whole word that `colony invite` printed",
        word::PREFIX
    )]
    NotATicket,
    /// A character was lost, added or changed on the way.
    #[error("the ticket was damaged in copying; copy the whole word that `colony invite` printed again")]
    Damaged,
    /// Larger than [`TICKET_MAX`].
    #[error("the ticket is larger than {TICKET_MAX} bytes; name fewer nodes in it")]
    TooLarge,
    /// Not the expected CBOR.
    #[error("the ticket cannot be read; a newer `colony` may have made it")]
    Malformed(#[from] CodecError),
    /// The colony it names did not sign it.
    #[error("the ticket is forged: the colony it names did not sign it; ask the colony's owner for one")]
    Forged,
    /// For another colony.
    #[error("the ticket is for another colony, `{name}`; ask this colony's owner for one")]
    WrongColony {
        /// What the other colony is called.
        name: Name,
    },
    /// The owner's clock was ahead.
    #[error(
        "the ticket was made {early:?} in the future; set the clock where it was made and make a new one"
    )]
    FromTheFuture {
        /// By how much.
        early: Span,
    },
    /// Too late.
    #[error("the ticket expired {late:?} ago; ask the colony's owner for a new one: `colony invite`")]
    Expired {
        /// By how much.
        late: Span,
    },
    /// The membership that it would give is over already.
    #[error(
        "the membership that the ticket gives is over; ask the colony's owner for a new one: `colony invite`"
    )]
    MembershipOver,
    /// As many joined with it as may.
    #[error(
        "the ticket is used up: it was for {uses}; ask the colony's owner for a new one: `colony invite`"
    )]
    UsedUp {
        /// How many it was for.
        uses: u32,
    },
    /// Made before its bearer was removed.
    #[error(
        "this key was removed after the ticket was made; ask the colony's owner for a new one: `colony invite`"
    )]
    BeforeRemoval,
    /// The ticket names its bearer otherwise.
    #[error("the ticket is for a member named `{name}`: join with `--name {name}`")]
    WrongName {
        /// The name it is for.
        name: Name,
    },
}

#[cfg(test)]
mod tests;
