//! Frames: bytes with their length in front.
//!
//! The [`Parser`] is pure: bytes in, frames out. The [`Reader`] feeds it from a connection and gives each frame a time
//! to arrive in; the [`Writer`] gives each batch of frames a time to be taken. Both can be dropped at any await and
//! called again without losing bytes, so they fit into a `select!`.
//!
//! What may never happen here: memory for bytes that are only announced; a peer that keeps memory by being slow.

mod parser;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::{io, time::Duration};

use super::budget::Charge;

pub(crate) use parser::Parser;
pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// Time for a frame's header, and for any frame beside the time its length earns it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A peer slower than this many bytes per second is not worth the memory its frame holds.
const SLOWEST: u64 = 16 * 1024;
/// Bytes of a length.
const LENGTH: usize = 4;
/// Bytes of a length and a correlation number.
const NUMBERED: usize = 12;

/// How long a frame of `len` bytes may take to pass.
pub(crate) fn patience(len: usize) -> Duration {
    let earned = u64::try_from(len).unwrap_or(u64::MAX) / SLOWEST;
    PATIENCE.saturating_add(Duration::from_secs(earned))
}

/// Which header stands before the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// `u32` length.
    Length,
    /// `u32` length, `u64` correlation number.
    Numbered,
}

/// A frame that has arrived.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The correlation number; 0 under [`Header::Length`].
    pub(crate) number: u64,
    /// The bytes; `None` if there was no memory for them and they were skipped.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Holds the memory's share of the budget.
    pub(crate) charge: Charge,
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The announced length is above the limit.
    #[error("a frame of {0} bytes is above the limit of {1}")]
    TooLarge(usize, usize),
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    Cut,
    /// The peer sends or takes bytes too slowly.
    #[error("the peer is too slow")]
    TooSlow,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => error,
            FrameError::TooSlow => Self::new(io::ErrorKind::TimedOut, error),
            FrameError::Cut => Self::new(io::ErrorKind::UnexpectedEof, error),
            FrameError::TooLarge(..) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Appends a frame to `out`, whose bytes are those of `parts` together.
///
/// # Errors
/// [`FrameError::TooLarge`]; nothing is appended then.
pub(crate) fn put(
    out: &mut Vec<u8>,
    number: Option<u64>,
    parts: &[&[u8]],
    limit: usize,
) -> Result<(), FrameError> {
    let sum = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let len = u32::try_from(sum).ok().filter(|_| sum <= limit);
    let len = len.ok_or(FrameError::TooLarge(sum, limit))?;
    out.reserve(NUMBERED.saturating_add(sum));
    out.extend_from_slice(&len.to_be_bytes());
    if let Some(number) = number {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}
