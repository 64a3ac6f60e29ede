//! One colony on this node, as its log, its state machine and its readers share it.
//!
//! Locks are taken in this order: the colony, then what is pending. Neither is held while anything is awaited. A cut is
//! sent to the writer while both are held, so cuts reach it in the order they were made.

use std::sync::{
    Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use colony_protocol::{
    colony::{Colony, Event},
    identity::Identity,
};
use redb::{Database, ReadTransaction, ReadableDatabase as _};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    StoreFailure,
    operation::{Done, Edit, Operation, Urgency},
    pending::Pending,
    snapshot::{Sending, Transfers},
    tables::Slot,
};

/// Told what happened, after each entry, on the task that applies. It must return soon and never block.
pub type EventSink = Arc<dyn Fn(&[Event]) + Send + Sync>;

/// The way to the disk: reading at once, writing through the writer.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) database: Arc<Database>,
    pub(crate) outbox: mpsc::Sender<Operation>,
    pub(crate) failure: watch::Receiver<Option<StoreFailure>>,
    /// The lowest slot that was never used.
    pub(crate) unused: Arc<AtomicU32>,
    /// Snapshots that a transfer may go on with.
    pub(crate) sending: Arc<Sending>,
    /// How often the disk was looked at.
    pub(crate) reads: Arc<AtomicU64>,
}

impl Link {
    /// A slot for something new, if one is left.
    pub(crate) fn new_slot(&self) -> Option<Slot> {
        let used = self.unused.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |slot| slot.checked_add(1));
        used.ok().map(Slot)
    }

    /// A view of everything committed.
    pub(crate) fn read(&self) -> Result<ReadTransaction, StoreFailure> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.database.begin_read()?)
    }

    /// A place in the writer's queue.
    pub(crate) async fn reserve(&self) -> Result<mpsc::Permit<'_, Operation>, StoreFailure> {
        self.outbox.reserve().await.map_err(|_| self.ended())
    }

    /// Writes and waits until it is durable.
    pub(crate) async fn commit(&self, slot: Slot, edits: Vec<Edit>) -> Result<(), StoreFailure> {
        let (done, wait) = oneshot::channel();
        self.reserve().await?.send(Operation { slot, edits, urgency: Urgency::Now, done: reporting(done) });
        self.finish(wait).await
    }

    /// Waits for an operation sent with [`reporting`].
    pub(crate) async fn finish(
        &self,
        wait: oneshot::Receiver<Result<(), StoreFailure>>,
    ) -> Result<(), StoreFailure> {
        wait.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Why the writer is gone.
    fn ended(&self) -> StoreFailure {
        self.failure.borrow().clone().unwrap_or_else(StoreFailure::closed)
    }
}

/// Reports an operation to whoever waits for it, if anybody still does.
pub(crate) fn reporting(done: oneshot::Sender<Result<(), StoreFailure>>) -> Done {
    Box::new(move |outcome| {
        // Nobody waits any more if the caller was cancelled.
        let _ = done.send(outcome);
    })
}

/// What the parts of one colony share.
pub(crate) struct Group {
    pub(crate) id: Identity,
    pub(crate) slot: Slot,
    pub(crate) link: Link,
    pub(crate) events: EventSink,
    colony: RwLock<Colony>,
    pending: Mutex<Pending>,
    pub(crate) transfers: Transfers,
}

impl Group {
    pub(crate) fn new(
        id: Identity,
        slot: Slot,
        link: Link,
        events: EventSink,
        colony: Colony,
        pending: Pending,
    ) -> Self {
        Self {
            id,
            slot,
            link,
            events,
            colony: RwLock::new(colony),
            pending: Mutex::new(pending),
            transfers: Transfers::default(),
        }
    }

    /// The colony, to look at.
    pub(crate) fn colony(&self) -> Result<RwLockReadGuard<'_, Colony>, StoreFailure> {
        self.colony.read().map_err(|_| StoreFailure::poisoned())
    }

    /// The colony, to change.
    pub(crate) fn colony_mut(&self) -> Result<RwLockWriteGuard<'_, Colony>, StoreFailure> {
        self.colony.write().map_err(|_| StoreFailure::poisoned())
    }

    /// What is not on disk yet.
    pub(crate) fn pending(&self) -> Result<MutexGuard<'_, Pending>, StoreFailure> {
        self.pending.lock().map_err(|_| StoreFailure::poisoned())
    }

    /// Makes a cut if one is due. Waits for the disk only if it is far behind.
    pub(crate) async fn settle(self: &Arc<Self>) -> Result<(), StoreFailure> {
        let (due, behind) = {
            let pending = self.pending()?;
            (pending.is_due(), pending.is_behind())
        };
        if due && behind {
            return self.flush().await;
        }
        if due {
            let permit = self.link.reserve().await?;
            self.cut(permit, Urgency::WithNext, Box::new(|_| {}))?;
        }
        Ok(())
    }

    /// Puts everything applied on disk and waits for it.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<(), StoreFailure> {
        if self.pending()?.is_clean() {
            return Ok(());
        }
        let permit = self.link.reserve().await?;
        let (done, wait) = oneshot::channel();
        self.cut(permit, Urgency::Now, reporting(done))?;
        self.link.finish(wait).await
    }

    fn cut(
        self: &Arc<Self>,
        permit: mpsc::Permit<'_, Operation>,
        urgency: Urgency,
        then: Done,
    ) -> Result<(), StoreFailure> {
        let colony = self.colony()?;
        let mut pending = self.pending()?;
        let (generation, edits) = pending.cut(&colony)?;
        // Weak: an operation that waits in the queue must not keep the queue open.
        let group = Arc::downgrade(self);
        let done = Box::new(move |outcome: Result<(), StoreFailure>| {
            if outcome.is_ok()
                && let Some(group) = group.upgrade()
                && let Ok(mut pending) = group.pending()
            {
                pending.committed(generation);
            }
            then(outcome);
        });
        permit.send(Operation { slot: self.slot, edits, urgency, done });
        Ok(())
    }
}
