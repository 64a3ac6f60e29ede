//! A member without a replica: its place in the network, and its way to the colonies it belongs to.
//!
//! Executors and others who stay run one long-lived swarm with their own key. It speaks all protocols of a node: it
//! holds reservations at relays, hears announcements, finds colonies and can be met by others. What asks a colony
//! through it shares its connections: [`Endpoint::client`] opens its streams to whichever node of the colony can be
//! reached, directly where possible and through a relay otherwise.
//!
//! What may never happen: a request answered here. Who keeps no state says so, and the asker goes elsewhere.

mod deaf;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::identity::{Identity, SecretKey};

use self::deaf::Deaf;
use crate::{
    client::{Client, Remote, Transport as _},
    net::{Multiaddr, NetConfig, NetError, NetLimits, Network, PeerId},
    runtime::Runtime,
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
}

/// A member's place in the network. Dropping it does not end it; [`Endpoint::shutdown`] does.
#[derive(Debug, Clone)]
pub struct Endpoint {
    network: Network,
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
        let EndpointConfig { key, listen } = config;
        let config = NetConfig { key, listen, tls: None, limits, relay: false, lab: false };
        let network = Network::start(config, Arc::new(Deaf), runtime.clone()).await?;
        Ok(Self { network, ways: Arc::default(), runtime })
    }

    /// Says where nodes of a colony are.
    pub fn learn(&self, colony: &Identity, addresses: Vec<Multiaddr>) {
        self.way(colony).learn(addresses);
    }

    /// Asks the node of a colony that is this member's by lot, where it can be reached, and not the same one as
    /// everybody else.
    pub async fn spread(&self, colony: &Identity) {
        let way = self.way(colony);
        way.spread(&self.peer()).await;
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
