//! A colony on this node as its other members see it: their messages go to its engine, their clients' requests to the
//! service.
//!
//! What may never happen: a message of somebody who has been sent away reaches the engine. Who is heard is looked up
//! for each message, in the membership that votes and in the one that people decide; until a new member has either,
//! it believes those it was told about.

use std::sync::Arc;

use colony_protocol::{identity::Identity, model::member::StoreId};
use colony_store::{ColonyView, MemberId, MemberInfo, Snapshot, Vote};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse};

use crate::{
    consensus::{Consensus, Types},
    net::Handling,
    peers::{Colleague, Deciding, Installing},
    service::Service,
};

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
    /// Where clients' requests go.
    pub(super) service: Service,
}

impl Glue {
    /// What the colony's members decided: `None` if they never heard of this identity.
    fn decided(&self, from: &Identity) -> Option<bool> {
        let colony = self.view.colony().ok()?;
        colony.member_by_id(from).map(|member| member.is_active_node())
    }
}

impl Colleague for Glue {
    fn hears(&self, from: &Identity) -> bool {
        if self.decided(from) == Some(false) {
            return false;
        }
        self.consensus.member(from).is_some()
            || self.decided(from) == Some(true)
            || (!self.consensus.has_members() && self.known.iter().any(|(known, _)| known == from))
    }

    fn store(&self) -> StoreId {
        self.store
    }

    fn append(&self, entries: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>> {
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.append_entries(entries).await })
    }

    fn vote(&self, ballot: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>> {
        let raft = self.consensus.raft().clone();
        Box::pin(async move { raft.vote(ballot).await })
    }

    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>> {
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
