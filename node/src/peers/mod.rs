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
mod connector;
mod engine_link;
mod hello;
mod hub;
mod message;
mod outbox;
mod patience;
mod receiving;
mod sending;
mod serve;
mod session;
mod talk;
mod twin;
mod whereabouts;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::member::{MemberKey, Path},
};
use colony_store::{MemberId, MemberInfo};
use futures::{FutureExt as _, future::BoxFuture};
use libp2p::PeerId;
use tokio::sync::watch;

pub use colleague::{Colleague, Deciding, Installing};
pub(crate) use hub::Wanted;

use self::{
    engine_link::{EngineLinks, Line},
    hello::Porter,
    hub::Hub,
    patience::Patience,
    whereabouts::where_to,
    wire::What,
};
use crate::{
    consensus::{LinkError, Links, Timing},
    net::{Census, PeerDoor, dial, peer_of, reach},
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
#[derive(Clone)]
pub struct Peers {
    hub: Arc<Hub>,
}

impl Peers {
    /// A node that knows nobody yet, and the door through which the network brings it streams: give the door to
    /// [`crate::net::Network::start_with`]. Without a network nobody is reached.
    #[must_use]
    pub fn new(key: &SecretKey, timing: Timing, runtime: Runtime) -> (Self, PeerDoor) {
        let (dialer, orders) = dial::orders(runtime.clone());
        // A secret key always has a public one.
        let me = peer_of(&key.public_key()).unwrap_or_else(PeerId::random);
        let hub = Hub::new(me, key.identity(), Patience::new(timing), dialer, runtime);
        let door = PeerDoor::new(orders, Arc::new(Porter(Arc::clone(&hub))));
        (Self { hub }, door)
    }

    /// Brings what is sent to a colony to `colleague` from now on.
    pub fn serve(&self, colony: Identity, colleague: Arc<dyn Colleague>) {
        self.hub.serve(colony, colleague);
    }

    /// Refuses what is sent to a colony from now on, and keeps no connection for its sake.
    pub fn forget(&self, colony: &Identity) {
        self.hub.forget(colony);
    }

    /// What a colony's engine sends through. A link keeps its member connected for as long as it exists.
    #[must_use]
    pub fn links(&self, colony: Identity) -> Arc<dyn Links> {
        Arc::new(EngineLinks { hub: Arc::clone(&self.hub), colony })
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
        colony: Identity,
        to: Identity,
        info: &MemberInfo,
        request: Vec<u8>,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, LinkError>> {
        let line = Line::new(Arc::clone(&self.hub), colony, MemberId(to), info);
        async move {
            line.within(patience, async {
                let connecting = patience.min(line.attempt());
                let answer = line.call(What::Forward, &request, connecting).await?.await;
                let mut answer = answer.map_err(|error| line.call_error(error))?;
                let outcome = line.opened(&answer)?.len();
                answer.drain(..answer.len().saturating_sub(outcome));
                Ok(answer)
            })
            .await
        }
        .boxed()
    }

    /// Stays connected with these nodes, for the sake of a colony, instead of those named before.
    pub fn keep(&self, colony: Identity, peers: Vec<(Identity, MemberInfo)>) {
        let wanted: BTreeMap<_, _> =
            peers.into_iter().filter_map(|(id, info)| Some((id, where_to(&info)?))).collect();
        self.hub.keep(colony, wanted);
    }

    /// Stays connected with a node that is to be found elsewhere than its colony knows, until the result is dropped.
    pub(crate) fn want(&self, node: Identity, info: &MemberInfo) -> Option<Wanted> {
        let (peer, addresses) = where_to(info)?;
        Some(self.hub.want(node, peer, addresses))
    }

    /// Who can be reached now: nodes that answered within the last second or so.
    #[must_use]
    pub fn reachable(&self) -> watch::Receiver<Arc<BTreeSet<Identity>>> {
        self.hub.reachable()
    }

    /// How a node is reached now; `None` while it is not.
    #[must_use]
    pub fn path(&self, peer: &Identity) -> Option<PathInfo> {
        self.hub.session(peer).map(|session| session.path())
    }

    /// How a member is reached now: over the stream of nodes, or whatever connection there is with it.
    #[must_use]
    pub fn path_to(&self, member: &MemberKey) -> Option<PathInfo> {
        self.path(&member.identity()).or_else(|| {
            let way = self.hub.network.get()?.way(&peer_of(member.as_bytes())?)?;
            // Connections without a sign of life are closed.
            let heard = self.hub.runtime.elapsed();
            Some(PathInfo { path: way.path, rtt: way.rtt, since: way.since, heard })
        })
    }

    /// Shows connections other than those of nodes from now on, and tells of keys at two places. Said once.
    pub fn see(&self, network: reach::Handle, census: Census) {
        self.hub.network.set(network).ok();
        self.hub.census.set(census).ok();
    }

    /// Who knows another process with this node's key, once somebody does. This one is not heard by its colonies then.
    #[must_use]
    pub fn second(&self) -> watch::Receiver<Option<Identity>> {
        self.hub.second()
    }

    /// Ends all streams, dials nobody any more and lets go of every colony.
    pub fn close(&self) {
        self.hub.closing.cancel();
        self.hub.forget_all();
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("reachable", &self.hub.reachable().borrow()).finish_non_exhaustive()
    }
}
