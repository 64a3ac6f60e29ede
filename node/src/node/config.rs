//! What a node is told when it starts, and why it could not.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::{Executor, Name, User, member::MemberKey},
};
use colony_store::{Disk, MemberInfo, OpenColonyError, OpenError, StoreFailure};

pub use crate::consensus::{LOG_KEPT, LOG_KEPT_MIN};
use crate::{
    client::ClientError,
    consensus::{ConsensusError, ProposeError, Timing},
    membership::disk::NotLetIn,
    net::{Multiaddr, NetError, Tls},
    reach,
};

/// What a node is told when it starts.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The node's key: its identity in every colony and its key on the network.
    pub key: SecretKey,
    /// Where it keeps what it must remember.
    pub data: Data,
    /// Where it listens; empty for a node that only this process talks to.
    pub listen: Vec<Multiaddr>,
    /// Whether it relays for the members of its colonies. Only for a node that everybody can dial.
    pub relay: bool,
    /// The certificate to show where it listens at `/tls/ws`.
    pub tls: Option<Tls>,
    /// How far the members of its colonies are from each other.
    pub timing: Timing,
    /// How long a voter may be gone before a learner takes its place, where one is ready.
    pub replace_after: Duration,
    /// How many entries of a colony's log are kept for members that lag; who lags more is sent a snapshot.
    pub log_kept: u64,
    /// The colonies it serves from the start.
    pub colonies: Vec<ColonyConfig>,
    /// Peers of the network to begin with; one that answers is enough, and a node that was there before needs none.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether all peers are near, as in a laboratory or on one machine. A node that listens at its own machine alone
    /// is in such a network in any case.
    pub lab: bool,
}

/// How long a voter may be gone before it is replaced, unless told otherwise: longer than a machine takes to be
/// repaired by restarting it, shorter than a night.
pub const REPLACE_AFTER: Duration = Duration::from_secs(600);

/// Where a node keeps what it must remember.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nowhere: all is gone when the node ends.
    Memory,
    /// In this directory, which is made if it does not exist. A node that finds its data there resumes.
    Directory(PathBuf),
    /// On whatever disk it is given: emulated and faulty ones.
    Given(DiskSource),
}

/// Gives a node its disk, once for each start.
#[derive(Clone)]
pub struct DiskSource(Arc<dyn Fn() -> Disk + Send + Sync>);

impl DiskSource {
    /// A source that asks `disk` for it.
    #[must_use]
    pub fn new(disk: impl Fn() -> Disk + Send + Sync + 'static) -> Self {
        Self(Arc::new(disk))
    }

    /// The disk for one start.
    pub(super) fn disk(&self) -> Disk {
        (self.0)()
    }
}

impl fmt::Debug for DiskSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskSource").finish_non_exhaustive()
    }
}

/// A colony that a node serves.
#[derive(Debug, Clone)]
pub struct ColonyConfig {
    /// Its id: the identity of its owner's key.
    pub id: Identity,
    /// What makes it, if this node has its owner's key.
    pub found: Option<Founding>,
    /// Whom a new member believes before it has the colony's state, and asks until then; empty for others.
    pub peers: Vec<KnownPeer>,
}

/// A node of a colony, as whoever let this one in named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// Its public key.
    pub key: MemberKey,
    /// Where it is reached.
    pub addresses: Vec<Multiaddr>,
}

impl KnownPeer {
    /// Who it is, as its colleagues know it. Its disk is not known yet.
    pub(crate) fn info(&self) -> (Identity, MemberInfo) {
        let addresses = reach::texts(&self.addresses);
        (self.key.identity(), MemberInfo { addresses, key: self.key, ..MemberInfo::default() })
    }
}

/// What makes a colony. Everything that is there already stays as it is, so a restart may say the same again.
#[derive(Debug, Clone)]
pub struct Founding {
    /// The owner's key: it signs what follows.
    pub owner: SecretKey,
    /// The colony's name.
    pub name: Name,
    /// What the founding node is called as a member.
    pub member: Name,
    /// Executors to add and approve.
    pub executors: Vec<Executor>,
    /// Users to add.
    pub users: Vec<User>,
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory cannot be made or looked into.
    #[error("cannot use the data directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store cannot be opened; the error names the file, and whether it is in use, read-only, full or damaged.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// What is stored of the colony cannot be used.
    #[error("the colony's state cannot be used: {0}")]
    Colony(#[from] OpenColonyError),
    /// The node's key is no key of the network.
    #[error("the node's key is not usable")]
    Key,
    /// The system gave no thread.
    #[error("the system gave no thread for the store")]
    Thread,
    /// The network did not start; the error names the address, and whether its port is in use.
    #[error(transparent)]
    Network(#[from] NetError),
    /// The colony does not know this node, or not by this disk.
    #[error(transparent)]
    NotLetIn(#[from] NotLetIn),
    /// The state cannot be trusted any more.
    #[error(transparent)]
    State(#[from] StoreFailure),
    /// The colony's quorum did not start.
    #[error(transparent)]
    Consensus(#[from] Box<ConsensusError>),
    /// No coordinator was elected.
    #[error("no coordinator was elected: {0}")]
    Election(#[from] ProposeError),
    /// The founding was refused.
    #[error("the colony could not be founded: {0}")]
    Founding(#[from] ClientError),
    /// The owner's key is not the colony's.
    #[error("the key given as owner is that of {given}, but the colony's id is {colony}")]
    Owner {
        /// Whose key was given.
        given: Identity,
        /// The colony.
        colony: Identity,
    },
}
