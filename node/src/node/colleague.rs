//! A colony on this node as its other members see it: their messages go to its engine, their clients' requests to the
//! service.
//!
//! Who is heard is looked up for each message, in the membership that votes and in the one that people decide; until a
//! new member has either, it believes those it was told about. A voter is heard until its vote is taken away, also if
//! people have sent it away before: taking it away may need it. A node that was away for long knows an older membership
//! than that of now; when it hears nobody it asks, and believes what it is told until its own state is as new.
//!
//! What may never happen: a message of somebody who was sent away and does not vote reaches the engine.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use colony_protocol::{identity::Identity, model::member::StoreId, mutant};
use colony_store::{ColonyView, MemberId, MemberInfo, Snapshot, Vote};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};

use crate::{
    consensus::{Consensus, Types},
    membership::probe::Roll,
    net::Handling,
    peers::{Colleague, Deciding, Installing},
    runtime::Runtime,
    service::Service,
};

/// When a coordinator last sent something to this node, on the steady clock.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    millis: Arc<AtomicU64>,
    runtime: Runtime,
}

impl Heard {
    /// As if one had been heard just now: a node that starts is given time.
    pub(super) fn new(runtime: Runtime) -> Self {
        let heard = Self { millis: Arc::default(), runtime };
        heard.now();
        heard
    }

    /// For how long none has been heard.
    pub(super) fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.millis.load(Ordering::Relaxed));
        self.runtime.elapsed().saturating_sub(last)
    }

    fn now(&self) {
        let millis = u64::try_from(self.runtime.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }
}

/// Who keeps the colony, as this node was told when it had heard nobody for long.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Roll>>);

impl Told {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is told anew.
    pub(super) fn learn(&self, roll: Roll) {
        *self.roll() = roll;
    }

    /// Whether a node was named, by somebody who knew more than who has `applied` this entry.
    fn names(&self, node: &Identity, applied: u64) -> bool {
        let roll = self.roll();
        applied < roll.as_of && roll.nodes.contains(node)
    }
}

/// One colony's part in what peers send.
pub(super) struct Glue {
    /// The colony.
    pub(super) colony: Identity,
    /// This node's disk.
    pub(super) store: StoreId,
    /// Its engine.
    pub(super) consensus: Consensus,
    /// Its rows.
    pub(super) view: ColonyView,
    /// Whom a new member believes.
    pub(super) known: Arc<[(Identity, MemberInfo)]>,
    /// Whom it was told about since.
    pub(super) told: Told,
    /// When a coordinator was last heard.
    pub(super) heard: Heard,
    /// Where clients' requests go.
    pub(super) service: Service,
}

impl Glue {
    /// What the colony's members decided: `None` if they never heard of this identity.
    fn decided(&self, from: &Identity) -> Option<bool> {
        let colony = self.view.colony().ok()?;
        colony.member_by_id(from).map(|member| member.is_active_node())
    }

    /// Whether this node, whose state is old, was told about it.
    fn is_told_of(&self, from: &Identity) -> bool {
        let applied = self.view.applied().map(|(last, _)| last.map_or(0, |last| last.index));
        applied.is_ok_and(|applied| self.told.names(from, applied)) && !mutant::is("hear-no-newcomer")
    }
}

impl Colleague for Glue {
    fn hears(&self, from: &Identity) -> bool {
        if self.consensus.is_voter(from) {
            return true;
        }
        let is_known = self.decided(from).unwrap_or_else(|| {
            self.consensus.member(from).is_some()
                || (!self.consensus.has_members() && self.known.iter().any(|(known, _)| known == from))
        });
        is_known || self.is_told_of(from)
    }

    fn knows(&self, identity: &Identity) -> bool {
        self.view.colony().is_ok_and(|colony| colony.may_read(identity).is_ok())
    }

    fn store(&self) -> StoreId {
        self.store
    }

    fn append(&self, entries: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>> {
        self.heard.now();
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.append_entries(entries).await })
    }

    fn vote(&self, ballot: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>> {
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.vote(ballot).await })
    }

    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>> {
        self.heard.now();
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.begin_receiving_snapshot().await })
    }

    fn install_snapshot(&self, vote: Vote, snapshot: openraft::Snapshot<Types>) -> Installing {
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.install_full_snapshot(vote, snapshot).await })
    }

    fn forwarded(&self, from: Identity, request: Vec<u8>) -> Handling {
        let (service, colony) = (self.service.clone(), self.colony);
        Box::pin(async move { service.forwarded(colony, from, request).await })
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::identity::SecretKey;

    use super::*;

    #[test]
    fn who_was_named_is_believed_until_this_node_knows_by_itself() {
        let (named, other) = (SecretKey::derive(b"named").identity(), SecretKey::derive(b"other").identity());
        let told = Told::default();
        assert!(!told.names(&named, 0));
        told.learn(Roll { nodes: [named].into(), as_of: 7 });
        assert!(told.names(&named, 6));
        assert!(!told.names(&named, 7));
        assert!(!told.names(&other, 6));
    }
}
