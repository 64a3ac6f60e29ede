//! Bytes to values and back: the one place that knows `serde_cbor`.
//!
//! Used for the wire, for the log and for rows. Callers cap the length of what they read *before* it gets here;
//! this module refuses trailing bytes, and the types it decodes into (see [`crate::bounded`]) refuse too many
//! elements. Network bytes are never decoded into a free-form value: one mebibyte of nulls would become fifty.

use serde::{Serialize, de::DeserializeOwned};

/// Encodes a value. Field names are written out, so old and new versions read each other.
///
/// # Errors
/// [`CodecError`] if the value cannot be represented; no type of this crate does that.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    serde_cbor::to_vec(value).map_err(|error| CodecError(error.to_string()))
}

/// Decodes exactly one value from all of `bytes`.
///
/// # Errors
/// [`CodecError`] on malformed or trailing bytes, nesting above 128 levels, or a value out of its bounds.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    // `from_slice` makes a fresh deserializer each time: its depth counter is not restored after an error.
    serde_cbor::from_slice(bytes).map_err(|error| CodecError(error.to_string()))
}

/// Why bytes could not be decoded, or a value not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed CBOR: {0}")]
pub struct CodecError(String);
