//! How the members of a quorum reach each other.
//!
//! The engine asks for a connection per member and sends three kinds of messages through it. [`PeerLink`] is their
//! form on our side, so that the engine's traits stay in this file. A quorum of one has no links: nothing here is ever
//! called for it.

use std::{future::Future, sync::Arc, time::Duration};

use colony_store::{MemberId, MemberInfo};
use futures::future::BoxFuture;
use openraft::{
    OptionalSend, Vote,
    error::{
        Fatal, NetworkError, PayloadTooLarge, RPCError, RaftError, RemoteError, ReplicationClosed,
        StreamingError, Unreachable,
    },
    network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory},
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};

use super::Types;

/// Between two attempts of the engine to reach a member. The link below has its own rhythm of dialling; this only says
/// how soon the engine notices that it succeeded.
const BACK_OFF: Duration = Duration::from_millis(50);

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
    /// The message was meant for another disk than the member has now: it has forgotten what it promised, and must
    /// join again as a learner.
    #[error("the disk of member {member} is another one than the colony knows")]
    Forgotten {
        /// Who.
        member: MemberId,
    },
    /// It does not take part in the colony, or this node does not, as far as it knows.
    #[error("member {member} does not listen to this node: {why}")]
    Deaf {
        /// Who.
        member: MemberId,
        /// Why.
        why: String,
    },
    /// Too much is under way to it.
    #[error("member {member} has no room for another message")]
    Busy {
        /// Who.
        member: MemberId,
    },
    /// It did not answer in time.
    #[error("member {member} did not answer within {within:?}")]
    Silent {
        /// Who.
        member: MemberId,
        /// How long it had.
        within: Duration,
    },
    /// The connection broke before the answer: whether the message had any effect is not known.
    #[error("the connection to member {member} broke: {why}")]
    Broken {
        /// Who.
        member: MemberId,
        /// Why.
        why: String,
    },
    /// So many entries are too large for one message.
    #[error("too large for one message to member {member}; {entries} entries would fit")]
    TooLarge {
        /// Who.
        member: MemberId,
        /// How many entries would fit, at least one.
        entries: u64,
    },
}

impl LinkError {
    /// Whether the message certainly had no effect.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Forgotten { .. }
                | Self::Deaf { .. }
                | Self::Busy { .. }
                | Self::TooLarge { .. }
        )
    }
}

/// A connection to one member, opened when it is first used.
pub trait PeerLink: Send + Sync + std::fmt::Debug + 'static {
    /// Sends entries, or a heartbeat; who asks waits no longer than `within`.
    fn append(
        &self,
        entries: AppendEntriesRequest<Types>,
        within: Duration,
    ) -> Reaching<AppendEntriesResponse<MemberId>>;
    /// Asks for a vote; who asks waits no longer than `within`.
    fn vote(&self, ballot: VoteRequest<MemberId>, within: Duration) -> Reaching<VoteResponse<MemberId>>;
    /// Sends a whole snapshot. Dropping the future stops the sending; another attempt with the same snapshot goes on
    /// from there.
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
    fn append(
        &self,
        _: AppendEntriesRequest<Types>,
        _: Duration,
    ) -> Reaching<AppendEntriesResponse<MemberId>> {
        self.unreachable()
    }

    fn vote(&self, _: VoteRequest<MemberId>, _: Duration) -> Reaching<VoteResponse<MemberId>> {
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
/// The engine's error for sending a snapshot.
type SnapshotError = StreamingError<Types, Fatal<MemberId>>;

impl Connection {
    fn call_error(&self, error: LinkError) -> CallError {
        match error {
            LinkError::Stopped { fatal, .. } => {
                RPCError::RemoteError(RemoteError::new(self.target, RaftError::Fatal(*fatal)))
            }
            // Its time has passed already: the engine may try again at once.
            LinkError::Silent { .. } => RPCError::Network(NetworkError::new(&error)),
            LinkError::TooLarge { entries, .. } => {
                RPCError::PayloadTooLarge(PayloadTooLarge::new_entries_hint(entries))
            }
            other => RPCError::Unreachable(Unreachable::new(&other)),
        }
    }

    fn snapshot_error(&self, error: LinkError) -> SnapshotError {
        match error {
            LinkError::Stopped { fatal, .. } => {
                StreamingError::RemoteError(RemoteError::new(self.target, *fatal))
            }
            other => StreamingError::Unreachable(Unreachable::new(&other)),
        }
    }
}

impl RaftNetwork<Types> for Connection {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<MemberId>, CallError> {
        self.link.append(rpc, option.hard_ttl()).await.map_err(|error| self.call_error(error))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<MemberId>,
        option: RPCOption,
    ) -> Result<VoteResponse<MemberId>, CallError> {
        self.link.vote(rpc, option.hard_ttl()).await.map_err(|error| self.call_error(error))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<MemberId>,
        snapshot: openraft::Snapshot<Types>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<MemberId>, SnapshotError> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.link.snapshot(vote, snapshot) => sent.map_err(|error| self.snapshot_error(error)),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACK_OFF))
    }
}
