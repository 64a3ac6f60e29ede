//! Bytes to values and back: the one place that knows `serde_cbor`.
//!
//! Used for the wire, for the log and for rows. Callers cap the length of what they read *before* it gets here;
//! this module refuses trailing bytes, and the types it decodes into (see [`crate::bounded`]) refuse too many
//! elements. Network bytes are never decoded into a free-form value: one mebibyte of nulls would become fifty.

use serde::{Serialize, de::DeserializeOwned};

/// Room for an ordinary value, a process for example: a buffer that grows from nothing is copied six times on the way.
pub const ROOM: usize = 512;

/// Encodes a value. Field names are written out, so old and new versions read each other.
///
/// # Errors
/// [`CodecError`] if the value cannot be represented; no type of this crate does that.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    encode_behind(&[], ROOM, value)
}

/// Encodes a value behind some bytes. `room` is about how many bytes the value will take.
///
/// # Errors
/// As [`encode`].
pub fn encode_behind<T: Serialize>(start: &[u8], room: usize, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(start.len().saturating_add(room));
    bytes.extend_from_slice(start);
    let encoded = value.serialize(&mut serde_cbor::Serializer::new(&mut bytes));
    encoded.map_err(|error| CodecError(error.to_string()))?;
    Ok(bytes)
}

/// Encodes a value like [`encode_behind`], with the places of fields for their names: half the bytes of a small struct.
/// [`decode`] reads both. A field may be added behind the last one of such a struct, and none may ever move.
///
/// # Errors
/// As [`encode`].
pub fn encode_packed_behind<T: Serialize>(
    start: &[u8],
    room: usize,
    value: &T,
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(start.len().saturating_add(room));
    bytes.extend_from_slice(start);
    let encoded = value.serialize(&mut serde_cbor::Serializer::new(&mut bytes).packed_format());
    encoded.map_err(|error| CodecError(error.to_string()))?;
    Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_and_nothing_may_follow() {
        let bytes = encode(&("text", 7u64, [1u8, 2])).unwrap();
        assert_eq!(decode(&bytes), Ok(("text".to_owned(), 7u64, [1u8, 2])));
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert!(decode::<(String, u64, [u8; 2])>(&trailing).is_err());
        for len in 0..bytes.len() {
            assert!(decode::<(String, u64, [u8; 2])>(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn equal_values_have_equal_bytes() {
        let map = std::collections::BTreeMap::from([("b", 2), ("a", 1)]);
        assert_eq!(encode(&map), encode(&map.clone()));
        // A map of two, the text "a", 1, the text "b", 2: shortest forms, keys in order.
        assert_eq!(encode(&map).unwrap(), [0xa2, 0x61, b'a', 1, 0x61, b'b', 2]);
    }
}
