//! Archived rows that were applied and are not on disk yet, and what is forgotten but still there.
//!
//! Readers look here first and at the disk second, never the other way round: a row is dropped from here only after the
//! disk shows it, so at no moment is it in neither place. Everything carries the number of the cut it will be committed
//! with. What is forgotten hides rows on disk only: rows kept afterwards are here.

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeInclusive},
    sync::Arc,
};

use colony_protocol::{
    colony::{RowKey, decode_process},
    model::{Process, State},
};

use crate::StoreFailure;

/// Rows by key, with the number of their cut.
#[derive(Default)]
pub(crate) struct Overlay {
    rows: BTreeMap<RowKey, (u64, Arc<[u8]>)>,
    forgotten: Forgotten,
}

/// What of the disk is not to be seen any more.
#[derive(Default, Clone)]
pub(crate) struct Forgotten {
    /// Single rows; a log's first line stands for the whole log, a process's first entry for all its channels.
    keys: BTreeMap<RowKey, u64>,
    /// All processes outside workflows that ended in a state, with their logs.
    states: Vec<(u64, State)>,
}

impl Overlay {
    /// Adds a row of cut `cut`.
    pub(crate) fn keep(&mut self, cut: u64, key: RowKey, bytes: Arc<[u8]>) {
        self.rows.insert(key, (cut, bytes));
    }

    /// Forgets a row; a log line stands for its whole log.
    pub(crate) fn forget(&mut self, cut: u64, key: RowKey) {
        let subject = subject(&key);
        match subject {
            RowKey::LogLine(process, _) => self.drop_all(subject, RowKey::LogLine(process, u64::MAX)),
            RowKey::ChannelEntry(process, ..) => {
                self.drop_all(subject, RowKey::ChannelEntry(process, u32::MAX, u64::MAX));
            }
            _ => {
                self.rows.remove(&subject);
            }
        }
        self.forgotten.keys.insert(subject, cut);
    }

    /// Forgets all processes outside workflows that ended in a state.
    pub(crate) fn forget_state(&mut self, cut: u64, state: State) {
        let all = RowKey::ArchivedProcess(0)..=RowKey::ArchivedProcess(u64::MAX);
        let of_state = |bytes: &[u8]| decode_process(bytes).is_ok_and(|process| is_of_state(&process, state));
        let keys: Vec<_> =
            self.rows.range(all).filter(|(_, (_, bytes))| of_state(bytes)).map(|(key, _)| *key).collect();
        for key in keys {
            self.rows.remove(&key);
            if let RowKey::ArchivedProcess(number) = key {
                self.forget(cut, RowKey::LogLine(number, 0));
            }
        }
        self.forgotten.states.push((cut, state));
    }

    /// The disk shows everything of the cuts up to `cut`.
    pub(crate) fn committed(&mut self, cut: u64) {
        self.rows.retain(|_, (of, _)| *of > cut);
        self.forgotten.keys.retain(|_, of| *of > cut);
        self.forgotten.states.retain(|(of, _)| *of > cut);
    }

    /// A row that is here.
    pub(crate) fn row(&self, key: &RowKey) -> Option<&Arc<[u8]>> {
        self.rows.get(key).map(|(_, bytes)| bytes)
    }

    /// What is forgotten, copied out so that no lock is held while the disk is read.
    pub(crate) fn forgotten(&self) -> Forgotten {
        self.forgotten.clone()
    }

    /// The rows in a range of keys that are here, copied out likewise.
    pub(crate) fn range(&self, keys: RangeInclusive<RowKey>) -> BTreeMap<RowKey, Arc<[u8]>> {
        self.rows.range(keys).map(|(key, (_, bytes))| (*key, bytes.clone())).collect()
    }

    fn drop_all(&mut self, first: RowKey, last: RowKey) {
        let mut next = Bound::Included(first);
        let last = Bound::Included(last);
        while let Some(key) = self.rows.range((next, last)).next().map(|(key, _)| *key) {
            self.rows.remove(&key);
            next = Bound::Excluded(key);
        }
    }
}

impl Forgotten {
    /// Whether a row on disk is hidden. `value` reads an archived process from disk, of which a log line is a part.
    pub(crate) fn hides(
        &self,
        key: &RowKey,
        value: impl FnOnce(&RowKey) -> Result<Option<Vec<u8>>, StoreFailure>,
    ) -> Result<bool, StoreFailure> {
        if self.keys.contains_key(&subject(key)) {
            return Ok(true);
        }
        let process = match key {
            RowKey::ArchivedProcess(number) | RowKey::LogLine(number, _) if !self.states.is_empty() => {
                RowKey::ArchivedProcess(*number)
            }
            _ => return Ok(false),
        };
        let Some(bytes) = value(&process)? else { return Ok(false) };
        let process = decode_process(&bytes).map_err(|error| StoreFailure::damaged(error.to_string()))?;
        Ok(self.states.iter().any(|(_, state)| is_of_state(&process, *state)))
    }
}

/// Whether "all processes of this state" means this one: those of workflows are the workflow's.
pub(crate) fn is_of_state(process: &Process, state: State) -> bool {
    process.workflow.is_none() && process.state == state
}

/// What is forgotten as one.
const fn subject(key: &RowKey) -> RowKey {
    match key {
        RowKey::LogLine(process, _) => RowKey::LogLine(*process, 0),
        RowKey::ChannelEntry(process, ..) => RowKey::ChannelEntry(*process, 0, 0),
        other => *other,
    }
}
