//! A ticket as one word: `colony1`, then base32 of the signature, the ticket and a checksum.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD_NOCASE;

use super::{SignedTicket, TICKET_MAX, TicketError};
use crate::{
    bounded::Bytes,
    identity::{Digest, SIGNATURE_LEN, Signature},
};

/// How every ticket begins. The digit is the version.
pub(super) const PREFIX: &str = "colony1";
/// Bytes of checksum: of four billion typing errors one passes, and then the signature does not fit.
const CHECK_LEN: usize = 4;
/// Longest word, twice over: room for the line breaks and indents of a mail. Checked before anything is decoded.
const WORD_MAX: usize = 2 * (PREFIX.len() + (SIGNATURE_LEN + TICKET_MAX + CHECK_LEN) * 8 / 5 + 1);

fn check_of(bytes: &[u8]) -> [u8; CHECK_LEN] {
    let digest = Digest::of(&[b"colony/ticket/check/1\n", bytes]);
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest.0[..CHECK_LEN]);
    check
}

impl fmt::Display for SignedTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.signature.0.to_vec();
        bytes.extend_from_slice(&self.bytes);
        bytes.extend_from_slice(&check_of(&bytes));
        f.write_str(PREFIX)?;
        f.write_str(&BASE32_NOPAD_NOCASE.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for SignedTicket {
    type Err = TicketError;

    /// Reads the word in upper or lower case. White space is skipped, because mail programs break long words.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        if text.len() > WORD_MAX {
            return Err(TicketError::TooLarge);
        }
        let word: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let (prefix, rest) = word.split_at_checked(PREFIX.len()).ok_or(TicketError::NotATicket)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(TicketError::NotATicket);
        }
        let bytes = BASE32_NOPAD_NOCASE.decode(rest.as_bytes()).map_err(|_| TicketError::Damaged)?;
        let (signed, check) = bytes.split_last_chunk::<CHECK_LEN>().ok_or(TicketError::Damaged)?;
        if *check != check_of(signed) {
            return Err(TicketError::Damaged);
        }
        let (signature, ticket) = signed.split_first_chunk::<SIGNATURE_LEN>().ok_or(TicketError::Damaged)?;
        let bytes = Bytes::new(ticket).map_err(|_| TicketError::TooLarge)?;
        Ok(Self { bytes, signature: Signature(*signature) })
    }
}
