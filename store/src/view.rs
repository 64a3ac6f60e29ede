//! Reading a colony: its live state in memory, and its archive on disk.
//!
//! A process is live first and archived later; it is archived before it stops being live. So whoever looks for something
//! looks at [`ColonyView::colony`] first and at the archive second: nothing is missed, at most something is seen twice.
//! Archive reads show everything that was applied, also what is not on disk yet.

use std::{
    collections::BTreeMap,
    fmt,
    ops::ControlFlow,
    sync::{Arc, RwLockReadGuard},
};

use crate::{
    LogId, StoreFailure, StoredMembership,
    group::Group,
    overlay::Forgotten,
    tables::{Rows, Slot},
};
use colony_protocol::{
    colony::{
        Colony, RowError, RowKey, decode_blueprint_change, decode_entry, decode_log_line, decode_process,
        decode_workflow,
    },
    identity::Identity,
    model::{Process, StoredLogLine, Workflow, blueprint::BlueprintChange, channel::Entry},
};

/// Reads one colony. Cheap to clone.
#[derive(Clone)]
pub struct ColonyView {
    pub(crate) group: Arc<Group>,
}

/// Which way rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

impl ColonyView {
    pub(crate) const fn new(group: Arc<Group>) -> Self {
        Self { group }
    }

    /// The colony's id.
    #[must_use]
    pub fn id(&self) -> Identity {
        self.group.id
    }

    /// The live state. Applying waits while the guard is held: look, copy, let go; never hold it over an await.
    ///
    /// # Errors
    /// [`StoreFailure`] if applying died and left a state that cannot be trusted.
    pub fn colony(&self) -> Result<RwLockReadGuard<'_, Colony>, StoreFailure> {
        self.group.colony()
    }

    /// The last entry applied, and the membership as of it.
    ///
    /// # Errors
    /// As [`ColonyView::colony`].
    pub fn applied(&self) -> Result<(Option<LogId>, StoredMembership), StoreFailure> {
        let pending = self.group.pending()?;
        Ok((pending.applied(), pending.membership().clone()))
    }

    /// Puts everything applied so far on disk. Not needed for durability, the log has it; a node that is idle or stops
    /// calls it so that the next start has nothing to replay.
    ///
    /// # Errors
    /// [`StoreFailure`] if the store cannot write.
    pub async fn flush(&self) -> Result<(), StoreFailure> {
        self.group.flush().await
    }

    /// A finished process.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn archived_process(&self, number: u64) -> Result<Option<Process>, StoreFailure> {
        self.row(&RowKey::ArchivedProcess(number), decode_process)
    }

    /// The finished ones among the processes with these numbers, at one look at the disk.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn archived_among(&self, numbers: &[u64]) -> Result<BTreeMap<u64, Process>, StoreFailure> {
        // The overlay first; see its story.
        let (fresh, forgotten) = {
            let pending = self.group.pending()?;
            let overlay = pending.overlay();
            let row = |number: &u64| Some((*number, overlay.row(&RowKey::ArchivedProcess(*number))?.clone()));
            (numbers.iter().filter_map(row).collect::<BTreeMap<_, _>>(), overlay.forgotten())
        };
        let mut found = BTreeMap::new();
        for (number, bytes) in &fresh {
            found.insert(*number, read(decode_process(bytes))?);
        }
        let mut left = numbers.iter().filter(|number| !fresh.contains_key(number)).peekable();
        if left.peek().is_none() {
            return Ok(found);
        }
        let rows = Rows::open(&self.group.link.read()?, self.group.slot)?;
        for number in left {
            let key = RowKey::ArchivedProcess(*number);
            let Some(bytes) = rows.get(&key)? else { continue };
            if !hidden(&forgotten, &rows, &key, &bytes)? {
                found.insert(*number, read(decode_process(&bytes))?);
            }
        }
        Ok(found)
    }

    /// Shows finished processes, newest first, those with numbers below `before` if it is given, until `visit` breaks.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn archived_processes(
        &self,
        before: Option<u64>,
        mut visit: impl FnMut(Process) -> ControlFlow<()>,
    ) -> Result<(), StoreFailure> {
        let Some(last) = before.unwrap_or(u64::MAX).checked_sub(1) else { return Ok(()) };
        let (first, last) = (RowKey::ArchivedProcess(0), RowKey::ArchivedProcess(last));
        self.rows(first, last, Order::Descending, |_, bytes| Ok(visit(read(decode_process(bytes))?)))
    }

    /// A finished workflow.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn archived_workflow(&self, number: u64) -> Result<Option<Workflow>, StoreFailure> {
        self.row(&RowKey::ArchivedWorkflow(number), decode_workflow)
    }

    /// Shows finished workflows like [`ColonyView::archived_processes`].
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn archived_workflows(
        &self,
        before: Option<u64>,
        mut visit: impl FnMut(Workflow) -> ControlFlow<()>,
    ) -> Result<(), StoreFailure> {
        let Some(last) = before.unwrap_or(u64::MAX).checked_sub(1) else { return Ok(()) };
        let (first, last) = (RowKey::ArchivedWorkflow(0), RowKey::ArchivedWorkflow(last));
        self.rows(first, last, Order::Descending, |_, bytes| Ok(visit(read(decode_workflow(bytes))?)))
    }

    /// At most `limit` lines of a process's log, from line `from` on.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn log_lines(
        &self,
        process: u64,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredLogLine>, StoreFailure> {
        self.lines(process, from, limit, Order::Ascending)
    }

    /// The last `limit` lines of a process's log, oldest first.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn latest_log_lines(&self, process: u64, limit: usize) -> Result<Vec<StoredLogLine>, StoreFailure> {
        let mut lines = self.lines(process, 0, limit, Order::Descending)?;
        lines.reverse();
        Ok(lines)
    }

    /// Shows the lines of all logs, newest process first and each log backwards, those before a process's line if one is
    /// given, until `visit` breaks. Lines of no process come last, under number 0.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn log_lines_before(
        &self,
        before: Option<(u64, u64)>,
        mut visit: impl FnMut(u64, StoredLogLine) -> ControlFlow<()>,
    ) -> Result<(), StoreFailure> {
        let last = match before {
            None => RowKey::LogLine(u64::MAX, u64::MAX),
            Some((0, 0)) => return Ok(()),
            Some((process, 0)) => RowKey::LogLine(process.saturating_sub(1), u64::MAX),
            Some((process, line)) => RowKey::LogLine(process, line.saturating_sub(1)),
        };
        self.rows(RowKey::LogLine(0, 0), last, Order::Descending, |key, bytes| {
            let RowKey::LogLine(process, _) = key else { return Ok(ControlFlow::Continue(())) };
            Ok(visit(*process, read(decode_log_line(bytes))?))
        })
    }

    fn lines(
        &self,
        process: u64,
        from: u64,
        limit: usize,
        order: Order,
    ) -> Result<Vec<StoredLogLine>, StoreFailure> {
        let mut lines = Vec::new();
        if limit == 0 {
            return Ok(lines);
        }
        let (first, last) = (RowKey::LogLine(process, from), RowKey::LogLine(process, u64::MAX));
        self.rows(first, last, order, |_, bytes| {
            lines.push(read(decode_log_line(bytes))?);
            Ok(if lines.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(lines)
    }

    /// At most `limit` entries of a channel, from place `from` on, until they take `room` bytes: at least one, if there is.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn channel_entries(
        &self,
        process: u64,
        channel: u32,
        from: u64,
        limit: usize,
        room: usize,
    ) -> Result<Vec<Entry>, StoreFailure> {
        let (mut entries, mut left) = (Vec::new(), room);
        let first = RowKey::ChannelEntry(process, channel, from);
        let last = RowKey::ChannelEntry(process, channel, u64::MAX);
        self.rows(first, last, Order::Ascending, |_, bytes| {
            let fits = entries.is_empty() || bytes.len() <= left;
            if !fits || entries.len() >= limit {
                return Ok(ControlFlow::Break(()));
            }
            left = left.saturating_sub(bytes.len());
            entries.push(read(decode_entry(bytes))?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(entries)
    }

    /// At most `limit` changes of a blueprint, newest first.
    ///
    /// # Errors
    /// [`StoreFailure`] if the disk cannot be read.
    pub fn blueprint_changes(
        &self,
        blueprint: u64,
        limit: usize,
    ) -> Result<Vec<BlueprintChange>, StoreFailure> {
        let first = RowKey::BlueprintChange(blueprint, 0);
        let last = RowKey::BlueprintChange(blueprint, u64::MAX);
        self.some(first, last, limit, Order::Descending, decode_blueprint_change)
    }

    /// At most `limit` of the rows between two keys.
    fn some<T>(
        &self,
        first: RowKey,
        last: RowKey,
        limit: usize,
        order: Order,
        decode: impl Fn(&[u8]) -> Result<T, RowError>,
    ) -> Result<Vec<T>, StoreFailure> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.rows(first, last, order, |_, bytes| {
            found.push(read(decode(bytes))?);
            Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
    }

    fn row<T>(
        &self,
        key: &RowKey,
        decode: impl FnOnce(&[u8]) -> Result<T, RowError>,
    ) -> Result<Option<T>, StoreFailure> {
        // The overlay first; see its story.
        let forgotten = {
            let pending = self.group.pending()?;
            if let Some(bytes) = pending.overlay().row(key) {
                return Ok(Some(read(decode(bytes))?));
            }
            pending.overlay().forgotten()
        };
        let rows = Rows::open(&self.group.link.read()?, self.group.slot)?;
        let Some(bytes) = rows.get(key)? else { return Ok(None) };
        if forgotten.hides(key, |key| rows.get(key))? {
            return Ok(None);
        }
        Ok(Some(read(decode(&bytes))?))
    }

    /// Shows the rows between two keys, those of the overlay and those on disk merged, until `visit` breaks.
    fn rows(
        &self,
        first: RowKey,
        last: RowKey,
        order: Order,
        mut visit: impl FnMut(&RowKey, &[u8]) -> Result<ControlFlow<()>, StoreFailure>,
    ) -> Result<(), StoreFailure> {
        // An empty range would be a caller's cursor at its end.
        if first > last {
            return Ok(());
        }
        // The overlay first; see its story.
        let (mut fresh, forgotten) = {
            let pending = self.group.pending()?;
            (pending.overlay().range(first..=last), pending.overlay().forgotten())
        };
        let rows = Rows::open(&self.group.link.read()?, self.group.slot)?;
        let (from, to) = (rows.slot.row(&first), rows.slot.row(&last));
        let mut range = rows.table.range(from.as_slice()..=to.as_slice())?;
        loop {
            let found = match order {
                Order::Ascending => range.next(),
                Order::Descending => range.next_back(),
            };
            let Some(found) = found.transpose()? else { break };
            let key = Slot::key_of(found.0.value())
                .ok_or_else(|| StoreFailure::damaged("a row has an unknown key"))?;
            while let Some((key, bytes)) = next_before(&mut fresh, Some(&key), order) {
                if visit(&key, &bytes)?.is_break() {
                    return Ok(());
                }
            }
            // A row in both places is the same row, or the fresh one is newer.
            let bytes = fresh.remove(&key);
            if bytes.is_none() && hidden(&forgotten, &rows, &key, found.1.value())? {
                continue;
            }
            if visit(&key, bytes.as_deref().unwrap_or_else(|| found.1.value()))?.is_break() {
                return Ok(());
            }
        }
        while let Some((key, bytes)) = next_before(&mut fresh, None, order) {
            if visit(&key, &bytes)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ColonyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColonyView").field("colony", &self.group.id).finish_non_exhaustive()
    }
}

/// The next fresh row that comes before `border` in the order of reading, taken out.
fn next_before(
    fresh: &mut BTreeMap<RowKey, Arc<[u8]>>,
    border: Option<&RowKey>,
    order: Order,
) -> Option<(RowKey, Arc<[u8]>)> {
    let entry = match order {
        Order::Ascending => fresh.first_entry(),
        Order::Descending => fresh.last_entry(),
    }?;
    let comes_before = border.is_none_or(|border| match order {
        Order::Ascending => entry.key() < border,
        Order::Descending => entry.key() > border,
    });
    comes_before.then(|| entry.remove_entry())
}

fn hidden(forgotten: &Forgotten, rows: &Rows, key: &RowKey, value: &[u8]) -> Result<bool, StoreFailure> {
    forgotten.hides(key, |asked| if asked == key { Ok(Some(value.to_vec())) } else { rows.get(asked) })
}

/// A row that does not decode means that the file does not hold what was written.
fn read<T>(decoded: Result<T, RowError>) -> Result<T, StoreFailure> {
    decoded.map_err(|error| StoreFailure::damaged(error.to_string()))
}
