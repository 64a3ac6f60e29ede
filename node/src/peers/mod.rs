//! How the nodes of a colony talk to each other: one long-lived stream for each pair of nodes, for all their colonies.
//!
//! [`Peers`] is the handle. The consensus engine sends through [`Peers::links`], the service sends clients' requests to
//! the coordinator through [`Peers::forward`], and what comes in is brought to the [`Colleague`] of its colony. Who is
//! at the other end is known from the connection's handshake; each message names its colony and the disk it is meant
//! for.
//!
//! What may never happen: a message of somebody who is no voter or learner reaches an engine; a message for a disk that
//! is gone is answered; a snapshot or a client's request holds up heartbeats; a peer that is slow, stopped or hostile
//! costs more than its own share of memory, or anybody else's time.

mod colleague;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::member::Path,
};
use colony_store::{MemberId, MemberInfo};
use futures::future::BoxFuture;
use tokio::sync::watch;

pub use colleague::{Colleague, Deciding, Installing};

use crate::{
    consensus::{LinkError, Links, NoLinks, Timing},
    net::PeerDoor,
    runtime::Runtime,
};

/// How a peer is reached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathInfo {
    /// Which way.
    pub path: Path,
    /// How long a message takes there and back, once it has been measured.
    pub rtt: Option<Duration>,
    /// When the stream was opened, by [`Runtime::elapsed`].
    pub since: Duration,
    /// When the peer was last heard, by [`Runtime::elapsed`].
    pub heard: Duration,
}

/// This node's place among the nodes of its colonies.
#[derive(Clone, Debug)]
pub struct Peers {
    reachable: watch::Sender<Arc<BTreeSet<Identity>>>,
}

impl Peers {
    /// A node that knows nobody yet, and the door through which the network brings it streams: give the door to
    /// [`crate::net::Network::start_with`].
    #[must_use]
    pub fn new(_key: &SecretKey, _timing: Timing, _runtime: Runtime) -> (Self, PeerDoor) {
        let (reachable, _) = watch::channel(Arc::default());
        (Self { reachable }, PeerDoor {})
    }

    /// Brings what is sent to a colony to `colleague` from now on.
    pub fn serve(&self, _colony: Identity, _colleague: Arc<dyn Colleague>) {}

    /// Refuses what is sent to a colony from now on, and keeps no connection for its sake.
    pub fn forget(&self, _colony: &Identity) {}

    /// What a colony's engine sends through.
    #[must_use]
    pub fn links(&self, _colony: Identity) -> Arc<dyn Links> {
        Arc::new(NoLinks)
    }

    /// Carries a client's signed request to another member, and brings back the bytes of the outcome. Connects first
    /// if need be. Dropping the future gives the request up at the other end too.
    ///
    /// # Errors
    /// [`LinkError`] within `patience`. The request may have been carried out nevertheless, unless the error says
    /// otherwise: see [`LinkError::is_unsent`].
    #[must_use]
    pub fn forward(
        &self,
        _colony: Identity,
        to: Identity,
        _info: &MemberInfo,
        _request: Vec<u8>,
        _patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, LinkError>> {
        let why = "there is no network".to_owned();
        Box::pin(std::future::ready(Err(LinkError::Unreachable { member: MemberId(to), why })))
    }

    /// Stays connected with these nodes, for the sake of a colony, instead of those named before.
    pub fn keep(&self, _colony: Identity, _peers: Vec<(Identity, MemberInfo)>) {}

    /// Who can be reached now: nodes that answered within the last second or so.
    #[must_use]
    pub fn reachable(&self) -> watch::Receiver<Arc<BTreeSet<Identity>>> {
        self.reachable.subscribe()
    }

    /// How a peer is reached now; `None` while it is not.
    #[must_use]
    pub fn path(&self, _peer: &Identity) -> Option<PathInfo> {
        None
    }

    /// Ends all streams and dials nobody any more.
    pub fn close(&self) {}
}
