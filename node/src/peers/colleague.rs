//! What a colony on this node does with what its other members send.

use colony_protocol::{identity::Identity, model::member::StoreId};
use colony_store::{MemberId, Snapshot, Vote};
use futures::future::BoxFuture;
use openraft::{
    error::{Fatal, RaftError},
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};

use crate::{consensus::Types, net::Handling};

/// The engine's answer under way.
pub type Deciding<T> = BoxFuture<'static, Result<T, RaftError<MemberId>>>;
/// The engine's answer to a whole snapshot under way.
pub type Installing = BoxFuture<'static, Result<SnapshotResponse<MemberId>, Fatal<MemberId>>>;

/// A colony that this node keeps a replica of, as its other members see it. Implemented by the node around the
/// colony's engine: everything but [`Colleague::hears`] and [`Colleague::forwarded`] is a call to it.
///
/// Every method is called for one message only, after [`Colleague::hears`] has said yes to its sender.
pub trait Colleague: Send + Sync + 'static {
    /// Whether messages of this node count: those of the colony's voters and learners, and of those whom a new member
    /// was told to believe. Called for each message, so it looks at what is known now and waits for nothing.
    fn hears(&self, from: &Identity) -> bool;

    /// Whether somebody is a member in any role, and so may be relayed. Waits for nothing.
    fn knows(&self, identity: &Identity) -> bool;

    /// Which disk this replica is on. Messages name the disk they are meant for: what was promised by a disk that is
    /// gone is not answered for by the next.
    fn store(&self) -> StoreId;

    /// Entries of a coordinator, or its heartbeat.
    fn append(&self, entries: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>>;

    /// A member asks for this one's vote.
    fn vote(&self, ballot: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>>;

    /// An empty snapshot to be filled; one that was begun before is given up.
    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>>;

    /// A filled snapshot takes the place of this replica's state, if the vote is still the coordinator's.
    fn install_snapshot(&self, vote: Vote, snapshot: openraft::Snapshot<Types>) -> Installing;

    /// A signed request of a client that another member received. `from` is that member. The future is dropped when
    /// nobody waits for the outcome any more.
    fn forwarded(&self, from: Identity, request: Vec<u8>) -> Handling;
}
