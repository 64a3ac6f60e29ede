//! A disk whose every block is checked when it is read.
//!
//! The engine keeps checksums of its pages, but looks at them only when it repairs: in ordinary work it trusts what the disk
//! gives, and a flipped bit may become another key, a missing row or a panic. So each block is written with a checksum of
//! our own behind it, which covers its place too, and a block that does not match is an error before the engine sees it.
//!
//! Block and checksum are one write. A power cut may tear it; the engine never reads what it wrote and did not sync, so a
//! torn block is met only after it was written anew. The engine's header, at the start of the file, is the exception: it
//! is written in place and must change whole, so its checksum stands right behind it, in the same sector.
//!
//! What may never happen: bytes given to the engine that are not those it wrote there. (That a disk gives an *old* block
//! back, whole and in its place, is not seen here.)

use std::{fmt, io, ops::Bound};

use redb::{BackendError, StorageBackend};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The engine's pages have this size or a multiple of it.
const BLOCK: usize = 4096;
/// What stands behind a block.
const SUM: usize = size_of::<u64>();
/// A block as the disk has it.
const STORED: usize = BLOCK + SUM;
/// The engine's header.
const HEADER: usize = 320;
/// Says behind the header's checksum what kind of file this is; the last byte is the layout's version.
const MARK: &[u8; 8] = b"colony\0\x01";
/// The header as the disk has it: well within a sector.
const STORED_HEADER: usize = HEADER + SUM + MARK.len();

/// A disk, checked.
pub(crate) struct Checked(pub(crate) Box<dyn StorageBackend>);

/// The checksum of what stands at a block's place.
fn sum(place: u64, bytes: &[u8]) -> [u8; SUM] {
    xxh3_64_with_seed(bytes, place).to_le_bytes()
}

fn damaged(what: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} does not hold what was written"))
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the engine wants a part of a block")
}

/// The first block of a range, and how many there are, if it is whole blocks.
fn blocks(offset: u64, length: usize) -> io::Result<(u64, usize)> {
    let aligned = offset.is_multiple_of(BLOCK as u64) && length.is_multiple_of(BLOCK);
    if aligned { Ok((offset / BLOCK as u64, length / BLOCK)) } else { Err(unexpected()) }
}

/// Where a block is on the disk.
fn stored_at(block: u64) -> io::Result<u64> {
    block.checked_mul(STORED as u64).ok_or_else(unexpected)
}

impl Checked {
    fn read_header(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        let mut stored = [0; STORED_HEADER];
        self.0.read(0, &mut stored)?;
        let (header, rest) = stored.split_at(HEADER);
        let (checksum, mark) = rest.split_at(SUM);
        if mark != MARK {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its start is no store's"));
        }
        if checksum != sum(0, header) {
            return Err(damaged("the file's start"));
        }
        let wanted = header.get(offset..offset.saturating_add(out.len())).ok_or_else(unexpected)?;
        out.copy_from_slice(wanted);
        Ok(())
    }

    fn write_header(&self, data: &[u8]) -> io::Result<()> {
        if data.len() != HEADER {
            return Err(unexpected());
        }
        let mut stored = Vec::with_capacity(STORED_HEADER);
        stored.extend_from_slice(data);
        stored.extend_from_slice(&sum(0, data));
        stored.extend_from_slice(MARK);
        self.0.write(0, &stored)
    }
}

impl StorageBackend for Checked {
    fn len(&self) -> io::Result<u64> {
        let stored = self.0.len()?;
        // A file that was cut inside a block keeps the odd length: the engine knows that it is not its own.
        let rest = (stored % STORED as u64).min(BLOCK as u64);
        Ok((stored / STORED as u64).saturating_mul(BLOCK as u64).saturating_add(rest))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset < BLOCK as u64 {
            return self.read_header(usize::try_from(offset).map_err(|_| unexpected())?, out);
        }
        let (first, count) = blocks(offset, out.len())?;
        let mut stored = vec![0; count.checked_mul(STORED).ok_or_else(unexpected)?];
        self.0.read(stored_at(first)?, &mut stored)?;
        for ((block, stored), out) in (first..).zip(stored.chunks(STORED)).zip(out.chunks_mut(BLOCK)) {
            let (data, checksum) = stored.split_at_checked(BLOCK).ok_or_else(unexpected)?;
            if checksum != sum(block, data) {
                return Err(damaged(format_args!("block {block}")));
            }
            out.copy_from_slice(data);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (after, _) = blocks(len, 0)?;
        self.0.set_len(stored_at(after)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset == 0 {
            return self.write_header(data);
        }
        let (first, count) = blocks(offset, data.len())?;
        let mut stored = Vec::with_capacity(count.checked_mul(STORED).ok_or_else(unexpected)?);
        for (block, data) in (first..).zip(data.chunks(BLOCK)) {
            stored.extend_from_slice(data);
            stored.extend_from_slice(&sum(block, data));
        }
        self.0.write(stored_at(first)?, &stored)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    // Locks are between processes that agree on them: their ranges name no bytes.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
