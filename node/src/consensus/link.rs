//! How the members of a quorum reach each other.
//!
//! The engine asks for a connection per member and sends three kinds of messages through it. [`PeerLink`] is their
//! form on our side, so that the engine's traits stay in this file. A quorum of one has no links: nothing here is ever
//! called for it.

use std::{future::Future, sync::Arc};

use colony_store::{MemberId, MemberInfo};
use futures::future::BoxFuture;
use openraft::{
    OptionalSend, Vote,
    error::{Fatal, RPCError, RaftError, RemoteError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetwork, RaftNetworkFactory},
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};

use super::Types;

/// An answer of another member under way.
pub type Reaching<T> = BoxFuture<'static, Result<T, LinkError>>;

/// Why a member gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It cannot be reached now.
    #[error("cannot reach member {member}: {why}")]
    Unreachable {
        /// Who.
        member: MemberId,
        /// Why.
        why: String,
    },
    /// Its engine has stopped.
    #[error("member {member} has stopped: {fatal}")]
    Stopped {
        /// Who.
        member: MemberId,
        /// What its engine said.
        fatal: Box<Fatal<MemberId>>,
    },
}

/// A connection to one member, opened when it is first used.
pub trait PeerLink: Send + Sync + std::fmt::Debug + 'static {
    /// Sends entries, or a heartbeat.
    fn append(&self, entries: AppendEntriesRequest<Types>) -> Reaching<AppendEntriesResponse<MemberId>>;
    /// Asks for a vote.
    fn vote(&self, ballot: VoteRequest<MemberId>) -> Reaching<VoteResponse<MemberId>>;
    /// Sends a whole snapshot. Dropping the future stops the sending.
    fn snapshot(
        &self,
        vote: Vote<MemberId>,
        snapshot: openraft::Snapshot<Types>,
    ) -> Reaching<SnapshotResponse<MemberId>>;
}

/// Makes links to members.
pub trait Links: Send + Sync + std::fmt::Debug + 'static {
    /// A link to a member, which need not be reachable yet.
    fn to(&self, member: MemberId, info: &MemberInfo) -> Arc<dyn PeerLink>;
}

/// The links of a colony on one machine: none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLinks;

impl Links for NoLinks {
    fn to(&self, member: MemberId, _info: &MemberInfo) -> Arc<dyn PeerLink> {
        Arc::new(NoLink { member })
    }
}

/// A link that leads nowhere and says so.
#[derive(Debug)]
struct NoLink {
    member: MemberId,
}

impl NoLink {
    fn unreachable<T: Send + 'static>(&self) -> Reaching<T> {
        let why = "this node runs a quorum of one and has no links".to_owned();
        let error = LinkError::Unreachable { member: self.member, why };
        Box::pin(std::future::ready(Err(error)))
    }
}

impl PeerLink for NoLink {
    fn append(&self, _: AppendEntriesRequest<Types>) -> Reaching<AppendEntriesResponse<MemberId>> {
        self.unreachable()
    }

    fn vote(&self, _: VoteRequest<MemberId>) -> Reaching<VoteResponse<MemberId>> {
        self.unreachable()
    }

    fn snapshot(
        &self,
        _: Vote<MemberId>,
        _: openraft::Snapshot<Types>,
    ) -> Reaching<SnapshotResponse<MemberId>> {
        self.unreachable()
    }
}

/// Our links in the engine's form.
#[derive(Debug)]
pub(super) struct Network {
    links: Arc<dyn Links>,
}

impl Network {
    pub(super) fn new(links: Arc<dyn Links>) -> Self {
        Self { links }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: MemberId, node: &MemberInfo) -> Connection {
        Connection { target, link: self.links.to(target, node) }
    }
}

/// One link in the engine's form.
#[derive(Debug)]
pub(super) struct Connection {
    target: MemberId,
    link: Arc<dyn PeerLink>,
}

/// The engine's error for a call to another member.
type CallError = RPCError<MemberId, MemberInfo, RaftError<MemberId>>;

impl Connection {
    fn call_error(&self, error: LinkError) -> CallError {
        match error {
            LinkError::Stopped { fatal, .. } => {
                RPCError::RemoteError(RemoteError::new(self.target, RaftError::Fatal(*fatal)))
            }
            unreachable @ LinkError::Unreachable { .. } => {
                RPCError::Unreachable(Unreachable::new(&unreachable))
            }
        }
    }
}

impl RaftNetwork<Types> for Connection {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<MemberId>, CallError> {
        self.link.append(rpc).await.map_err(|error| self.call_error(error))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<MemberId>,
        _option: RPCOption,
    ) -> Result<VoteResponse<MemberId>, CallError> {
        self.link.vote(rpc).await.map_err(|error| self.call_error(error))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<MemberId>,
        snapshot: openraft::Snapshot<Types>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<MemberId>, StreamingError<Types, Fatal<MemberId>>> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.link.snapshot(vote, snapshot) => sent.map_err(|error| match error {
                LinkError::Stopped { fatal, .. } => {
                    StreamingError::RemoteError(RemoteError::new(self.target, *fatal))
                }
                unreachable @ LinkError::Unreachable { .. } => {
                    StreamingError::Unreachable(Unreachable::new(&unreachable))
                }
            }),
        }
    }
}
