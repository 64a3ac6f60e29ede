//! A member without a replica: its place in the network, and its way to the colonies it belongs to.
//!
//! Executors and others who stay run one long-lived swarm with their own key. It speaks all protocols of a node: it
//! holds reservations at relays, hears announcements, finds colonies and can be met by others. What asks a colony
//! through it shares its connections: [`Endpoint::client`] opens its streams to whichever node of the colony can be
//! reached, directly where possible and through a relay otherwise. Where its colonies' nodes have all moved it looks for
//! them by the colony's id ([`Endpoint::find`]), and it tells its colonies where it is met itself ([`Endpoint::be_met`]).
//!
//! What may never happen: a request about a colony answered here. Who keeps no state says so, and the asker goes
//! elsewhere.

mod announce;
mod relays;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::identity::{Identity, SecretKey};

use tokio::sync::watch;

use self::relays::Known;
use crate::{
    client::{Client, Remote, Transport as _},
    discovery::{Discovery, FindError, Found, Settings},
    net::{Multiaddr, NetConfig, NetError, NetLimits, Network, PeerId},
    node::Pulse,
    reach,
    runtime::Runtime,
    service::Lone,
};

/// Peers that are connected with somebody who serves nobody: the colony's nodes, relays, and the neighbours of gossip
/// and discovery.
const CONNECTIONS: u32 = 256;
/// Handshakes of strangers under way.
const HANDSHAKES: u32 = 32;
/// Streams and requests of strangers: all are answered at once, with a refusal.
const REQUESTS: usize = 64;
/// Memory for them.
const REQUEST_BYTES: usize = 1024 * 1024;

/// What an endpoint is told when it starts.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The member's key; its peer id follows from it.
    pub key: SecretKey,
    /// Where it listens; empty for one that only dials.
    pub listen: Vec<Multiaddr>,
    /// Peers to look for colonies with, beside those it learns of, and where they are remembered.
    pub discovery: Settings,
}

/// A member's place in the network. Dropping it does not end it; [`Endpoint::shutdown`] does.
#[derive(Debug, Clone)]
pub struct Endpoint {
    network: Network,
    discovery: Discovery,
    /// Nodes that may relay.
    relays: Known,
    /// Where others are told to meet it.
    addresses: watch::Receiver<Vec<Multiaddr>>,
    /// The ways to the nodes of each colony, shared by all who ask it.
    ways: Arc<Mutex<BTreeMap<Identity, Remote>>>,
    runtime: Runtime,
}

impl Endpoint {
    /// Joins the network. When this returns, every address is being listened at.
    ///
    /// # Errors
    /// [`NetError`]; it names the address.
    pub async fn start(config: EndpointConfig, runtime: Runtime) -> Result<Self, NetError> {
        let limits = NetLimits {
            connections: CONNECTIONS,
            handshakes: HANDSHAKES,
            streams: REQUESTS,
            requests: REQUESTS,
            request_bytes: REQUEST_BYTES,
            ..NetLimits::default()
        };
        let EndpointConfig { key, listen, discovery } = config;
        let me = key.identity();
        let lone = Lone::new(me, runtime.clone());
        let config = NetConfig { key, listen, tls: None, limits, relay: false, lab: discovery.lab };
        let network = Network::start(config, Arc::new(lone.clone()), runtime.clone()).await?;
        lone.feel(Pulse::new(me, runtime.clone()).with(network.account()));
        let relays = Known::default();
        relays.learn(&discovery.bootstrap);
        let (me, handle) = (network.peer(), network.reach().clone());
        let (told, addresses) = watch::channel(reach::told(&handle.sight().borrow(), me));
        runtime.spawn("reach", reach::supervise(me, handle, relays.clone(), told, runtime.clone()));
        let discovery = Discovery::start(&network, discovery, &runtime);
        Ok(Self { network, discovery, relays, addresses, ways: Arc::default(), runtime })
    }

    /// Says where nodes of a colony are.
    pub fn learn(&self, colony: &Identity, addresses: Vec<Multiaddr>) {
        self.relays.learn(&addresses);
        self.way(colony).learn(addresses);
    }

    /// Asks the node of a colony that is this member's by lot, where it can be reached, and not the same one as
    /// everybody else.
    pub async fn spread(&self, colony: &Identity) {
        let way = self.way(colony);
        way.spread(&self.peer()).await;
    }

    /// Looks for a colony by its id, and learns where its nodes are. Takes half a minute if it is nowhere.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(&self, colony: &Identity) -> Result<Found, FindError> {
        let found = self.discovery.find(*colony).await;
        let found = found.inspect_err(
            |error| tracing::debug!(colony = %colony, %error, "a colony is not found elsewhere"),
        )?;
        // Only those that the colony's own word names.
        self.learn(colony, found.nodes.iter().flat_map(|node| node.addresses.iter().cloned()).collect());
        Ok(found)
    }

    /// Tells a colony where `member` is met, now and whenever that changes, until the network is left.
    pub fn be_met(&self, colony: Identity, member: SecretKey) {
        let announcing = announce::announce(self.client(colony, member), self.addresses.clone());
        let left = self.network.left();
        self.runtime.spawn("whereabouts", async move {
            left.run_until_cancelled_owned(announcing).await;
        });
    }

    /// Where others are told to meet it, the best first.
    #[must_use]
    pub fn addresses(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.addresses.clone()
    }

    /// A client of a colony over this endpoint's connections, which signs with `key`. It reaches the nodes that were
    /// learned before or are learned later.
    #[must_use]
    pub fn client(&self, colony: Identity, key: SecretKey) -> Client {
        Client::new(Arc::new(self.way(&colony)), colony, key, self.runtime.clone())
    }

    /// Who this is to its peers.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.network.peer()
    }

    /// Its place in the network.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Closes all connections.
    pub async fn shutdown(self) {
        self.discovery.stop().await;
        self.network.shutdown().await;
    }

    fn way(&self, colony: &Identity) -> Remote {
        let new = || Remote::over(&self.network, Vec::new(), self.runtime.clone());
        self.ways().entry(*colony).or_insert_with(new).clone()
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<Identity, Remote>> {
        // Nothing that can panic runs under this lock.
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
