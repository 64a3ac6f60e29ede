//! Entries of the replicated logs on disk, as rows of bounded size.
//!
//! A batch of a thousand requests is one entry of a third of a megabyte. The database gives a row a page of its own, of
//! a power of two: one row for it would take half a megabyte, all of which is written and synced. So an entry is cut
//! into rows of [`ROW_BYTES`]. The first stands in [`LOG`] under the entry's index, the others in [`LOG_PARTS`]. Whoever
//! finds a row of that length knows that another follows, if only an empty one; a shorter one is the last.
//!
//! The writer writes and cuts here, [`crate::log`] reads. What may never happen: an entry read without one of its rows.

use std::{borrow::Cow, ops::RangeInclusive};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table, WriteTransaction};

use crate::{
    StoreFailure,
    tables::{LOG, LOG_PARTS, Slot},
};

/// Bytes of a row that others follow. With key and lengths it fills a page of 32 KiB to the brim, so at most half of the
/// last row's page is wasted: a twentieth of the entry above, where it was two fifths.
pub(crate) const ROW_BYTES: usize = 32 * 1024 - 64;

type Heads = (u32, u64);
type Parts = (u32, u64, u16);

/// Entries as a write transaction sees them.
pub(crate) struct EntriesMut<'t> {
    heads: Table<'t, Heads, &'static [u8]>,
    parts: Table<'t, Parts, &'static [u8]>,
}

impl<'t> EntriesMut<'t> {
    /// Opens the tables, making those that do not exist.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFailure> {
        Ok(Self { heads: transaction.open_table(LOG)?, parts: transaction.open_table(LOG_PARTS)? })
    }

    /// Writes an entry. Of one that stood there before, rows may stay behind the new one's last; they are never read.
    pub(crate) fn insert(&mut self, slot: Slot, index: u64, bytes: &[u8]) -> Result<(), StoreFailure> {
        let (head, mut rest) = bytes.split_at(bytes.len().min(ROW_BYTES));
        self.heads.insert((slot.0, index), head)?;
        let mut full = head.len() == ROW_BYTES;
        let mut number = 0_u16;
        while full {
            let (part, after) = rest.split_at(rest.len().min(ROW_BYTES));
            self.parts.insert((slot.0, index, number), part)?;
            number = number.checked_add(1).ok_or_else(|| StoreFailure::damaged("a log entry is too long"))?;
            full = part.len() == ROW_BYTES;
            rest = after;
        }
        Ok(())
    }

    /// Removes entries.
    pub(crate) fn remove(&mut self, slot: Slot, indexes: RangeInclusive<u64>) -> Result<(), StoreFailure> {
        let (from, to) = indexes.into_inner();
        self.heads.retain_in((slot.0, from)..=(slot.0, to), |_, _| false)?;
        self.parts.retain_in((slot.0, from, 0)..=(slot.0, to, u16::MAX), |_, _| false)?;
        Ok(())
    }

    /// All entries of a slot, as heads.
    pub(crate) fn heads(&self, slot: Slot) -> Result<redb::Range<'_, Heads, &'static [u8]>, StoreFailure> {
        Ok(self.heads.range((slot.0, 0)..=(slot.0, u64::MAX))?)
    }
}

/// Entries as a read transaction sees them.
pub(crate) struct Entries {
    heads: ReadOnlyTable<Heads, &'static [u8]>,
    parts: ReadOnlyTable<Parts, &'static [u8]>,
}

impl Entries {
    /// Opens the tables.
    pub(crate) fn open(transaction: &ReadTransaction) -> Result<Self, StoreFailure> {
        Ok(Self { heads: transaction.open_table(LOG)?, parts: transaction.open_table(LOG_PARTS)? })
    }

    /// Shows the entries with indexes of `start..end`, in order, until `visit` says no.
    pub(crate) fn visit(
        &self,
        slot: Slot,
        (start, end): (u64, u64),
        mut visit: impl FnMut(u64, &[u8]) -> Result<bool, StoreFailure>,
    ) -> Result<(), StoreFailure> {
        for found in self.heads.range((slot.0, start)..(slot.0, end))? {
            let (key, head) = found?;
            let (_, index) = key.value();
            if !visit(index, &self.whole(slot, index, head.value())?)? {
                break;
            }
        }
        Ok(())
    }

    /// The last entry below an index.
    pub(crate) fn last_below(&self, slot: Slot, index: u64) -> Result<Option<(u64, Vec<u8>)>, StoreFailure> {
        let Some(found) = self.heads.range((slot.0, 0)..(slot.0, index))?.next_back() else {
            return Ok(None);
        };
        let (key, head) = found?;
        let (_, index) = key.value();
        Ok(Some((index, self.whole(slot, index, head.value())?.into_owned())))
    }

    /// An entry from its first row.
    fn whole<'h>(&self, slot: Slot, index: u64, head: &'h [u8]) -> Result<Cow<'h, [u8]>, StoreFailure> {
        if head.len() < ROW_BYTES {
            return Ok(Cow::Borrowed(head));
        }
        let mut bytes = head.to_vec();
        for (expected, found) in
            (0_u16..).zip(self.parts.range((slot.0, index, 0)..=(slot.0, index, u16::MAX))?)
        {
            let (key, part) = found?;
            if key.value().2 != expected {
                break;
            }
            bytes.extend_from_slice(part.value());
            if part.value().len() < ROW_BYTES {
                return Ok(Cow::Owned(bytes));
            }
        }
        Err(StoreFailure::damaged(format!("a part of log entry {index} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableDatabase as _, backends::InMemoryBackend};

    use super::*;

    const SLOT: Slot = Slot(3);

    fn bytes(seed: u8, length: usize) -> Vec<u8> {
        (0..length).map(|at| seed ^ u8::try_from(at % 251).unwrap()).collect()
    }

    fn change(database: &Database, change: impl FnOnce(&mut EntriesMut<'_>)) {
        let transaction = database.begin_write().unwrap();
        change(&mut EntriesMut::open(&transaction).unwrap());
        transaction.commit().unwrap();
    }

    fn all(database: &Database) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        let entries = Entries::open(&database.begin_read().unwrap()).unwrap();
        let visit = |index, bytes: &[u8]| {
            all.push((index, bytes.to_vec()));
            Ok(true)
        };
        entries.visit(SLOT, (0, u64::MAX), visit).unwrap();
        all
    }

    #[test]
    fn an_entry_of_any_length_is_read_as_it_was_written() {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let lengths =
            [0, 1, ROW_BYTES - 1, ROW_BYTES, ROW_BYTES + 1, 2 * ROW_BYTES, 3 * ROW_BYTES - 1, 10 * ROW_BYTES];
        let expected: Vec<_> = (1..).zip(lengths.map(|length| bytes(7, length))).collect();
        change(&database, |entries| {
            for (index, bytes) in &expected {
                entries.insert(SLOT, *index, bytes).unwrap();
            }
            // A neighbour's are not ours.
            entries.insert(Slot(4), 1, &bytes(1, 5 * ROW_BYTES)).unwrap();
        });
        assert_eq!(all(&database), expected);
        let entries = Entries::open(&database.begin_read().unwrap()).unwrap();
        for (index, bytes) in &expected {
            assert_eq!(entries.last_below(SLOT, index + 1).unwrap(), Some((*index, bytes.clone())));
        }
        assert_eq!(entries.last_below(SLOT, 1).unwrap(), None);
    }

    #[test]
    fn an_entry_takes_the_place_of_a_longer_one_and_goes_with_all_its_rows() {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        for length in [9 * ROW_BYTES, 4 * ROW_BYTES + 5, 2 * ROW_BYTES, 3] {
            change(&database, |entries| entries.insert(SLOT, 1, &bytes(length as u8, length)).unwrap());
            assert_eq!(all(&database), [(1, bytes(length as u8, length))]);
        }
        change(&database, |entries| {
            entries.insert(SLOT, 2, &bytes(2, 9 * ROW_BYTES)).unwrap();
            entries.remove(SLOT, 1..=1).unwrap();
        });
        assert_eq!(all(&database), [(2, bytes(2, 9 * ROW_BYTES))]);
        change(&database, |entries| entries.remove(SLOT, 1..=2).unwrap());
        assert_eq!(all(&database), []);
        let parts = database.begin_read().unwrap().open_table(LOG_PARTS).unwrap();
        assert!(parts.range((0, 0, 0)..=(u32::MAX, u64::MAX, u16::MAX)).unwrap().next().is_none());
    }

    #[test]
    fn an_entry_without_one_of_its_rows_is_damage_and_never_a_shorter_entry() {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        for lost in 0..3 {
            change(&database, |entries| {
                entries.insert(SLOT, 1, &bytes(1, 3 * ROW_BYTES + 1)).unwrap();
                entries.parts.remove((SLOT.0, 1, lost)).unwrap();
            });
            let entries = Entries::open(&database.begin_read().unwrap()).unwrap();
            assert!(entries.last_below(SLOT, 2).is_err(), "row {lost}");
        }
    }
}
