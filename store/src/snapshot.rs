//! Snapshots: all rows of a colony as of one entry, on their way to another node.
//!
//! The sender's snapshot is a read transaction: making it costs nothing, and later commits do not change it. A transfer
//! may be cut and begun again; as long as that goes on, the engine is given *the same* snapshot, whose chunks are the same
//! bytes, so that the receiver goes on where it was. (It keeps old pages from being used again, so it is let go of when it
//! was delivered or has become too old.)
//!
//! The engine counts on two things. A snapshot that it asks for is never older than one it was told of before; and it drops
//! the log behind the last one it was told of, although a receiver goes on with the log after the one it was sent. So while
//! a transfer is begun, that snapshot is the only one the engine is told of.
//!
//! The receiver writes the rows under a slot of their own as they come, and installs them with one small transaction that
//! changes where the colony's rows are. Neither side ever holds a whole colony's archive in memory.
//!
//! Because what is on disk is always the state after some entry, the store *is* its own current snapshot, also right
//! after a restart: there is no file to keep.
//!
//! What may never happen: rows of two snapshots mixed; a snapshot given that ends before the log begins, or before one that
//! the engine was told of.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::ReadTransaction;
use tokio::sync::Notify;

use crate::{
    CHUNK_MAX, Chunks, FrameError, LogId, SnapshotMeta, StoreFailure, StoredMembership,
    chunks::Marks,
    encoding::{self, AppliedForm},
    frames::RowReader,
    group::Group,
    operation::{Edit, Operation, Urgency},
    tables::{Fact, Fate, META, Rows, Slot},
};

/// Commits of the store since a snapshot was made, after which a transfer that was cut begins anew with a fresh one. Each
/// commit meanwhile leaves some fifteen old pages that cannot be used again, so this bounds what a transfer that nobody
/// goes on with costs to about two gibibytes of disk, and to as many entries of log.
pub(crate) const KEPT_COMMITS: u64 = 32_768;
/// Received bytes after which a push waits for the disk: what a fast sender may be ahead of a slow disk.
const AHEAD_BYTES: usize = 4 * CHUNK_MAX;

/// A snapshot: read it with [`Snapshot::chunks`], or fill one with [`Snapshot::push`].
pub struct Snapshot(Kind);

enum Kind {
    Made(Arc<Made>),
    Receiving(Receiving),
}

/// Made here, to be read.
pub(crate) struct Made {
    group: Weak<Group>,
    meta: SnapshotMeta,
    /// The store's commits before.
    commits: u64,
    transaction: ReadTransaction,
    marks: Arc<Mutex<Marks>>,
}

/// Coming from elsewhere.
struct Receiving {
    group: Arc<Group>,
    number: u64,
    /// Where its rows are.
    slot: Slot,
    reader: RowReader,
    parts: u64,
    /// Bytes pushed since the disk was waited for.
    ahead: usize,
    installed: bool,
}

/// The snapshots of a store's colonies whose transfer was begun and not seen to end.
#[derive(Default)]
pub(crate) struct Sending {
    begun: Mutex<Begun>,
    commits: AtomicU64,
}

#[derive(Default)]
struct Begun {
    made: BTreeMap<Slot, Arc<Made>>,
    /// The last entry of the newest snapshot each colony's engine was told of.
    told: BTreeMap<Slot, LogId>,
}

impl Begun {
    /// The snapshot whose transfer was begun, if it ends neither before `least` nor before one the engine was told of. One
    /// that does is forgotten.
    fn usable(&mut self, slot: Slot, least: Option<LogId>) -> Option<Arc<Made>> {
        let place = |id: Option<LogId>| id.map(|id| id.index);
        let least = place(least).max(place(self.told.get(&slot).copied()));
        let made = self.made.get(&slot).filter(|made| place(made.meta.last_log_id) >= least).cloned();
        if made.is_none() {
            self.made.remove(&slot);
        }
        made
    }
}

impl Sending {
    fn begun(&self) -> Result<MutexGuard<'_, Begun>, StoreFailure> {
        self.begun.lock().map_err(|_| StoreFailure::poisoned())
    }

    /// Commits so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The writer has committed, for whichever colony: what has waited for too long is let go of.
    pub(crate) fn committed(&self) {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if let Ok(mut begun) = self.begun.lock() {
            begun.made.retain(|_, made| commits.saturating_sub(made.commits) <= KEPT_COMMITS);
        }
    }
}

/// The snapshots of one colony that are on their way here.
#[derive(Default)]
pub(crate) struct Transfers {
    receiving: Mutex<Incoming>,
    /// Told whenever a snapshot was installed or given up.
    pub(crate) settled: Notify,
}

#[derive(Default)]
struct Incoming {
    /// Counts the snapshots this node began to receive: only the parts of the last one are taken.
    number: u64,
    /// How many of them are alive.
    alive: usize,
    /// Whether one could not be installed, or the state machine is gone.
    failed: bool,
}

/// Why a snapshot could not be read or filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// The bytes are no snapshot.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A chunk above [`CHUNK_MAX`].
    #[error("a chunk of {length} bytes is larger than {CHUNK_MAX}")]
    ChunkTooLarge {
        /// Its length.
        length: usize,
    },
    /// Another snapshot is being received since.
    #[error("another snapshot has taken this one's place")]
    Superseded,
    /// It was made here, so it cannot be filled; or it is being received, so it cannot be read.
    #[error("a snapshot that is {0}")]
    WrongSide(&'static str),
}

impl Transfers {
    fn receiving(&self) -> Result<MutexGuard<'_, Incoming>, StoreFailure> {
        self.receiving.lock().map_err(|_| StoreFailure::poisoned())
    }

    /// Whether a snapshot may still be installed.
    pub(crate) fn may_install(&self) -> Result<bool, StoreFailure> {
        let incoming = self.receiving()?;
        Ok(incoming.alive > 0 && !incoming.failed)
    }

    /// No snapshot will be installed any more: nobody waits for one.
    pub(crate) fn failed(&self) {
        if let Ok(mut incoming) = self.receiving.lock() {
            incoming.failed = true;
        }
        self.settled.notify_waiters();
    }
}

/// The state on disk as a snapshot: what its rows are the state of and how it is known by, and the rows.
pub(crate) fn make(group: &Arc<Group>) -> Result<(SnapshotMeta, Snapshot), StoreFailure> {
    let commits = group.link.sending.commits.load(Ordering::Relaxed);
    let transaction = group.link.read()?;
    let (last_log_id, last_membership) = read_applied(&transaction, group.slot)?;
    // The same entry gives the same rows on every node, so it names the snapshot.
    let snapshot_id = last_log_id.map(|id| id.to_string()).unwrap_or_default();
    let meta = SnapshotMeta { last_log_id, last_membership, snapshot_id };
    let group = Arc::downgrade(group);
    let made = Made { group, meta: meta.clone(), commits, transaction, marks: Arc::default() };
    Ok((meta, Snapshot(Kind::Made(Arc::new(made)))))
}

/// The snapshot whose transfer was begun, if it was cut and is still of use; otherwise the state on disk.
pub(crate) fn current(
    group: &Arc<Group>,
    purged: Option<LogId>,
) -> Result<(SnapshotMeta, Snapshot), StoreFailure> {
    // The receiver must find the log going on after it.
    let usable = group.link.sending.begun()?.usable(group.slot, purged);
    match usable {
        Some(made) => Ok((made.meta.clone(), Snapshot(Kind::Made(made)))),
        None => make(group),
    }
}

/// What the engine is told of when it asks for a newer snapshot, so that it can drop log: the one whose transfer was begun,
/// if there is one, otherwise everything applied.
pub(crate) async fn build(group: &Arc<Group>) -> Result<(SnapshotMeta, Snapshot), StoreFailure> {
    if let Some(made) = group.link.sending.begun()?.usable(group.slot, None) {
        return Ok((made.meta.clone(), Snapshot(Kind::Made(made))));
    }
    group.flush().await?;
    let (meta, snapshot) = make(group)?;
    if let Some(last) = meta.last_log_id {
        group.link.sending.begun()?.told.insert(group.slot, last);
    }
    Ok((meta, snapshot))
}

/// What the rows of a colony are the state of, in one view of the disk.
pub(crate) fn read_applied(
    transaction: &ReadTransaction,
    slot: Slot,
) -> Result<(Option<LogId>, StoredMembership), StoreFailure> {
    let meta = transaction.open_table(META)?;
    let Some(value) = meta.get(slot.fact(Fact::Applied))? else {
        return Ok((None, StoredMembership::default()));
    };
    Ok(encoding::open::<AppliedForm>("the applied state", value.value())?.into_parts())
}

/// Begins to receive a snapshot; an earlier one takes no more parts.
pub(crate) async fn receive(group: &Arc<Group>) -> Result<Snapshot, StoreFailure> {
    let permit = group.link.reserve().await?;
    let slot = group.link.new_slot().ok_or_else(|| StoreFailure::damaged("no slot is left"))?;
    let number = {
        let mut incoming = group.transfers.receiving()?;
        incoming.number = incoming.number.saturating_add(1);
        incoming.alive = incoming.alive.saturating_add(1);
        incoming.number
    };
    // The disk knows it before it has the first row: what a crash leaves is found and removed.
    permit.send(unhurried(group, Edit::Doom(slot, Fate::Staged)));
    Ok(Snapshot(Kind::Receiving(Receiving {
        group: group.clone(),
        number,
        slot,
        reader: RowReader::default(),
        parts: 0,
        ahead: 0,
        installed: false,
    })))
}

fn unhurried(group: &Group, edit: Edit) -> Operation {
    Operation { slot: group.slot, edits: vec![edit], urgency: Urgency::WithNext, done: Box::new(|_| {}) }
}

impl Snapshot {
    /// The bytes in order, in chunks of at most [`CHUNK_MAX`]. Each time they are the same bytes.
    ///
    /// # Errors
    /// [`SnapshotError`], also if this snapshot is being received.
    pub fn chunks(&self) -> Result<Chunks, SnapshotError> {
        self.chunks_from(0)
    }

    /// The chunks without the first `skipped`, which the receiver has ([`Snapshot::parts`] there). Cheap up to where this
    /// snapshot was read before, also if that was another transfer of it; beyond, it reads what it skips.
    ///
    /// # Errors
    /// As [`Snapshot::chunks`].
    pub fn chunks_from(&self, skipped: u64) -> Result<Chunks, SnapshotError> {
        let Kind::Made(made) = &self.0 else {
            return Err(SnapshotError::WrongSide("being received cannot be read"));
        };
        if let Some(group) = made.group.upgrade() {
            group.link.sending.begun()?.made.insert(group.slot, made.clone());
            Chunks::new(Rows::open(&made.transaction, group.slot)?, made.marks.clone(), skipped)
        } else {
            Err(StoreFailure::closed().into())
        }
    }

    /// Says that the receiver has installed this snapshot: nobody will ask to go on with it. Others that are being sent
    /// the same one are not disturbed.
    pub fn delivered(&self) {
        let Kind::Made(made) = &self.0 else { return };
        let Some(group) = made.group.upgrade() else { return };
        if let Ok(mut begun) = group.link.sending.begun.lock()
            && begun.made.get(&group.slot).is_some_and(|begun| Arc::ptr_eq(begun, made))
            // Held here and there, and by no other transfer.
            && Arc::strong_count(made) <= 2
        {
            begun.made.remove(&group.slot);
        }
    }

    /// How many chunks were received: a sender of the same snapshot may skip as many. None of one made here.
    #[must_use]
    pub const fn parts(&self) -> u64 {
        match &self.0 {
            Kind::Made(_) => 0,
            Kind::Receiving(receiving) => receiving.parts,
        }
    }

    /// Adds a chunk, in order. A call that is dropped before it ends has added nothing.
    ///
    /// # Errors
    /// [`SnapshotError`], also if this snapshot was made here. After a [`SnapshotError::Frame`] it cannot be installed:
    /// begin another one.
    pub async fn push(&mut self, chunk: Vec<u8>) -> Result<(), SnapshotError> {
        let Kind::Receiving(receiving) = &mut self.0 else {
            return Err(SnapshotError::WrongSide("made here cannot be filled"));
        };
        if chunk.len() > CHUNK_MAX {
            return Err(SnapshotError::ChunkTooLarge { length: chunk.len() });
        }
        receiving.push(&chunk).await
    }

    /// Whether all of it was received. Nothing else can be installed: trying to stops the engine.
    ///
    /// # Errors
    /// [`SnapshotError::Frame`] if something is missing or wrong, and [`SnapshotError::WrongSide`] for one made here.
    pub fn check_whole(&self) -> Result<(), SnapshotError> {
        match &self.0 {
            Kind::Made(_) => Err(SnapshotError::WrongSide("made here was not received")),
            Kind::Receiving(receiving) => Ok(receiving.reader.finish()?),
        }
    }

    /// The slot its rows are under, if it is whole, is being received by this colony, and nothing has taken its place.
    pub(crate) async fn received(&self, group: &Arc<Group>) -> Result<Option<Slot>, SnapshotError> {
        let Kind::Receiving(receiving) = &self.0 else { return Ok(None) };
        if !Arc::ptr_eq(&receiving.group, group) || !receiving.is_last()? {
            return Ok(None);
        }
        receiving.reader.finish()?;
        // Everything pushed so far can be read afterwards.
        group.link.commit(group.slot, Vec::new()).await?;
        Ok(Some(receiving.slot))
    }

    /// Its rows are the colony's now.
    pub(crate) fn was_installed(&mut self) {
        if let Kind::Receiving(receiving) = &mut self.0 {
            receiving.installed = true;
        }
    }
}

impl Receiving {
    fn is_last(&self) -> Result<bool, StoreFailure> {
        Ok(self.group.transfers.receiving()?.number == self.number)
    }

    async fn push(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        if self.ahead >= AHEAD_BYTES {
            self.group.link.commit(self.group.slot, Vec::new()).await?;
            self.ahead = 0;
        }
        let permit = self.group.link.reserve().await?;
        // From here on nothing is awaited.
        if !self.is_last()? {
            return Err(SnapshotError::Superseded);
        }
        self.reader.feed(chunk);
        let mut rows = Vec::new();
        while let Some(row) = self.reader.next_row()? {
            rows.push(row);
        }
        permit.send(unhurried(&self.group, Edit::Stage { under: self.slot, rows }));
        self.ahead = self.ahead.saturating_add(chunk.len());
        self.parts = self.parts.saturating_add(1);
        Ok(())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Ok(mut incoming) = self.group.transfers.receiving.lock() {
            incoming.alive = incoming.alive.saturating_sub(1);
        }
        self.group.transfers.settled.notify_waiters();
        if !self.installed
            && let Ok(permit) = self.group.link.outbox.try_reserve()
        {
            // If there is no room, the next start removes it.
            permit.send(unhurried(&self.group, Edit::Doom(self.slot, Fate::Rows)));
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Made(made) => f.debug_tuple("Made").field(&made.meta.snapshot_id).finish(),
            Kind::Receiving(receiving) => f.debug_tuple("Receiving").field(&receiving.parts).finish(),
        }
    }
}
