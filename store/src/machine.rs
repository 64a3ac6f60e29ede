//! The state machine of one colony, as the consensus engine drives it.
//!
//! It hands committed entries to the core, one at a time, and what the core leaves behind to the disk (in cuts, see
//! [`crate::pending`]), to readers and to whoever waits for events. The answers go back through the engine.
//!
//! What may never happen: an entry applied half; a reader seeing a state between two entries; an item in the log that
//! stops the node.

use std::{fmt, sync::Arc};

use colony_protocol::{
    colony::{Colony, Event, Outbox},
    mutant,
};
use openraft::{
    EntryPayload, ErrorSubject, ErrorVerb, OptionalSend, RaftSnapshotBuilder, storage::RaftStateMachine,
};

use crate::{
    ColonyTypes, EngineError, LogId, Outcomes, Snapshot, SnapshotError, SnapshotMeta, StoreFailure,
    StoredMembership,
    apply::Decoded,
    group::{Group, reporting},
    log::{SharedLog, engine_error},
    operation::{Edit, Operation, Urgency},
    pending::Asked,
    snapshot,
    store::live_rows,
    tables::{ROWS, Rows, Slot},
};

/// Room for changes and for events that is kept between entries: what a large one needs, about half a megabyte.
const OUTBOX_KEPT: usize = 4096;

/// The state machine of one colony.
pub struct StateMachine<C: ColonyTypes> {
    group: Arc<Group>,
    log: SharedLog<C>,
    /// What the last entry left behind, taken away: its room serves the next one.
    out: Outbox,
}

impl<C: ColonyTypes> StateMachine<C> {
    pub(crate) fn new(group: Arc<Group>, log: SharedLog<C>) -> Self {
        Self { group, log, out: Outbox::default() }
    }

    /// Applies one entry whole.
    fn apply_entry(&mut self, entry: openraft::Entry<C>) -> Result<Outcomes, StoreFailure> {
        let id = entry.log_id;
        let mut membership = None;
        let mut batch = None;
        match entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Normal(payload) => {
                batch = Some(Decoded::new(&self.group.id, id.leader_id.term, payload));
            }
            EntryPayload::Membership(payload) => membership = Some(StoredMembership::new(Some(id), payload)),
        }
        if mutant::is("skip-an-entry") && id.index.is_multiple_of(61) {
            batch = None;
        }
        let out = &mut self.out;
        let outcomes = {
            let mut colony = self.group.colony_mut()?;
            let outcomes = batch.map(|batch| batch.apply(&mut colony, out)).unwrap_or_default();
            // While the colony is still locked: nothing may be gone from it and not yet be found in the archive.
            let mut pending = self.group.pending()?;
            if let Some(membership) = membership {
                pending.set_membership(membership);
            }
            let disk = |key: &_| Rows::open(&self.group.link.read()?, self.group.slot)?.get(key);
            let asked = Asked { colony: &colony, disk: &disk };
            pending.record(id, colony.now(), out.changes.drain(..), &asked)?;
            outcomes
        };
        if !out.events.is_empty() {
            (self.group.events)(&out.events);
            out.events.clear();
        }
        out.changes.shrink_to(OUTBOX_KEPT);
        out.events.shrink_to(OUTBOX_KEPT);
        Ok(outcomes)
    }

    async fn install(&self, meta: &SnapshotMeta, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let (mut snapshot, received) = match snapshot.received(&self.group).await? {
            Some(slot) => (snapshot, slot),
            None => self.copy(&snapshot).await?,
        };
        let transaction = self.group.link.read()?;
        let rows = Rows { table: transaction.open_table(ROWS).map_err(StoreFailure::from)?, slot: received };
        let restored = Colony::restore(self.group.id, live_rows(&rows)?)
            .map_err(|error| StoreFailure::damaged(format!("the snapshot does not restore: {error}")))?;
        let permit = self.group.link.reserve().await?;
        let (done, wait) = tokio::sync::oneshot::channel();
        {
            let mut colony = self.group.colony_mut()?;
            let mut pending = self.group.pending()?;
            let mut edits = vec![Edit::Adopt(received)];
            if let Some(last) = meta.last_log_id {
                edits.extend(self.log.skip(pending.applied(), last)?);
            }
            pending.replace(meta.last_log_id, meta.last_membership.clone(), restored.now());
            edits.push(pending.applied_fact()?);
            *colony = restored;
            permit.send(Operation {
                slot: self.group.slot,
                edits,
                urgency: Urgency::Now,
                done: reporting(done),
            });
            snapshot.was_installed();
        }
        self.group.transfers.settled.notify_waiters();
        self.group.link.finish(wait).await?;
        // Anything may have changed: whoever waits looks again.
        (self.group.events)(&[Event::Resumed]);
        drop(snapshot);
        Ok(())
    }

    /// Stages a snapshot that was made by another store of this process.
    async fn copy(&self, snapshot: &Snapshot) -> Result<(Snapshot, Slot), SnapshotError> {
        let mut copy = snapshot::receive(&self.group).await?;
        for chunk in snapshot.chunks()? {
            copy.push(chunk?).await?;
        }
        let slot = copy.received(&self.group).await?.ok_or(SnapshotError::Superseded)?;
        Ok((copy, slot))
    }
}

impl<C: ColonyTypes> Drop for StateMachine<C> {
    fn drop(&mut self) {
        // Nothing will be installed any more: the log must not wait for it.
        self.group.transfers.failed();
    }
}

impl<C: ColonyTypes> fmt::Debug for StateMachine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMachine").field("colony", &self.group.id).finish_non_exhaustive()
    }
}

impl<C: ColonyTypes> RaftStateMachine<C> for StateMachine<C> {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), EngineError> {
        let pending =
            self.group.pending().map_err(engine_error(ErrorSubject::StateMachine, ErrorVerb::Read))?;
        Ok((pending.applied(), pending.membership().clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcomes>, EngineError>
    where
        I: IntoIterator<Item = C::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        for entry in entries {
            let subject = ErrorSubject::Apply(entry.log_id);
            let answer = self.apply_entry(entry).map_err(engine_error(subject.clone(), ErrorVerb::Write))?;
            answers.push(answer);
            self.group.settle().await.map_err(engine_error(subject, ErrorVerb::Write))?;
        }
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder { group: self.group.clone() }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Snapshot>, EngineError> {
        let receiving = snapshot::receive(&self.group).await;
        receiving.map(Box::new).map_err(engine_error(ErrorSubject::Snapshot(None), ErrorVerb::Write))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Snapshot>,
    ) -> Result<(), EngineError> {
        let subject = ErrorSubject::Snapshot(Some(meta.signature()));
        let installed = self.install(meta, *snapshot).await.map_err(|error| {
            self.group.transfers.failed();
            match error {
                SnapshotError::Store(failure) => failure,
                other => StoreFailure::damaged(other.to_string()),
            }
        });
        installed.map_err(engine_error(subject, ErrorVerb::Write))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<openraft::Snapshot<C>>, EngineError> {
        let (meta, snapshot) = self
            .log
            .purged()
            .and_then(|purged| snapshot::current(&self.group, purged))
            .map_err(engine_error(ErrorSubject::Snapshot(None), ErrorVerb::Read))?;
        let made = openraft::Snapshot { meta, snapshot: Box::new(snapshot) };
        Ok(made.meta.last_log_id.is_some().then_some(made))
    }
}

/// Tells the engine of snapshots: puts everything applied on disk and opens a view of it, unless one is on its way.
pub struct SnapshotBuilder {
    group: Arc<Group>,
}

impl fmt::Debug for SnapshotBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotBuilder").field("colony", &self.group.id).finish_non_exhaustive()
    }
}

impl<C: ColonyTypes> RaftSnapshotBuilder<C> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<openraft::Snapshot<C>, EngineError> {
        let (meta, snapshot) = snapshot::build(&self.group)
            .await
            .map_err(engine_error(ErrorSubject::Snapshot(None), ErrorVerb::Write))?;
        Ok(openraft::Snapshot { meta, snapshot: Box::new(snapshot) })
    }
}
