//! The one writer of a node's file: takes everything that is waiting, commits it as one transaction, then tells everybody.
//!
//! That is group commit: one sync serves all colonies of the node and all requests that came while the last sync ran.
//! The caller decides where the writer runs: on a thread of its own ([`Writer::run`]) or inline in an emulator
//! ([`Writer::run_inline`]).
//!
//! Between operations it empties slots that nobody needs any more, a little with each transaction, so that neither a
//! forgotten colony nor a replaced archive makes anybody wait.
//!
//! What may never happen: an operation reported as done before it is on disk; an operation carried out after an earlier
//! one failed. The first failure is the last write: from then on every operation is answered with it.

use std::{collections::VecDeque, sync::Arc};

use colony_protocol::mutant;
use redb::Database;
use tokio::sync::{mpsc, watch};

use crate::{
    StoreFailure,
    operation::{Edit, Operation, Tables, Urgency},
    snapshot::Sending,
    tables::{Fate, Slot},
};

/// Most bytes taken into one transaction: what a disk takes in some ten milliseconds, so that the first in line does not
/// wait long for the last.
const TRANSACTION_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes that wait for the next urgent operation. They are in memory twice: here and for readers.
const HELD_BYTES: usize = 4 * 1024 * 1024;

/// The writer of one store. Run it; dropping it instead fails every operation.
pub struct Writer {
    database: Arc<Database>,
    inbox: mpsc::Receiver<Operation>,
    failure: watch::Sender<Option<StoreFailure>>,
    taken: Vec<Operation>,
    taken_bytes: usize,
    /// Slots to be emptied. An end half-way is no harm: the disk knows them too.
    doomed: VecDeque<(Slot, Fate)>,
    /// Told of every commit.
    sending: Arc<Sending>,
}

impl Writer {
    pub(crate) const fn new(
        database: Arc<Database>,
        inbox: mpsc::Receiver<Operation>,
        failure: watch::Sender<Option<StoreFailure>>,
        doomed: VecDeque<(Slot, Fate)>,
        sending: Arc<Sending>,
    ) -> Self {
        Self { database, inbox, failure, taken: Vec::new(), taken_bytes: 0, doomed, sending }
    }

    /// Serves until the last handle of the store is gone. Blocks: give it a thread.
    pub fn run(mut self) {
        loop {
            let next = if self.doomed.is_empty() { self.inbox.blocking_recv() } else { self.next_or_sweep() };
            match next {
                Some(first) => self.turn(first),
                None if self.inbox.is_closed() && self.inbox.is_empty() => break,
                None => {}
            }
        }
        self.commit();
    }

    /// Serves like [`Writer::run`], as a task whose commits block its runtime: for emulators.
    pub async fn run_inline(mut self) {
        loop {
            let next = if self.doomed.is_empty() {
                self.inbox.recv().await
            } else {
                tokio::task::yield_now().await;
                self.next_or_sweep()
            };
            match next {
                Some(first) => self.turn(first),
                None if self.inbox.is_closed() && self.inbox.is_empty() => break,
                None => {}
            }
        }
        self.commit();
    }

    /// What is waiting; if nothing is, uses the time to empty doomed slots.
    fn next_or_sweep(&mut self) -> Option<Operation> {
        match self.inbox.try_recv() {
            Ok(next) => Some(next),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                self.commit();
                None
            }
        }
    }

    /// Takes what is waiting and commits it, unless nobody is in a hurry.
    fn turn(&mut self, first: Operation) {
        self.take(first);
        while self.taken_bytes < TRANSACTION_BYTES
            && let Ok(next) = self.inbox.try_recv()
        {
            self.take(next);
        }
        if self.taken_bytes > HELD_BYTES
            || self.taken.iter().any(|operation| operation.urgency == Urgency::Now)
        {
            self.commit();
        }
    }

    fn take(&mut self, operation: Operation) {
        let bytes = operation.edits.iter().map(Edit::size).fold(0, usize::saturating_add);
        self.taken_bytes = self.taken_bytes.saturating_add(bytes);
        self.taken.push(operation);
    }

    /// Makes everything taken durable and reports it.
    fn commit(&mut self) {
        if mutant::is("acknowledge-before-the-commit") {
            for operation in &mut self.taken {
                std::mem::replace(&mut operation.done, Box::new(|_| {}))(Ok(()));
            }
            if self.taken.len() < 2 {
                return;
            }
        }
        let operations = std::mem::take(&mut self.taken);
        self.taken_bytes = 0;
        if operations.is_empty() && self.doomed.is_empty() {
            return;
        }
        let earlier = self.failure.borrow().clone();
        let outcome = match earlier {
            Some(failure) => Err(failure),
            None => write(&self.database, &operations, &mut self.doomed),
        };
        if let Err(failure) = &outcome
            && self.failure.borrow().is_none()
        {
            tracing::error!(%failure, "the store cannot write any more");
            self.failure.send_replace(Some(failure.clone()));
        }
        self.sending.committed();
        if outcome.is_err() {
            // The next start goes on.
            self.doomed.clear();
        }
        for operation in operations {
            (operation.done)(outcome.clone());
        }
    }
}

/// One durable transaction.
fn write(
    database: &Database,
    operations: &[Operation],
    doomed: &mut VecDeque<(Slot, Fate)>,
) -> Result<(), StoreFailure> {
    let mut transaction = database.begin_write()?;
    // Other people's bytes are stored here, and the engine's checksum is not a cryptographic one: only two phases rule
    // out that a crash leaves a half-written transaction that looks whole. They cost a second sync. Quick repair implies
    // them and was measured to cost no more; it makes opening after a crash take no longer than after a clean stop.
    transaction.set_quick_repair(true);
    transaction.set_two_phase_commit(true);
    if mutant::is("skip-the-sync") {
        transaction.set_quick_repair(false);
        transaction.set_two_phase_commit(false);
        drop(transaction.set_durability(redb::Durability::None));
    }
    let mut tables = Tables::open(&transaction)?;
    for operation in operations {
        for edit in &operation.edits {
            tables.apply(operation.slot, edit)?;
        }
    }
    if let Some((slot, fate)) = doomed.pop_front()
        && !tables.sweep(slot, fate)?
    {
        doomed.push_front((slot, fate));
    }
    doomed.extend(std::mem::take(&mut tables.doomed));
    drop(tables);
    transaction.commit()?;
    Ok(())
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Not run, or its thread unwound: whoever waits must not wait for ever.
        let failure = StoreFailure::closed();
        self.failure.send_if_modified(|known| {
            let fresh = known.is_none();
            if fresh {
                *known = Some(failure.clone());
            }
            fresh
        });
        for operation in self.taken.drain(..) {
            (operation.done)(Err(failure.clone()));
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
