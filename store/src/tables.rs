//! The tables of a node's file, and the keys in them.
//!
//! One file serves all colonies of a node, so every key begins with the colony's *slot*: a small number given to it when
//! it is first opened. Keys that grow are appended at the end of their slot's range, which costs this engine four to
//! seven times less than scattered ones.
//!
//! | table | key | value |
//! |---|---|---|
//! | `format` | a word | the version of the whole layout; which store this is |
//! | `colonies` | a colony's id | its slot |
//! | `log` | slot, index | an entry of the replicated log |
//! | `meta` | slot, [`Fact`] | vote, committed and purged log ids, applied state |
//! | `rows` | slot, [`RowKey`] | a row of the colony: live state, archive, log lines |
//!
//! Rows may be under another slot than their colony's log: a snapshot is received under a slot of its own, and installing
//! it changes one fact. A slot that nobody needs any more has a [`Fate`]; the writer empties it bit by bit.
//!
//! What may never happen: a value without its version byte in front, a colony reading another one's range, a slot used
//! for a second thing.

use std::ops::Range;

use colony_protocol::colony::RowKey;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition};

use crate::StoreFailure;

/// The version of the whole layout and the store's identity; one file, one of each.
pub(crate) const FORMAT: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("format");
/// The colonies that have a slot.
pub(crate) const COLONIES: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("colonies");
/// Entries of the replicated logs. Purged entries stay: they hold signatures, the evidence of a colony's history.
pub(crate) const LOG: TableDefinition<'static, (u32, u64), &'static [u8]> = TableDefinition::new("log");
/// What of long entries does not fit into their first row; see [`crate::entries`].
pub(crate) const LOG_PARTS: TableDefinition<'static, (u32, u64, u16), &'static [u8]> =
    TableDefinition::new("log parts");
/// Single facts about a colony's replication.
pub(crate) const META: TableDefinition<'static, (u32, u8), &'static [u8]> = TableDefinition::new("meta");
/// Rows of the colonies.
pub(crate) const ROWS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");

/// The key of the version in [`FORMAT`].
pub(crate) const FORMAT_KEY: &str = "store";
/// The key of the store's identity in [`FORMAT`].
pub(crate) const ID_KEY: &str = "id";

/// A colony's place in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u32);

/// What [`META`] knows about a colony.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fact {
    /// The last vote this node gave.
    Vote = 0,
    /// The last log id known to be committed.
    Committed = 1,
    /// Entries up to this log id are no longer part of the log; they stay as evidence.
    Purged = 2,
    /// What the rows are the state of: the last applied log id and the membership.
    Applied = 3,
    /// The slot its rows are under, if it is not this one.
    Rows = 4,
    /// What is to become of what is under this slot: a [`Fate`].
    Fate = 5,
}

/// Why a slot's content is to be removed, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Rows of a snapshot that is being received. Who finds this at open finds what a crash has left.
    Staged = 0,
    /// Rows that nobody reads any more.
    Rows = 1,
    /// Everything of a forgotten colony.
    Everything = 2,
}

/// The version of a fate's and a slot's value.
const SLOT_VERSION: u8 = 1;

impl Fate {
    /// As [`META`] keeps it.
    pub(crate) const fn to_value(self) -> [u8; 2] {
        [SLOT_VERSION, self as u8]
    }

    /// Reads it back.
    pub(crate) fn from_value(bytes: &[u8]) -> Result<Self, StoreFailure> {
        match bytes {
            [SLOT_VERSION, 0] => Ok(Self::Staged),
            [SLOT_VERSION, 1] => Ok(Self::Rows),
            [SLOT_VERSION, 2] => Ok(Self::Everything),
            _ => Err(StoreFailure::damaged("a slot has an unknown fate")),
        }
    }
}

/// The slot that the rows of a colony are under.
pub(crate) fn rows_slot(
    meta: &impl ReadableTable<(u32, u8), &'static [u8]>,
    slot: Slot,
) -> Result<Slot, StoreFailure> {
    meta.get(slot.fact(Fact::Rows))?.map_or(Ok(slot), |value| Slot::from_value(value.value()))
}

/// The rows of a colony, as one view of the disk has them.
pub(crate) struct Rows {
    /// All rows.
    pub(crate) table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Where the colony's are.
    pub(crate) slot: Slot,
}

impl Rows {
    /// The rows of the colony that has this slot.
    pub(crate) fn open(transaction: &ReadTransaction, slot: Slot) -> Result<Self, StoreFailure> {
        let slot = rows_slot(&transaction.open_table(META)?, slot)?;
        Ok(Self { table: transaction.open_table(ROWS)?, slot })
    }

    /// One row.
    pub(crate) fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.table.get(self.slot.row(key).as_slice())?.map(|value| value.value().to_vec()))
    }
}

impl Slot {
    /// As a value keeps it.
    pub(crate) fn to_value(self) -> [u8; 5] {
        let [a, b, c, d] = self.0.to_be_bytes();
        [SLOT_VERSION, a, b, c, d]
    }

    /// Reads a slot back.
    pub(crate) fn from_value(bytes: &[u8]) -> Result<Self, StoreFailure> {
        match bytes {
            [SLOT_VERSION, rest @ ..] => rest
                .try_into()
                .map(|rest| Self(u32::from_be_bytes(rest)))
                .map_err(|_| StoreFailure::damaged("a slot has a wrong length")),
            _ => Err(StoreFailure::damaged("a slot has an unknown version")),
        }
    }

    /// The key of one fact.
    pub(crate) const fn fact(self, fact: Fact) -> (u32, u8) {
        (self.0, fact as u8)
    }

    /// The key of one row.
    pub(crate) fn row(self, key: &RowKey) -> Vec<u8> {
        self.prefixed(&key.to_bytes())
    }

    /// The rows whose keys start with some bytes; with none, all rows of the colony.
    pub(crate) fn rows_under(self, start: &[u8]) -> Range<Vec<u8>> {
        let first = self.prefixed(start);
        let after = after_prefix(&first);
        first..after
    }

    /// The key inside the colony, given a key of [`ROWS`].
    pub(crate) fn key_of(stored: &[u8]) -> Option<RowKey> {
        RowKey::from_bytes(stored.get(size_of::<u32>()..)?)
    }

    fn prefixed(self, rest: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size_of::<u32>().saturating_add(rest.len()));
        bytes.extend_from_slice(&self.0.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }
}

/// What keys of forgotten rows start with: a log line stands for all lines of its process, an entry of a channel for all
/// entries of all its channels.
pub(crate) fn forgotten_prefix(key: &RowKey) -> Vec<u8> {
    let mut bytes = key.to_bytes();
    match key {
        RowKey::LogLine(..) => bytes.truncate(bytes.len().saturating_sub(size_of::<u64>())),
        RowKey::ChannelEntry(..) => {
            bytes.truncate(bytes.len().saturating_sub(size_of::<u32>() + size_of::<u64>()));
        }
        _ => {}
    }
    bytes
}

/// The smallest key above every key that starts with `prefix`. Slots are given in order from zero, so a prefix of
/// nothing but `0xFF` does not occur; it would give an empty range.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut after = prefix.to_vec();
    while let Some(last) = after.last_mut() {
        if let Some(next) = last.checked_add(1) {
            *last = next;
            return after;
        }
        after.pop();
    }
    prefix.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_two_colonies_do_not_touch() {
        let one = Slot(1).rows_under(&[]);
        let two = Slot(2).rows_under(&[]);
        assert_eq!(one.end, two.start);
        assert!(one.contains(&Slot(1).row(&RowKey::LogLine(u64::MAX, u64::MAX))));
        assert!(!one.contains(&Slot(2).row(&RowKey::Meta)));
    }

    #[test]
    fn a_prefix_that_ends_in_the_largest_byte_still_has_an_end() {
        assert_eq!(after_prefix(&[0, 7, 0xFF, 0xFF]), vec![0, 8]);
        assert_eq!(after_prefix(&[0, 0xFE]), vec![0, 0xFF]);
    }

    #[test]
    fn a_stored_key_gives_its_row_back() {
        let key = RowKey::LogLine(3, 9);
        assert_eq!(Slot::key_of(&Slot(77).row(&key)), Some(key));
        assert_eq!(Slot::key_of(&[0, 0]), None);
    }
}
