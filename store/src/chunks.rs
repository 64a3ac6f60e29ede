//! The chunks of a snapshot, from the start or from where a cut transfer left off.
//!
//! Reading leaves *marks*: where in the rows each chunk begins. So a transfer that goes on later, or again, starts at its
//! mark and need not read what the receiver has. A chunk's bytes depend on nothing but the rows.

use std::{
    fmt,
    ops::Bound,
    sync::{Arc, Mutex},
};

use crate::{
    CHUNK_MAX, SnapshotError, StoreFailure,
    frames::{self, Tally},
    tables::Rows,
};

/// Where the chunks begin that were read so far, in order.
pub(crate) type Marks = Vec<Mark>;

/// Where a chunk begins.
#[derive(Clone, Default)]
pub(crate) struct Mark {
    /// The last row whose bytes began before, as the table has its key.
    row: Option<Vec<u8>>,
    /// How many of the last bytes of what began before belong to this chunk.
    rest: usize,
    /// The rows before that row.
    before: Tally,
    /// The rows up to it.
    tally: Tally,
    /// Whether the end mark has begun.
    ended: bool,
}

/// The chunks of a snapshot.
pub struct Chunks {
    rows: redb::Range<'static, &'static [u8], &'static [u8]>,
    marks: Arc<Mutex<Marks>>,
    /// The number of the next chunk.
    next: u64,
    /// Written and not given out.
    buffer: Vec<u8>,
    /// Where the next chunk begins.
    at: Mark,
}

impl Chunks {
    /// The chunks after the first `skipped`.
    pub(crate) fn new(rows: Rows, marks: Arc<Mutex<Marks>>, skipped: u64) -> Result<Self, SnapshotError> {
        let (next, at) = {
            let marks = marks.lock().map_err(|_| StoreFailure::poisoned())?;
            let known = marks.len().saturating_sub(1).min(usize::try_from(skipped).unwrap_or(usize::MAX));
            (known as u64, marks.get(known).cloned())
        };
        let mut chunks = Self::at(&rows, marks, next, at)?;
        while chunks.next < skipped {
            match chunks.next() {
                Some(chunk) => drop(chunk?),
                None => break,
            }
        }
        Ok(chunks)
    }

    fn at(rows: &Rows, marks: Arc<Mutex<Marks>>, next: u64, at: Option<Mark>) -> Result<Self, SnapshotError> {
        let range = rows.slot.rows_under(&[]);
        let mut buffer = Vec::new();
        let from = match at.as_ref().and_then(|mark| mark.row.as_deref()) {
            Some(row) => Bound::Excluded(row),
            None => Bound::Included(range.start.as_slice()),
        };
        match &at {
            None => frames::write_start(&mut buffer),
            Some(Mark { rest: 0, .. }) => {}
            Some(Mark { ended: true, tally, .. }) => frames::write_end(&mut buffer, *tally),
            Some(Mark { row: Some(key), before, .. }) => {
                let row = rows.table.get(key.as_slice()).map_err(StoreFailure::from)?;
                let row = row.ok_or_else(|| StoreFailure::damaged("a snapshot has lost a row"))?;
                frames::write_row(&mut buffer, &mut before.clone(), inner(key), row.value())?;
            }
            // Nothing but the version came before the first row.
            Some(Mark { row: None, .. }) => frames::write_start(&mut buffer),
        }
        if let Some(mark) = &at {
            buffer.drain(..buffer.len().saturating_sub(mark.rest));
        }
        let rows = rows
            .table
            .range::<&[u8]>((from, Bound::Excluded(range.end.as_slice())))
            .map_err(StoreFailure::from)?;
        Ok(Self { rows, marks, next, buffer, at: at.unwrap_or_default() })
    }

    /// Adds one row, or the end, to the buffer.
    fn advance(&mut self) -> Result<(), SnapshotError> {
        match self.rows.next().transpose().map_err(StoreFailure::from)? {
            Some((key, value)) => {
                self.at.before = self.at.tally;
                frames::write_row(&mut self.buffer, &mut self.at.tally, inner(key.value()), value.value())?;
                self.at.row = Some(key.value().to_vec());
            }
            None => {
                frames::write_end(&mut self.buffer, self.at.tally);
                self.at.ended = true;
            }
        }
        Ok(())
    }

    /// Remembers where the next chunk begins.
    fn mark(&mut self) {
        self.at.rest = self.buffer.len();
        if let Ok(mut marks) = self.marks.lock()
            && marks.len() as u64 == self.next
        {
            marks.push(self.at.clone());
        }
    }
}

impl Iterator for Chunks {
    type Item = Result<Vec<u8>, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == 0 {
            self.mark();
        }
        while !self.at.ended && self.buffer.len() < CHUNK_MAX {
            if let Err(error) = self.advance() {
                self.at.ended = true;
                self.buffer.clear();
                // Nothing that comes after an error is a mark.
                self.next = u64::MAX;
                return Some(Err(error));
            }
        }
        if self.buffer.is_empty() {
            return None;
        }
        let rest = self.buffer.split_off(self.buffer.len().min(CHUNK_MAX));
        let chunk = std::mem::replace(&mut self.buffer, rest);
        self.next = self.next.saturating_add(1);
        self.mark();
        Some(Ok(chunk))
    }
}

/// A row's key without its slot.
fn inner(key: &[u8]) -> &[u8] {
    key.get(size_of::<u32>()..).unwrap_or_default()
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("next", &self.next).finish_non_exhaustive()
    }
}
