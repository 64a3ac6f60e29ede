//! One colony's Raft group as this node sees it: propose an entry, learn who coordinates.
//!
//! Owns the engine (openraft) and its timing. The coordinator proposes here; the store below keeps the log and applies
//! it; [`Links`] carry messages to the other members. A colony on one machine is a quorum of one on the same path that
//! three members use.
//!
//! What may never happen: an entry acknowledged before a majority has it on disk, or a decision about the queue made
//! anywhere else than in the entry's application.

mod elections;
mod link;
mod membership;
mod reads;
mod resign;
mod standing;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colony_protocol::{
    bounded::Text, entry::Batch, identity::Identity, model::member::StoreId, refusal::Refusal,
};
use colony_store::{MemberId, MemberInfo, Outcomes, Snapshot};
use futures::future::BoxFuture;
use openraft::{
    Config, ConfigError, RaftMetrics, SnapshotPolicy,
    error::{ClientWriteError, Fatal, InitializeError, RaftError},
    storage::{RaftLogStorage, RaftStateMachine},
};
use tokio::sync::watch;

pub use colony_protocol::timing::Timing;
pub use elections::Reachable;
pub use link::{LinkError, Links, NoLinks, PeerLink, Reaching};
pub use membership::{ChangeError, Roles, Unseated};
pub use standing::Standing;

use crate::runtime::{self, Runtime};

openraft::declare_raft_types!(
    /// The types the engine runs with.
    pub Types:
        D = Batch,
        R = Outcomes,
        NodeId = MemberId,
        Node = MemberInfo,
        Entry = openraft::Entry<Types>,
        SnapshotData = Snapshot,
        AsyncRuntime = runtime::Raft,
);

/// Entries kept behind a snapshot unless told otherwise, for members that lag a little: sending them is cheaper than a
/// snapshot. There is a snapshot every so many entries, too: the rows are always current on disk, so it costs nothing
/// here but a read transaction; what it allows is to drop log that no member needs.
pub const LOG_KEPT: u64 = 10_000;
/// Fewest entries that may be kept: a member that is only a little slower than the others must not need a snapshot.
pub const LOG_KEPT_MIN: u64 = 100;
/// Most entries in one message to a member. Entries hold batches, so this is up to some megabytes.
const MESSAGE_ENTRIES_MAX: u64 = 64;
/// How long sending one whole snapshot may take.
const SNAPSHOT_TIMEOUT_MS: u64 = 120_000;

/// What the engine tells about itself.
pub type Metrics = RaftMetrics<MemberId, MemberInfo>;
/// An entry on its way.
pub type Proposing = BoxFuture<'static, Result<Outcomes, ProposeError>>;

/// One colony's Raft group.
#[derive(Clone)]
pub struct Consensus {
    /// The engine.
    raft: openraft::Raft<Types>,
    /// This node in the group.
    me: MemberId,
    /// Rounds of reads that wait for a quorum.
    reads: Arc<reads::Rounds>,
    /// Where the group stands.
    standing: watch::Receiver<Standing>,
    /// How patient its members are.
    timing: Timing,
}

/// What a group is started with, beside its log and its state.
#[derive(Debug)]
pub struct Setup {
    /// This node.
    pub me: Identity,
    /// Its disk.
    pub store: StoreId,
    /// How it is reached, if it shall found the group with itself alone.
    pub found: Option<MemberInfo>,
    /// Carries messages to the others.
    pub links: Arc<dyn Links>,
    /// Whom it has a live connection with.
    pub reachable: Reachable,
    /// How far the members are from each other.
    pub timing: Timing,
    /// Entries kept for members that lag, at least [`LOG_KEPT_MIN`].
    pub log_kept: u64,
}

/// Why an entry was not applied, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Another member coordinates, or nobody at the moment.
    #[error("this node does not coordinate the colony")]
    NotCoordinator {
        /// Who does, if known.
        coordinator: Option<Identity>,
    },
    /// The store failed: nothing can be written until the node is restarted.
    #[error("{0}")]
    Storage(String),
    /// The engine has stopped.
    #[error("the node is stopping")]
    Stopped,
}

impl From<ProposeError> for Refusal {
    fn from(error: ProposeError) -> Self {
        let text = Text::cut(&error.to_string());
        match error {
            ProposeError::Storage(_) => Self::Storage(text),
            ProposeError::NotCoordinator { .. } | ProposeError::Stopped => Self::Unavailable(text),
        }
    }
}

/// Why a group could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsensusError {
    /// The timing contradicts itself.
    #[error("the timing of elections is wrong")]
    Timing(#[from] ConfigError),
    /// The engine did not start, because the store could not be read.
    #[error("the replicated log cannot be used")]
    Engine(#[from] Box<Fatal<MemberId>>),
    /// The first membership could not be written.
    #[error("the first member cannot be written")]
    Membership(#[source] Box<RaftError<MemberId, InitializeError<MemberId, MemberInfo>>>),
}

impl Consensus {
    /// Starts the engine on a log and a state machine. A group that has no members yet is founded with this node alone
    /// if the setup says how it is reached; such a quorum of one elects itself at once, now and after each restart. A
    /// node that founds nothing and knows no members waits until a coordinator finds it.
    ///
    /// # Errors
    /// [`ConsensusError`].
    pub async fn start<L, S>(
        setup: Setup,
        mut log: L,
        state: S,
        runtime: Runtime,
    ) -> Result<Self, ConsensusError>
    where
        L: RaftLogStorage<Types>,
        S: RaftStateMachine<Types>,
    {
        let Setup { me: identity, store, found, links, reachable, timing, log_kept } = setup;
        let me = MemberId(identity);
        let config = Arc::new(config(timing, log_kept).validate()?);
        let network = link::Network::new(links);
        let raft = runtime::Raft::scope(runtime.clone(), async move {
            resign::resign(&mut log, me).await.map_err(Box::new)?;
            let raft = openraft::Raft::new(me, config, network, log, state).await.map_err(Box::new)?;
            if let Some(info) = found
                && !raft.is_initialized().await.map_err(Box::new)?
            {
                raft.initialize(BTreeMap::from([(me, info)]))
                    .await
                    .map_err(|error| ConsensusError::Membership(Box::new(error)))?;
            }
            Ok::<_, ConsensusError>(raft)
        })
        .await?;
        let (told, standing) = watch::channel(Standing::default());
        let distiller = standing::Distiller::new(identity, timing, runtime.clone());
        runtime.spawn("standing", distiller.run(raft.metrics(), told));
        let consensus = Self { raft, me, reads: Arc::default(), standing, timing };
        let elections = elections::watch_over(consensus.clone(), store, reachable, runtime.clone());
        runtime.spawn("elections", elections);
        Ok(consensus)
    }

    /// Proposes an entry; completes when it is applied here, with the outcome of each of its items.
    #[must_use]
    pub fn propose(&self, batch: Batch) -> Proposing {
        let raft = self.raft.clone();
        Box::pin(async move {
            match raft.client_write(batch).await {
                Ok(written) => Ok(written.data),
                Err(error) => Err(propose_error(error)),
            }
        })
    }

    /// Completes when this node's applied state holds everything that was acknowledged anywhere before the call. All
    /// callers that wait share one round of messages to a quorum.
    ///
    /// # Errors
    /// [`ProposeError::NotCoordinator`] if this node does not coordinate, or no quorum confirmed that it still does.
    pub async fn linearize(&self) -> Result<(), ProposeError> {
        self.reads.join(&self.raft).await
    }

    /// Says whether this node may call elections. A node that reaches no quorum would only raise the term of those it
    /// meets again, and depose a coordinator that works.
    pub fn allow_elections(&self, allowed: bool) {
        self.raft.runtime_config().elect(allowed);
    }

    /// Runs or stops the engine's clock, by which it calls elections and tells the others that it lives.
    fn run_clock(&self, runs: bool) {
        self.raft.runtime_config().tick(runs);
    }

    /// The engine itself, for what other members send to it.
    #[must_use]
    pub const fn raft(&self) -> &openraft::Raft<Types> {
        &self.raft
    }

    /// Where the group stands, as it changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// True while this node is the elected coordinator, as far as it knows.
    #[must_use]
    pub fn is_coordinator(&self) -> bool {
        self.raft.metrics().borrow().current_leader == Some(self.me)
    }

    /// How patient its members are with each other.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// A member of the group and how it is reached.
    #[must_use]
    pub fn member(&self, member: &Identity) -> Option<MemberInfo> {
        self.raft.metrics().borrow().membership_config.membership().get_node(&MemberId(*member)).cloned()
    }

    /// The members of the group and how they are reached.
    #[must_use]
    pub fn members(&self) -> Vec<(Identity, MemberInfo)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let nodes = metrics.membership_config.membership().nodes();
        nodes.map(|(member, info)| (member.0, info.clone())).collect()
    }

    /// True if the group has members, as far as this node knows.
    #[must_use]
    pub fn has_members(&self) -> bool {
        self.raft.metrics().borrow().membership_config.membership().nodes().next().is_some()
    }

    /// True if this node alone votes in the group.
    #[must_use]
    pub fn is_sole_voter(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        metrics.membership_config.membership().voter_ids().eq([self.me])
    }

    /// True if somebody votes in the group.
    #[must_use]
    pub fn is_voter(&self, member: &Identity) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        metrics.membership_config.membership().voter_ids().any(|voter| voter.0 == *member)
    }

    /// True if it is final, as far as this node knows, that it does not vote in a group that has voters.
    #[must_use]
    pub fn is_unseated(&self) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let mut voters = metrics.membership_config.membership().voter_ids().peekable();
        is_final(&metrics) && voters.peek().is_some() && voters.all(|voter| voter != self.me)
    }

    /// Who votes, if that is final as far as this node knows; `None` while a change of it is under way.
    #[must_use]
    pub fn decided_voters(&self) -> Option<Vec<Identity>> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let [voters] = metrics.membership_config.membership().get_joint_config().as_slice() else {
            return None;
        };
        is_final(&metrics).then(|| voters.iter().map(|voter| voter.0).collect())
    }

    /// What the engine tells about itself, as it changes.
    #[must_use]
    pub fn metrics(&self) -> watch::Receiver<Metrics> {
        self.raft.metrics()
    }

    /// Completes when there is a coordinator that this node knows; if it is this node, when it is ready to serve.
    ///
    /// # Errors
    /// [`ProposeError::Storage`] or [`ProposeError::Stopped`] if the engine ended instead.
    pub async fn elected(&self) -> Result<(), ProposeError> {
        let mut standing = self.standing.clone();
        let me = self.me.0;
        let settled = |now: &Standing| {
            now.ended.is_some() || now.leads || now.coordinator.is_some_and(|coordinator| coordinator != me)
        };
        let now = standing.wait_for(settled).await.map_err(|_| ProposeError::Stopped)?;
        now.ended.clone().map_or(Ok(()), Err)
    }

    /// Stops the engine; what was proposed and not applied is answered with [`ProposeError::Stopped`].
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "the consensus engine did not stop cleanly");
        }
    }
}

impl std::fmt::Debug for Consensus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consensus").field("me", &self.me).finish_non_exhaustive()
    }
}

/// Whether the membership by which this node acts is committed: it acts by the last one in its log, committed or not.
fn is_final(metrics: &Metrics) -> bool {
    let entry = metrics.membership_config.log_id().map(|entry| entry.index);
    entry.is_some() && metrics.last_applied.map(|applied| applied.index) >= entry
}

fn config(timing: Timing, log_kept: u64) -> Config {
    let log_kept = log_kept.max(LOG_KEPT_MIN);
    Config {
        cluster_name: "colony".to_owned(),
        heartbeat_interval: millis(timing.heartbeat()),
        election_timeout_min: millis(timing.election_min()),
        election_timeout_max: millis(timing.election_max()),
        // Until it is known that a quorum is at hand.
        enable_elect: false,
        install_snapshot_timeout: SNAPSHOT_TIMEOUT_MS,
        max_payload_entries: MESSAGE_ENTRIES_MAX,
        // A member farther behind than the log reaches gets a snapshot.
        replication_lag_threshold: log_kept.saturating_mul(2),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(log_kept),
        max_in_snapshot_log_to_keep: log_kept,
        // Purging moves one mark; ten times for as many entries as are kept is enough.
        purge_batch_size: log_kept / 10,
        ..Config::default()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn propose_error(error: RaftError<MemberId, ClientWriteError<MemberId, MemberInfo>>) -> ProposeError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
            ProposeError::NotCoordinator { coordinator: to.leader_id.map(|member| member.0) }
        }
        // Only changes of the membership get this answer, and this is none.
        RaftError::APIError(ClientWriteError::ChangeMembershipError(_)) => {
            ProposeError::NotCoordinator { coordinator: None }
        }
        RaftError::Fatal(fatal) => fatal_error(&fatal),
    }
}

fn fatal_error(fatal: &Fatal<MemberId>) -> ProposeError {
    match fatal {
        Fatal::StorageError(error) => ProposeError::Storage(root_cause(error)),
        Fatal::Panicked => {
            ProposeError::Storage("the consensus engine failed; see the node's log".to_owned())
        }
        Fatal::Stopped => ProposeError::Stopped,
    }
}

/// The innermost error: what a person can act on.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The longest a healthy quorum takes to elect: for those who wait and want to say that something is wrong.
pub const ELECTION_PATIENCE: Duration = Duration::from_secs(10);
