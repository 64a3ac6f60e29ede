//! What was applied and is not on disk yet, and what readers must see meanwhile.
//!
//! Applying an entry leaves live rows that differ (only their keys are remembered: a row touched many times is encoded
//! once), rows the core has let go of (kept here with their bytes), and keys to forget. A *cut* takes all of it, at an
//! entry's border, as one operation for the writer, together with the log id it is the state of. So what is on disk is
//! always the state after some entry, whole.
//!
//! Until a cut is committed, its archived rows stay in the [overlay](crate::overlay), where readers find them.

use std::{collections::BTreeSet, sync::Arc};

use colony_protocol::{
    colony::{Archived, Change, Colony, RowKey, decode_process, decode_workflow},
    identity::Identity,
    model::ProcessId,
    mutant,
    time::{Span, Timestamp},
};

use crate::{
    LogId, StoreFailure, StoredMembership, encoding,
    operation::Edit,
    overlay::Overlay,
    tables::{self, Fact},
};

/// Changed rows after which a cut is made, so that one stays a small part of a transaction.
const CUT_KEYS: usize = 4096;
/// Bytes of archived rows after which a cut is made.
const CUT_BYTES: usize = 2 * 1024 * 1024;
/// Log time after which a cut is made: what a restart replays at most, at any load.
const CUT_SPAN: Span = Span::from_millis(200);
/// Cuts that may be under way before applying waits for the disk. Times [`CUT_BYTES`] this bounds the overlay.
const CUTS_MAX: usize = 4;

/// What was applied since the last cut, and what of earlier cuts is not committed.
pub(crate) struct Pending {
    applied: Option<LogId>,
    membership: StoredMembership,
    /// Whether anything was applied since the last cut.
    dirty: bool,
    /// Live rows that differ from the last cut.
    touched: BTreeSet<RowKey>,
    /// Changes of the archive since the last cut, in order.
    archive: Vec<Edit>,
    archive_bytes: usize,
    now: Timestamp,
    last_cut: Timestamp,
    /// The highest process number when the last cut was made: processes above it have no row on disk. Unknown, and so
    /// above all, until a cut is made.
    on_disk: u64,
    /// Counts cuts; what was changed since the last one belongs to the next.
    generation: u64,
    committed: u64,
    overlay: Overlay,
}

/// Reads a row, if it is there.
type ReadRow<'a> = dyn Fn(&RowKey) -> Result<Option<Vec<u8>>, StoreFailure> + 'a;

/// What is asked before something of the archive is forgotten on somebody's behalf.
pub(crate) struct Asked<'a> {
    /// The colony as the entry left it: whose what is.
    pub(crate) colony: &'a Colony,
    /// Reads a row from disk.
    pub(crate) disk: &'a ReadRow<'a>,
}

impl Pending {
    /// Nothing pending: the disk holds this state.
    pub(crate) fn new(applied: Option<LogId>, membership: StoredMembership, now: Timestamp) -> Self {
        Self {
            applied,
            membership,
            dirty: false,
            touched: BTreeSet::new(),
            archive: Vec::new(),
            archive_bytes: 0,
            now,
            last_cut: now,
            on_disk: u64::MAX,
            generation: 0,
            committed: 0,
            overlay: Overlay::default(),
        }
    }

    /// The state that was replaced by a snapshot's; cuts under way count on.
    pub(crate) fn replace(&mut self, applied: Option<LogId>, membership: StoredMembership, now: Timestamp) {
        let (generation, committed) = (self.generation, self.committed);
        *self = Self { generation, committed, ..Self::new(applied, membership, now) };
    }

    /// The last entry applied.
    pub(crate) const fn applied(&self) -> Option<LogId> {
        self.applied
    }

    /// The membership as of that entry.
    pub(crate) const fn membership(&self) -> &StoredMembership {
        &self.membership
    }

    /// Takes note of a membership entry. [`Pending::record`] must follow.
    pub(crate) fn set_membership(&mut self, membership: StoredMembership) {
        self.membership = membership;
    }

    /// Takes note of what applying an entry left behind.
    pub(crate) fn record(
        &mut self,
        applied: LogId,
        now: Timestamp,
        changes: impl IntoIterator<Item = Change>,
        asked: &Asked<'_>,
    ) -> Result<(), StoreFailure> {
        self.applied = Some(applied);
        self.now = now;
        self.dirty = true;
        for change in changes {
            match change {
                Change::Touched(key) => {
                    self.touched.insert(key);
                }
                Change::Kept(key, bytes) => self.keep(key, bytes.into()),
                Change::Forgotten(key) => self.forget(key),
                Change::Removed(what, by) => self.remove(&what, &by, asked)?,
                Change::ForgottenState(state) => {
                    self.overlay.forget_state(self.next(), state);
                    self.archive.push(Edit::DropProcessesIn(state));
                }
                Change::Expired(expiry) => self.archive.push(Edit::Expire(expiry)),
            }
        }
        Ok(())
    }

    /// Whether a cut should be made now.
    pub(crate) fn is_due(&self) -> bool {
        self.dirty
            && (self.touched.len().saturating_add(self.archive.len()) >= CUT_KEYS
                || self.archive_bytes >= CUT_BYTES
                || self.now.since(self.last_cut) >= CUT_SPAN)
    }

    /// Whether so much waits for the disk that applying must wait too.
    pub(crate) const fn is_behind(&self) -> bool {
        self.generation.saturating_sub(self.committed) >= CUTS_MAX as u64
    }

    /// Whether everything applied is on disk.
    pub(crate) const fn is_clean(&self) -> bool {
        !self.dirty && self.generation == self.committed
    }

    /// Takes everything since the last cut, as edits to be committed together, and the number of the cut.
    pub(crate) fn cut(&mut self, colony: &Colony) -> Result<(u64, Vec<Edit>), StoreFailure> {
        let mut edits = std::mem::take(&mut self.archive);
        if mutant::is("cut-without-the-archive") {
            edits.clear();
        }
        edits.reserve(self.touched.len().saturating_add(1));
        for key in std::mem::take(&mut self.touched) {
            match colony.row(&key) {
                Some(bytes) => edits.push(Edit::Row(key, bytes.into())),
                // Came and went between two cuts: there is nothing to remove, and looking costs as much as writing.
                None if matches!(key, RowKey::Process(number) if number > self.on_disk) => {}
                None => edits.push(Edit::DropRow(key)),
            }
        }
        self.on_disk = colony.last_process_number();
        edits.push(self.applied_fact()?);
        self.archive_bytes = 0;
        self.dirty = false;
        self.last_cut = self.now;
        self.generation = self.generation.saturating_add(1);
        Ok((self.generation, edits))
    }

    /// What the rows are the state of, as a fact.
    pub(crate) fn applied_fact(&self) -> Result<Edit, StoreFailure> {
        let form = encoding::AppliedForm::new(self.applied, &self.membership);
        Ok(Edit::Fact(Fact::Applied, encoding::seal(&form)?))
    }

    /// Forgets what a committed cut put on disk.
    pub(crate) fn committed(&mut self, generation: u64) {
        self.committed = self.committed.max(generation);
        self.overlay.committed(generation);
    }

    /// What readers must see beside the disk.
    pub(crate) const fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    fn keep(&mut self, key: RowKey, bytes: Arc<[u8]>) {
        self.archive_bytes = self.archive_bytes.saturating_add(bytes.len());
        self.overlay.keep(self.next(), key, bytes.clone());
        self.archive.push(Edit::Row(key, bytes));
    }

    fn forget(&mut self, key: RowKey) {
        self.overlay.forget(self.next(), key);
        self.archive.push(Edit::DropRowsUnder(tables::forgotten_prefix(&key)));
    }

    /// Forgets what somebody wants forgotten, if it is that which is here and it may.
    fn remove(&mut self, what: &Archived, by: &Identity, asked: &Asked<'_>) -> Result<(), StoreFailure> {
        match what {
            Archived::Process(id) => {
                let Some(bytes) = self.archived(&RowKey::ArchivedProcess(id.number()), asked)? else {
                    return Ok(());
                };
                let row = decode_process(&bytes).map_err(|error| StoreFailure::damaged(error.to_string()))?;
                if row.id == *id && asked.colony.may_end(by, &row.initiator, &row.initiator_name).is_ok() {
                    self.forget_process(id);
                }
            }
            Archived::Workflow(id) => {
                let key = RowKey::ArchivedWorkflow(id.number());
                let Some(bytes) = self.archived(&key, asked)? else { return Ok(()) };
                let row =
                    decode_workflow(&bytes).map_err(|error| StoreFailure::damaged(error.to_string()))?;
                if row.id == *id && asked.colony.may_end(by, &row.initiator, &row.initiator_name).is_ok() {
                    row.processes.iter().for_each(|process| self.forget_process(process));
                    self.forget(key);
                }
            }
        }
        Ok(())
    }

    fn forget_process(&mut self, id: &ProcessId) {
        self.forget(RowKey::ArchivedProcess(id.number()));
        self.forget(RowKey::LogLine(id.number(), 0));
    }

    /// A row of the archive; perhaps one that is forgotten already and on disk for a moment more.
    fn archived(&self, key: &RowKey, asked: &Asked<'_>) -> Result<Option<Vec<u8>>, StoreFailure> {
        match self.overlay.row(key) {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None => (asked.disk)(key),
        }
    }

    /// The number of the cut that what is recorded now will be part of.
    const fn next(&self) -> u64 {
        self.generation.saturating_add(1)
    }
}
