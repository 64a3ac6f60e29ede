//! What the writer is asked to do: edits to the tables, in order, all or none.

use std::{ops::Range, sync::Arc};

use colony_protocol::{
    colony::{Expiry, RowError, RowKey, decode_process, decode_workflow},
    identity::Identity,
    model::State,
};
use redb::{Key, ReadableTable as _, Table, WriteTransaction};

use crate::{
    StoreFailure,
    entries::EntriesMut,
    overlay,
    tables::{COLONIES, Fact, Fate, META, ROWS, Slot, forgotten_prefix, rows_slot},
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
    /// Removes what is too old from a part of the archive.
    Expire(Expiry),
    /// Keeps rows of a snapshot that is being received.
    Stage {
        /// The slot it is received under.
        under: Slot,
        /// The rows.
        rows: Vec<(RowKey, Vec<u8>)>,
    },
    /// Lets the rows of a received snapshot take the place of the colony's.
    Adopt(Slot),
    /// Says what is to become of a slot, and lets the writer see to it, unless a snapshot is still being received there.
    Doom(Slot, Fate),
    /// Forgets a colony and everything about it.
    Forget(Identity),
}

impl Edit {
    /// About how many bytes it writes, to bound what waits in memory.
    pub(crate) fn size(&self) -> usize {
        /// What a change without a value costs.
        const SMALL: usize = 64;
        let value = match self {
            Self::Entry { bytes, .. } | Self::Fact(_, bytes) => bytes.len(),
            Self::Stage { rows, .. } => {
                rows.iter().map(|(_, value)| value.len().saturating_add(SMALL)).fold(0, usize::saturating_add)
            }
            Self::Row(_, bytes) => bytes.len(),
            _ => 0,
        };
        value.saturating_add(SMALL)
    }
}

/// All tables, open in one write transaction.
pub(crate) struct Tables<'t> {
    colonies: Table<'t, &'static [u8], &'static [u8]>,
    log: EntriesMut<'t>,
    meta: Table<'t, (u32, u8), &'static [u8]>,
    rows: Table<'t, &'static [u8], &'static [u8]>,
    /// Under which slot the rows of the colony are that was looked up last: it is asked for with every row.
    found: Option<(Slot, Slot)>,
    /// Slots whose content is to be removed from now on.
    pub(crate) doomed: Vec<(Slot, Fate)>,
}

impl<'t> Tables<'t> {
    /// Opens the tables, making those that do not exist.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFailure> {
        Ok(Self {
            colonies: transaction.open_table(COLONIES)?,
            log: EntriesMut::open(transaction)?,
            meta: transaction.open_table(META)?,
            rows: transaction.open_table(ROWS)?,
            found: None,
            doomed: Vec::new(),
        })
    }

    /// Carries out one edit.
    pub(crate) fn apply(&mut self, slot: Slot, edit: &Edit) -> Result<(), StoreFailure> {
        match edit {
            Edit::Colony(id) => {
                self.colonies.insert(id.as_bytes().as_slice(), slot.to_value().as_slice())?;
            }
            Edit::Entry { index, bytes } => {
                self.log.insert(slot, *index, bytes)?;
            }
            Edit::CutLog { from, to } => {
                self.log.remove(slot, *from..=*to)?;
            }
            Edit::Fact(fact, bytes) => {
                self.meta.insert(slot.fact(*fact), bytes.as_slice())?;
            }
            Edit::Row(key, bytes) => {
                let slot = self.rows_of(slot)?;
                self.rows.insert(slot.row(key).as_slice(), bytes.as_ref())?;
            }
            Edit::DropRow(key) => {
                let slot = self.rows_of(slot)?;
                self.rows.remove(slot.row(key).as_slice())?;
            }
            Edit::DropRowsUnder(start) => {
                let range = self.rows_of(slot)?.rows_under(start);
                self.rows.retain_in(range.start.as_slice()..range.end.as_slice(), |_, _| false)?;
            }
            Edit::Expire(expiry) => self.expire(slot, expiry)?,
            Edit::DropProcessesIn(state) => self.drop_processes(slot, *state)?,
            Edit::Stage { under, rows } => {
                for (key, value) in rows {
                    self.rows.insert(under.row(key).as_slice(), value.as_slice())?;
                }
            }
            Edit::Adopt(received) => self.adopt(slot, *received)?,
            Edit::Doom(doomed, fate) => self.doom(*doomed, *fate)?,
            Edit::Forget(id) => self.forget(slot, id)?,
        }
        Ok(())
    }

    /// The slot that the rows of a colony are under.
    fn rows_of(&mut self, slot: Slot) -> Result<Slot, StoreFailure> {
        if let Some((of, found)) = self.found
            && of == slot
        {
            return Ok(found);
        }
        let found = rows_slot(&self.meta, slot)?;
        self.found = Some((slot, found));
        Ok(found)
    }

    /// Removes what a policy names from a part of the archive.
    fn expire(&mut self, slot: Slot, expiry: &Expiry) -> Result<(), StoreFailure> {
        let mut drops = Vec::new();
        for workflow in self.archived(slot, &expiry.workflows, RowKey::ArchivedWorkflow, decode_workflow)? {
            if expiry.takes(workflow.state, workflow.ended_at) {
                drops.push(RowKey::ArchivedWorkflow(workflow.id.number()));
                for process in &workflow.processes {
                    drops.push(RowKey::ArchivedProcess(process.number()));
                    drops.push(RowKey::LogLine(process.number(), 0));
                }
            }
        }
        for process in self.archived(slot, &expiry.processes, RowKey::ArchivedProcess, decode_process)? {
            let whole = process.workflow.is_none() && expiry.takes(process.state, process.ended_at);
            if whole {
                drops.push(RowKey::ArchivedProcess(process.number()));
            }
            if whole || (process.log_lines > 0 && expiry.takes_log(process.ended_at)) {
                drops.push(RowKey::LogLine(process.number(), 0));
            }
        }
        for key in drops {
            self.apply(slot, &Edit::DropRowsUnder(forgotten_prefix(&key)))?;
        }
        Ok(())
    }

    /// The archived rows of one kind with these numbers.
    fn archived<T>(
        &mut self,
        slot: Slot,
        numbers: &Range<u64>,
        key: impl Fn(u64) -> RowKey,
        decode: impl Fn(&[u8]) -> Result<T, RowError>,
    ) -> Result<Vec<T>, StoreFailure> {
        let under = self.rows_of(slot)?;
        let (from, to) = (under.row(&key(numbers.start)), under.row(&key(numbers.end)));
        let mut found = Vec::new();
        for row in self.rows.range(from.as_slice()..to.as_slice())? {
            let (_, value) = row?;
            found.push(decode(value.value()).map_err(|error| StoreFailure::damaged(error.to_string()))?);
        }
        Ok(found)
    }

    fn drop_processes(&mut self, slot: Slot, state: State) -> Result<(), StoreFailure> {
        let (first, last) = (RowKey::ArchivedProcess(0), RowKey::ArchivedProcess(u64::MAX));
        let mut numbers = Vec::new();
        let under = self.rows_of(slot)?;
        for found in self.rows.range(under.row(&first).as_slice()..=under.row(&last).as_slice())? {
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

    /// The rows of a received snapshot take the place of the colony's.
    fn adopt(&mut self, slot: Slot, received: Slot) -> Result<(), StoreFailure> {
        let replaced = self.rows_of(slot)?;
        self.meta.insert(slot.fact(Fact::Rows), received.to_value().as_slice())?;
        self.found = None;
        self.meta.remove(received.fact(Fact::Fate))?;
        self.doom(replaced, Fate::Rows)
    }

    fn forget(&mut self, slot: Slot, id: &Identity) -> Result<(), StoreFailure> {
        let rows = self.rows_of(slot)?;
        if rows != slot {
            self.doom(rows, Fate::Rows)?;
        }
        self.doom(slot, Fate::Everything)?;
        // It may have been opened anew meanwhile, under another slot.
        let known = self.colonies.get(id.as_bytes().as_slice())?.map(|value| Slot::from_value(value.value()));
        if known.transpose()? == Some(slot) {
            self.colonies.remove(id.as_bytes().as_slice())?;
        }
        Ok(())
    }

    fn doom(&mut self, slot: Slot, fate: Fate) -> Result<(), StoreFailure> {
        self.meta.insert(slot.fact(Fact::Fate), fate.to_value().as_slice())?;
        if fate != Fate::Staged {
            self.doomed.push((slot, fate));
        }
        Ok(())
    }

    /// Removes a bounded part of what is under a doomed slot; says whether nothing is left.
    pub(crate) fn sweep(&mut self, slot: Slot, fate: Fate) -> Result<bool, StoreFailure> {
        let rows = slot.rows_under(&[]);
        if let Some(last) =
            portion(self.rows.range(rows.start.as_slice()..rows.end.as_slice())?, |key, value| {
                (key.to_vec(), value.len())
            })?
        {
            self.rows.retain_in(rows.start.as_slice()..=last.as_slice(), |_, _| false)?;
            return Ok(false);
        }
        if fate == Fate::Everything {
            if let Some((_, last)) = portion(self.log.heads(slot)?, |key, value| (key, value.len()))? {
                self.log.remove(slot, 0..=last)?;
                return Ok(false);
            }
            self.meta.retain_in((slot.0, 0)..=(slot.0, u8::MAX), |_, _| false)?;
            self.found = None;
        }
        // A worse fate may have come over the slot meanwhile.
        let known = self.meta.get(slot.fact(Fact::Fate))?.map(|value| Fate::from_value(value.value()));
        if known.transpose()? == Some(fate) {
            self.meta.remove(slot.fact(Fact::Fate))?;
        }
        Ok(true)
    }
}

/// Most rows removed with one transaction from a slot that nobody needs: a millisecond's work.
const SWEEP_ROWS: usize = 1024;
/// Most bytes of them.
const SWEEP_BYTES: usize = 2 * 1024 * 1024;

/// The last key of a bounded portion of a range, if the range is not empty.
fn portion<K: Key + 'static, T>(
    range: redb::Range<'_, K, &'static [u8]>,
    of: impl Fn(K::SelfType<'_>, &[u8]) -> (T, usize),
) -> Result<Option<T>, StoreFailure> {
    let mut last = None;
    let mut bytes = 0_usize;
    for row in range.take(SWEEP_ROWS) {
        let (key, value) = row?;
        let (key, length) = of(key.value(), value.value());
        last = Some(key);
        bytes = bytes.saturating_add(length);
        if bytes >= SWEEP_BYTES {
            break;
        }
    }
    Ok(last)
}
