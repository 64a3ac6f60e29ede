//! The bytes of a snapshot on its way: rows in key order, cut into chunks that fit a message.
//!
//! One version byte, then for each row the lengths of key and value and the two themselves, then an end mark with the
//! number of rows and a checksum of them all: parts of two snapshots, or of two programs' snapshots, never make one.
//! Chunk borders fall anywhere: a row may be larger than a chunk. A reader keeps at most one row.

use colony_protocol::colony::RowKey;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Largest chunk. It fits a message beside its envelope and is staged as one value.
pub const CHUNK_MAX: usize = 1024 * 1024;
/// Largest row a reader accepts; the largest rows of the core are a few mebibytes.
const ROW_MAX: usize = 64 * 1024 * 1024;
/// Largest key a reader accepts.
const KEY_MAX: usize = 64;
/// The version this program writes.
const VERSION: u8 = 2;
/// Stands where a key's length would: no more rows follow, but their number.
const END: u32 = u32::MAX;

/// Appends the start of a stream.
pub(crate) fn write_start(out: &mut Vec<u8>) {
    out.push(VERSION);
}

/// The rows written or read so far, as the end mark tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    rows: u64,
    checksum: u64,
}

impl Tally {
    fn add(&mut self, frame: &[u8]) {
        self.rows = self.rows.saturating_add(1);
        self.checksum = xxh3_64_with_seed(frame, self.checksum);
    }
}

/// Appends a row.
pub(crate) fn write_row(
    out: &mut Vec<u8>,
    tally: &mut Tally,
    key: &[u8],
    value: &[u8],
) -> Result<(), FrameError> {
    let start = out.len();
    let length = |bytes: &[u8], max: usize| match u32::try_from(bytes.len()) {
        Ok(length) if bytes.len() <= max => Ok(length),
        _ => Err(FrameError::TooLong { length: bytes.len() }),
    };
    out.extend_from_slice(&length(key, KEY_MAX)?.to_be_bytes());
    out.extend_from_slice(&length(value, ROW_MAX)?.to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    tally.add(out.get(start..).unwrap_or_default());
    Ok(())
}

/// Appends the end of a stream.
pub(crate) fn write_end(out: &mut Vec<u8>, tally: Tally) {
    out.extend_from_slice(&END.to_be_bytes());
    out.extend_from_slice(&tally.rows.to_be_bytes());
    out.extend_from_slice(&tally.checksum.to_be_bytes());
}

/// Puts rows together again from chunks.
#[derive(Debug, Default)]
pub(crate) struct RowReader {
    /// Received and not yet given out; everything before `taken` is spent.
    buffer: Vec<u8>,
    taken: usize,
    started: bool,
    ended: bool,
    tally: Tally,
}

impl RowReader {
    /// Adds a chunk.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next row, if all of it is here.
    pub(crate) fn next_row(&mut self) -> Result<Option<(RowKey, Vec<u8>)>, FrameError> {
        if !self.started {
            match self.peek(0, 1).map(<[u8]>::first) {
                None => return Ok(None),
                Some(Some(&VERSION)) => {
                    self.started = true;
                    self.taken = self.taken.saturating_add(1);
                }
                Some(other) => {
                    return Err(FrameError::Version { version: other.copied().unwrap_or_default() });
                }
            }
        }
        let Some(key_length) = self.peek_u32(0) else { return Ok(None) };
        if key_length == END {
            return self.read_end();
        }
        let Some(value_length) = self.peek_u32(4) else { return Ok(None) };
        let (key_length, value_length) = (key_length as usize, value_length as usize);
        if key_length > KEY_MAX || value_length > ROW_MAX {
            return Err(FrameError::TooLong { length: key_length.max(value_length) });
        }
        let value_at = key_length.saturating_add(8);
        let (Some(key), Some(value)) = (self.peek(8, key_length), self.peek(value_at, value_length)) else {
            return Ok(None);
        };
        let key = RowKey::from_bytes(key).ok_or(FrameError::Key)?;
        let value = value.to_vec();
        let end = self.taken.saturating_add(value_at).saturating_add(value_length);
        self.tally.add(self.buffer.get(self.taken..end).unwrap_or_default());
        self.taken = end;
        Ok(Some((key, value)))
    }

    /// Says whether the stream was whole.
    pub(crate) fn finish(&self) -> Result<(), FrameError> {
        if self.ended && self.taken == self.buffer.len() { Ok(()) } else { Err(FrameError::Incomplete) }
    }

    fn read_end(&mut self) -> Result<Option<(RowKey, Vec<u8>)>, FrameError> {
        let number =
            |offset| self.peek(offset, 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let (Some(rows), Some(checksum)) = (number(4), number(12)) else { return Ok(None) };
        if self.ended || rows != self.tally.rows {
            return Err(FrameError::Incomplete);
        }
        if checksum != self.tally.checksum {
            return Err(FrameError::Checksum);
        }
        self.ended = true;
        self.taken = self.taken.saturating_add(20);
        Ok(None)
    }

    fn peek(&self, offset: usize, length: usize) -> Option<&[u8]> {
        let from = self.taken.checked_add(offset)?;
        self.buffer.get(from..from.checked_add(length)?)
    }

    fn peek_u32(&self, offset: usize) -> Option<u32> {
        Some(u32::from_be_bytes(self.peek(offset, 4)?.try_into().ok()?))
    }
}

/// Why a stream of rows could not be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Made by a later program.
    #[error("the snapshot has version {version}; this program knows up to {VERSION}")]
    Version {
        /// Its version.
        version: u8,
    },
    /// A key of no known kind.
    #[error("the snapshot holds a row with an unknown key")]
    Key,
    /// A length above its bound.
    #[error("the snapshot holds a row of {length} bytes")]
    TooLong {
        /// The length.
        length: usize,
    },
    /// Its rows are not those that were sent.
    #[error("the snapshot's checksum is wrong")]
    Checksum,
    /// It ended early, or holds another number of rows than it says.
    #[error("the snapshot is incomplete")]
    Incomplete,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rows: &[(RowKey, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        write_start(&mut out);
        let mut tally = Tally::default();
        for (key, value) in rows {
            write_row(&mut out, &mut tally, &key.to_bytes(), value).unwrap();
        }
        write_end(&mut out, tally);
        out
    }

    fn read(chunks: impl IntoIterator<Item = Vec<u8>>) -> Result<Vec<(RowKey, Vec<u8>)>, FrameError> {
        let mut reader = RowReader::default();
        let mut rows = Vec::new();
        for chunk in chunks {
            reader.feed(&chunk);
            while let Some(row) = reader.next_row()? {
                rows.push(row);
            }
        }
        reader.finish().map(|()| rows)
    }

    #[test]
    fn rows_survive_any_cut_into_chunks() {
        let rows = vec![
            (RowKey::Meta, vec![1, 2, 3]),
            (RowKey::Process(7), Vec::new()),
            (RowKey::LogLine(1, 2), vec![9; 300]),
        ];
        let bytes = stream(&rows);
        for size in 1..=bytes.len() {
            assert_eq!(read(bytes.chunks(size).map(<[u8]>::to_vec)), Ok(rows.clone()), "chunks of {size}");
        }
    }

    #[test]
    fn a_stream_that_ends_early_is_refused_wherever_it_ends() {
        let bytes = stream(&[(RowKey::Meta, vec![1, 2, 3]), (RowKey::Process(7), vec![4])]);
        for end in 0..bytes.len() {
            assert_eq!(read([bytes[..end].to_vec()]), Err(FrameError::Incomplete), "cut at {end}");
        }
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_is() {
        let bytes = stream(&[(RowKey::Meta, vec![1, 2, 3]), (RowKey::Process(7), vec![4])]);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            read([changed]).unwrap_err();
        }
    }

    #[test]
    fn hostile_streams_are_refused() {
        assert_eq!(read([vec![9]]), Err(FrameError::Version { version: 9 }));
        let mut long = vec![VERSION];
        long.extend_from_slice(&5u32.to_be_bytes());
        long.extend_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(read([long]), Err(FrameError::TooLong { length: u32::MAX as usize }));
        let mut after = stream(&[]);
        after.push(0);
        assert_eq!(read([after]), Err(FrameError::Incomplete));
    }
}
