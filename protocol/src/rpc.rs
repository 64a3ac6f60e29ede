//! Frames: how requests and outcomes travel between peers.
//!
//! Two protocols carry the same bytes. [`RPC_PROTOCOL`] opens a substream per request; [`STREAM_PROTOCOL`] keeps one
//! open and numbers the requests in it, which costs a tenth at load. A request is the bytes of a
//! [`crate::envelope::Signed`]; an outcome is an encoded [`crate::reply::Outcome`].

use crate::{
    codec::{self, CodecError},
    envelope::SIGNED_MAX,
    reply::{Outcome, Reply, Response},
};

/// One substream per request.
pub const RPC_PROTOCOL: &str = "/colony/rpc/1";
/// One long-lived substream for many requests; each frame is `u32` length, `u64` correlation number, bytes.
pub const STREAM_PROTOCOL: &str = "/colony/stream/1";
/// Largest request frame, checked before its memory is taken.
pub const REQUEST_MAX: usize = SIGNED_MAX;
/// Largest outcome frame: a page of processes with large outputs. A client checks it before taking memory.
pub const OUTCOME_MAX: usize = 16 * 1024 * 1024;

/// Encodes an outcome for the wire.
///
/// # Errors
/// See [`codec::encode`].
pub fn encode_outcome(outcome: &Outcome) -> Result<Vec<u8>, CodecError> {
    let values = match outcome {
        Ok(Response::Reply(Reply::Assigned { processes, .. })) => processes.len(),
        _ => 1,
    };
    codec::encode_behind(&[], codec::ROOM.saturating_mul(values), outcome)
}

/// Reads an outcome from the wire.
///
/// # Errors
/// See [`codec::decode`].
pub fn decode_outcome(bytes: &[u8]) -> Result<Outcome, CodecError> {
    codec::decode(bytes)
}
