//! A snapshot that is coming in, kept across the streams that bring it.
//!
//! When a stream breaks, what has arrived stays. The next attempt begins by asking how many parts are here of this very
//! snapshot, and goes on from there; one of another snapshot begins anew. An operator who wonders what a node that caught
//! up by snapshot is doing finds each step in its log.

use colony_store::{CHUNK_MAX, MemberId, Snapshot, SnapshotError, SnapshotMeta};
use openraft::raft::SnapshotResponse;

use super::{
    hub::Seat,
    message::{Begin, Begun, End, Slice},
    serve::ServeError,
};

/// A snapshot that is coming in.
pub(super) struct Receiving {
    meta: SnapshotMeta,
    snapshot: Box<Snapshot>,
    /// What has arrived of the next part.
    part: Vec<u8>,
}

/// Why a piece of a snapshot was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    /// No snapshot was begun here.
    #[error("no snapshot is being received")]
    None,
    /// It does not follow what has arrived.
    #[error("a piece of the snapshot is missing before this one")]
    Gap,
    /// A part is larger than any that a store makes.
    #[error("a part of the snapshot is larger than {CHUNK_MAX} bytes")]
    TooLarge,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] SnapshotError),
}

/// Says how much of a snapshot is here.
pub(super) async fn begin(seat: &Seat, Begin { meta }: Begin) -> Result<Begun, ServeError> {
    let mut receiving = seat.receiving.lock().await;
    if let Some(known) = receiving.as_mut().filter(|known| known.meta == meta) {
        known.part.clear();
        let parts = known.snapshot.parts();
        tracing::info!(upto = upto(&known.meta), parts, "a snapshot goes on arriving");
        return Ok(Begun { parts });
    }
    *receiving = None;
    let snapshot = seat.colleague.begin_snapshot().await?;
    tracing::info!(upto = upto(&meta), "a snapshot begins to arrive");
    *receiving = Some(Receiving { meta, snapshot, part: Vec::new() });
    Ok(Begun { parts: 0 })
}

/// Takes a piece of a part.
pub(super) async fn slice(seat: &Seat, slice: Slice) -> Result<(), ServeError> {
    let mut receiving = seat.receiving.lock().await;
    let known = receiving.as_mut().ok_or(ReceiveError::None)?;
    let taken = known.take(slice).await;
    if matches!(taken, Err(ReceiveError::Store(_))) {
        // It cannot be filled any more.
        *receiving = None;
    }
    Ok(taken?)
}

/// Installs a complete snapshot.
pub(super) async fn end(
    seat: &Seat,
    End { vote, parts }: End,
) -> Result<SnapshotResponse<MemberId>, ServeError> {
    let mut receiving = seat.receiving.lock().await;
    let complete = receiving.take_if(|known| known.snapshot.parts() == parts && known.part.is_empty());
    let Receiving { meta, snapshot, .. } = complete.ok_or(ReceiveError::Gap)?;
    // An engine that is given half a snapshot stops.
    snapshot.check_whole().map_err(ReceiveError::Store)?;
    let upto = upto(&meta);
    let installed = seat.colleague.install_snapshot(vote, openraft::Snapshot { meta, snapshot }).await?;
    tracing::info!(upto, parts, "a snapshot was installed");
    Ok(installed)
}

/// The last entry a snapshot is the state after.
fn upto(meta: &SnapshotMeta) -> u64 {
    meta.last_log_id.map_or(0, |id| id.index)
}

impl Receiving {
    async fn take(&mut self, slice: Slice) -> Result<(), ReceiveError> {
        let offset = u64::try_from(self.part.len()).unwrap_or(u64::MAX);
        if slice.part != self.snapshot.parts() || slice.offset != offset {
            return Err(ReceiveError::Gap);
        }
        if self.part.len().saturating_add(slice.bytes.len()) > CHUNK_MAX {
            return Err(ReceiveError::TooLarge);
        }
        self.part.extend_from_slice(&slice.bytes);
        if slice.is_last {
            self.snapshot.push(std::mem::take(&mut self.part)).await?;
            tracing::debug!(parts = self.snapshot.parts(), "a part of a snapshot arrived");
        }
        Ok(())
    }
}
