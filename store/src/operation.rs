//! What the writer is asked to do: edits to the tables, in order, all or none.

use std::sync::Arc;

use colony_protocol::{
    colony::{RowKey, decode_process},
    identity::Identity,
    model::State,
};
use redb::{ReadableTable as _, Table, WriteTransaction};

use crate::{
    StoreFailure,
    frames::RowReader,
    overlay,
    tables::{COLONIES, Fact, LOG, META, ROWS, STAGING, Slot, forgotten_prefix},
};

/// Edits that become durable together. Operations are carried out in the order they were sent.
pub(crate) struct Operation {
    /// Whose rows.
    pub(crate) slot: Slot,
    /// The edits.
    pub(crate) edits: Vec<Edit>,
    /// Whether somebody waits for it.
    pub(crate) urgency: Urgency,
    /// Called once, on the writer's thread: after the commit, or with what prevented it. Must not block.
    pub(crate) done: Done,
}

/// What is called when an operation is durable or has failed.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreFailure>) + Send>;

/// When an operation is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// With everything else that is waiting, at once.
    Now,
    /// With the next operation that is urgent: nobody waits for it, and it must not cost a sync of its own.
    WithNext,
}

/// One change to the tables.
pub(crate) enum Edit {
    /// Gives a colony its slot.
    Colony(Identity),
    /// Writes a log entry.
    Entry {
        /// Its index.
        index: u64,
        /// Its sealed form.
        bytes: Vec<u8>,
    },
    /// Removes entries that were never committed, both ends included.
    CutLog {
        /// The first index.
        from: u64,
        /// The last index.
        to: u64,
    },
    /// Writes a fact.
    Fact(Fact, Vec<u8>),
    /// Writes a row.
    Row(RowKey, Arc<[u8]>),
    /// Removes a row, if it is there.
    DropRow(RowKey),
    /// Removes all rows whose keys start with these bytes.
    DropRowsUnder(Vec<u8>),
    /// Removes the archived processes outside workflows that ended in this state, with their log lines.
    DropProcessesIn(State),
    /// Keeps a part of a snapshot that is being received.
    Stage {
        /// Its place among the parts.
        part: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Forgets all parts of a snapshot.
    DropStaging,
    /// Replaces all rows of the colony by those of the received snapshot.
    InstallStaging,
}

impl Edit {
    /// About how many bytes it writes, to bound what waits in memory.
    pub(crate) fn size(&self) -> usize {
        /// What a change without a value costs.
        const SMALL: usize = 64;
        let value = match self {
            Self::Entry { bytes, .. } | Self::Fact(_, bytes) | Self::Stage { bytes, .. } => bytes.len(),
            Self::Row(_, bytes) => bytes.len(),
            _ => 0,
        };
        value.saturating_add(SMALL)
    }
}

/// All tables, open in one write transaction.
pub(crate) struct Tables<'t> {
    colonies: Table<'t, &'static [u8], &'static [u8]>,
    log: Table<'t, (u32, u64), &'static [u8]>,
    meta: Table<'t, (u32, u8), &'static [u8]>,
    rows: Table<'t, &'static [u8], &'static [u8]>,
    staging: Table<'t, (u32, u64), &'static [u8]>,
}

/// The version of a slot's value in [`COLONIES`].
const SLOT_VERSION: u8 = 1;

impl<'t> Tables<'t> {
    /// Opens the tables, making those that do not exist.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFailure> {
        Ok(Self {
            colonies: transaction.open_table(COLONIES)?,
            log: transaction.open_table(LOG)?,
            meta: transaction.open_table(META)?,
            rows: transaction.open_table(ROWS)?,
            staging: transaction.open_table(STAGING)?,
        })
    }

    /// Carries out one edit.
    pub(crate) fn apply(&mut self, slot: Slot, edit: &Edit) -> Result<(), StoreFailure> {
        match edit {
            Edit::Colony(id) => {
                let value = slot_value(slot);
                self.colonies.insert(id.as_bytes().as_slice(), value.as_slice())?;
            }
            Edit::Entry { index, bytes } => {
                self.log.insert((slot.0, *index), bytes.as_slice())?;
            }
            Edit::CutLog { from, to } => {
                self.log.retain_in((slot.0, *from)..=(slot.0, *to), |_, _| false)?;
            }
            Edit::Fact(fact, bytes) => {
                self.meta.insert(slot.fact(*fact), bytes.as_slice())?;
            }
            Edit::Row(key, bytes) => {
                self.rows.insert(slot.row(key).as_slice(), bytes.as_ref())?;
            }
            Edit::DropRow(key) => {
                self.rows.remove(slot.row(key).as_slice())?;
            }
            Edit::DropRowsUnder(start) => {
                let range = slot.rows_under(start);
                self.rows.retain_in(range.start.as_slice()..range.end.as_slice(), |_, _| false)?;
            }
            Edit::DropProcessesIn(state) => self.drop_processes(slot, *state)?,
            Edit::Stage { part, bytes } => {
                self.staging.insert((slot.0, *part), bytes.as_slice())?;
            }
            Edit::DropStaging => self.drop_staging(slot)?,
            Edit::InstallStaging => self.install_staging(slot)?,
        }
        Ok(())
    }

    fn drop_processes(&mut self, slot: Slot, state: State) -> Result<(), StoreFailure> {
        let (first, last) = (RowKey::ArchivedProcess(0), RowKey::ArchivedProcess(u64::MAX));
        let mut numbers = Vec::new();
        for found in self.rows.range(slot.row(&first).as_slice()..=slot.row(&last).as_slice())? {
            let (_, value) = found?;
            let process =
                decode_process(value.value()).map_err(|error| StoreFailure::damaged(error.to_string()))?;
            if overlay::is_of_state(&process, state) {
                numbers.push(process.id.number());
            }
        }
        for number in numbers {
            self.apply(slot, &Edit::DropRow(RowKey::ArchivedProcess(number)))?;
            self.apply(slot, &Edit::DropRowsUnder(forgotten_prefix(&RowKey::LogLine(number, 0))))?;
        }
        Ok(())
    }

    fn drop_staging(&mut self, slot: Slot) -> Result<(), StoreFailure> {
        self.staging.retain_in((slot.0, 0)..=(slot.0, u64::MAX), |_, _| false)?;
        Ok(())
    }

    fn install_staging(&mut self, slot: Slot) -> Result<(), StoreFailure> {
        self.apply(slot, &Edit::DropRowsUnder(Vec::new()))?;
        let mut reader = RowReader::default();
        for part in self.staging.range((slot.0, 0)..=(slot.0, u64::MAX))? {
            let (_, bytes) = part?;
            reader.feed(bytes.value());
            while let Some((key, value)) =
                reader.next_row().map_err(|e| StoreFailure::damaged(e.to_string()))?
            {
                self.rows.insert(slot.row(&key).as_slice(), value.as_slice())?;
            }
        }
        reader.finish().map_err(|error| StoreFailure::damaged(error.to_string()))?;
        self.drop_staging(slot)
    }
}

/// A slot as [`COLONIES`] keeps it.
fn slot_value(slot: Slot) -> [u8; 5] {
    let [a, b, c, d] = slot.0.to_be_bytes();
    [SLOT_VERSION, a, b, c, d]
}

/// Reads a slot back.
pub(crate) fn slot_from_value(bytes: &[u8]) -> Result<Slot, StoreFailure> {
    match bytes {
        [SLOT_VERSION, rest @ ..] => rest
            .try_into()
            .map(|rest| Slot(u32::from_be_bytes(rest)))
            .map_err(|_| StoreFailure::damaged("a colony's slot has a wrong length")),
        _ => Err(StoreFailure::damaged("a colony's slot has an unknown version")),
    }
}
