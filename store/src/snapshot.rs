//! Snapshots: all rows of a colony as of one entry, on their way to another node.
//!
//! The sender's snapshot is a read transaction: making it costs nothing, and later commits do not change it. (It keeps old
//! pages from being reused, so it should not outlive its transfer.) The receiver stages the chunks on disk and installs
//! them in one transaction, so that neither side ever holds a whole colony's archive in memory.
//!
//! Because what is on disk is always the state after some entry, the store *is* its own current snapshot, also right
//! after a restart: there is no file to keep.

use std::{fmt, ops::ControlFlow, sync::Arc};

use redb::ReadTransaction;

use crate::{
    CHUNK_MAX, FrameError, LogId, SnapshotMeta, StoreFailure, StoredMembership,
    encoding::{self, AppliedForm},
    frames,
    group::Group,
    operation::{Edit, Operation, Urgency},
    tables::{Fact, META, ROWS, STAGING, Slot},
};

/// A snapshot: read it with [`Snapshot::chunks`], or fill one with [`Snapshot::push`].
pub struct Snapshot(Kind);

enum Kind {
    /// Made here, to be read.
    Made { transaction: ReadTransaction, slot: Slot },
    /// Coming from elsewhere.
    Receiving { group: Arc<Group>, number: u64, parts: u64 },
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

/// The state on disk as a snapshot: what its rows are the state of and how it is known by, and the rows.
pub(crate) fn make(group: &Group) -> Result<(SnapshotMeta, Snapshot), StoreFailure> {
    let transaction = group.link.read()?;
    let (last_log_id, last_membership) = read_applied(&transaction, group.slot)?;
    // The same entry gives the same rows on every node, so it names the snapshot.
    let snapshot_id = last_log_id.map(|id| id.to_string()).unwrap_or_default();
    let meta = SnapshotMeta { last_log_id, last_membership, snapshot_id };
    Ok((meta, Snapshot(Kind::Made { transaction, slot: group.slot })))
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

/// Begins to receive a snapshot; what was received of an earlier one is dropped.
pub(crate) async fn receive(group: &Arc<Group>) -> Result<Snapshot, StoreFailure> {
    let permit = group.link.reserve().await?;
    let mut receiving = group.receiving.lock().map_err(|_| StoreFailure::poisoned())?;
    *receiving = receiving.saturating_add(1);
    permit.send(staging(group, Edit::DropStaging));
    Ok(Snapshot(Kind::Receiving { group: group.clone(), number: *receiving, parts: 0 }))
}

fn staging(group: &Group, edit: Edit) -> Operation {
    Operation { slot: group.slot, edits: vec![edit], urgency: Urgency::WithNext, done: Box::new(|_| {}) }
}

/// The rows staged so far, as they will be installed.
pub(crate) fn staged_rows(
    group: &Group,
    mut each: impl FnMut(colony_protocol::colony::RowKey, Vec<u8>),
) -> Result<(), SnapshotError> {
    let Slot(slot) = group.slot;
    let table = group.link.read()?.open_table(STAGING).map_err(StoreFailure::from)?;
    let mut reader = frames::RowReader::default();
    for part in table.range((slot, 0)..=(slot, u64::MAX)).map_err(StoreFailure::from)? {
        let (_, bytes) = part.map_err(StoreFailure::from)?;
        reader.feed(bytes.value());
        while let Some((key, value)) = reader.next_row()? {
            each(key, value);
        }
    }
    Ok(reader.finish()?)
}

impl Snapshot {
    /// Shows the bytes in order, in chunks of at most [`CHUNK_MAX`], until `each` breaks.
    ///
    /// # Errors
    /// [`SnapshotError`], also if this snapshot is being received.
    pub fn chunks(&self) -> Result<Chunks, SnapshotError> {
        let Kind::Made { transaction, slot } = &self.0 else {
            return Err(SnapshotError::WrongSide("being received cannot be read"));
        };
        let table = transaction.open_table(ROWS).map_err(StoreFailure::from)?;
        let range = slot.rows_under(&[]);
        let rows = table.range(range.start.as_slice()..range.end.as_slice()).map_err(StoreFailure::from)?;
        let mut buffer = Vec::new();
        frames::write_start(&mut buffer);
        Ok(Chunks { rows, buffer, written: 0, ended: false })
    }

    /// Adds a chunk, in order.
    ///
    /// # Errors
    /// [`SnapshotError`], also if this snapshot was made here.
    pub async fn push(&mut self, chunk: Vec<u8>) -> Result<(), SnapshotError> {
        let Kind::Receiving { group, number, parts } = &mut self.0 else {
            return Err(SnapshotError::WrongSide("made here cannot be filled"));
        };
        if chunk.len() > CHUNK_MAX {
            return Err(SnapshotError::ChunkTooLarge { length: chunk.len() });
        }
        let permit = group.link.reserve().await?;
        let receiving = group.receiving.lock().map_err(|_| StoreFailure::poisoned())?;
        if *receiving != *number {
            return Err(SnapshotError::Superseded);
        }
        permit.send(staging(group, Edit::Stage { part: *parts, bytes: chunk }));
        *parts = parts.saturating_add(1);
        Ok(())
    }

    /// Whether it is being received, and by this colony, and nothing has taken its place.
    pub(crate) fn is_staged_in(&self, group: &Arc<Group>) -> Result<bool, StoreFailure> {
        let Kind::Receiving { group: of, number, .. } = &self.0 else { return Ok(false) };
        let receiving = group.receiving.lock().map_err(|_| StoreFailure::poisoned())?;
        Ok(Arc::ptr_eq(of, group) && *receiving == *number)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Made { .. } => "Snapshot(made)",
            Kind::Receiving { .. } => "Snapshot(receiving)",
        })
    }
}

/// The chunks of a snapshot.
pub struct Chunks {
    rows: redb::Range<'static, &'static [u8], &'static [u8]>,
    buffer: Vec<u8>,
    written: u64,
    ended: bool,
}

impl Chunks {
    /// Adds one row, or the end, to the buffer.
    fn advance(&mut self) -> Result<ControlFlow<()>, SnapshotError> {
        match self.rows.next().transpose().map_err(StoreFailure::from)? {
            Some((key, value)) => {
                let key = key.value().get(size_of::<u32>()..).unwrap_or_default();
                frames::write_row(&mut self.buffer, key, value.value())?;
                self.written = self.written.saturating_add(1);
                Ok(ControlFlow::Continue(()))
            }
            None => {
                frames::write_end(&mut self.buffer, self.written);
                self.ended = true;
                Ok(ControlFlow::Break(()))
            }
        }
    }
}

impl Iterator for Chunks {
    type Item = Result<Vec<u8>, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.buffer.len() < CHUNK_MAX {
            if let Err(error) = self.advance() {
                self.ended = true;
                self.buffer.clear();
                return Some(Err(error));
            }
        }
        if self.buffer.is_empty() {
            return None;
        }
        let rest = self.buffer.split_off(self.buffer.len().min(CHUNK_MAX));
        Some(Ok(std::mem::replace(&mut self.buffer, rest)))
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("written", &self.written).finish_non_exhaustive()
    }
}
