//! How bytes reach this node and leave it again: libp2p, and nothing of what the bytes mean.
//!
//! Peers speak two protocols with the same content (see [`colony_protocol::rpc`]): a substream per request, and one
//! long-lived stream with many requests in flight. Both end in the one [`Handler`], which the service implements.
//!
//! What may never happen here: the swarm's task waits for anybody, verifies anything or panics; memory is taken for
//! bytes that a peer has only announced; a queue fed by a peer grows without bound. When there is no room for a request
//! it is answered at once with [`Handler::overloaded`].

mod behaviour;
pub(crate) mod bounds;
pub(crate) mod budget;
pub(crate) mod calls;
mod carrier;
mod census;
pub(crate) mod codec;
pub(crate) mod dial;
pub mod discovery;
mod driver;
pub(crate) mod frame;
pub mod gossip;
mod limits;
mod listen;
mod peer;
pub(crate) mod quota;
pub mod reach;
pub mod scope;
mod service;
mod stream;
pub(crate) mod streams;
mod tls;
pub(crate) mod transport;
pub(crate) mod trials;

use std::{
    convert::Infallible,
    fmt,
    future::{Future, ready},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_protocol::identity::{Identity, SecretKey};
use futures::StreamExt as _;
use libp2p::{
    Swarm, Transport as _, TransportError,
    core::transport::ListenerId,
    swarm::{self, SwarmEvent},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::{
    behaviour::{Behaviour, Duties},
    bounds::Gate,
    driver::{Driver, Rooms},
    reach::Knows,
    service::Service,
    transport::Kinds,
};
use crate::runtime::Runtime;

pub(crate) use behaviour::{RPC_STREAMS, is_silent, rpc};
pub use bounds::{Caller, Class, Rate, Subnet};
pub use carrier::{Carrier, Carrying};
pub use census::{Acquaintance, Census, Twins};
pub use dial::PeerDoor;
pub use libp2p::{Multiaddr, PeerId};
pub use limits::NetLimits;
pub use peer::{identity_of, key_of, keypair, peer_of};
pub use tls::{Tls, TlsError};

/// How long listening may take: the kernel answers at once, so this only guards against waiting for ever.
const LISTEN: Duration = Duration::from_secs(5);
/// After so long without another address all of this machine are known.
const SETTLE: Duration = Duration::from_millis(50);
/// How long a connection without streams is kept: a client that asks now and then need not connect again.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// Streams of one connection that have not said what they are for; each may take ten seconds to.
const NEGOTIATING: usize = 32;

/// The bytes of an outcome under way.
pub type Handling = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

/// Answers requests. Implemented by the node's service.
pub trait Handler: Send + Sync + 'static {
    /// Carries out one request and gives the bytes of the outcome, at most [`colony_protocol::rpc::OUTCOME_MAX`].
    ///
    /// `from` is who delivered the bytes, not who signed them. The future is dropped if that peer goes away.
    fn handle(&self, from: Arc<Caller>, request: Vec<u8>) -> Handling;

    /// Whether somebody is a member, and so may use what strangers may not. Called at the end of each handshake and every
    /// few seconds after that: it must not take long.
    fn is_member(&self, who: &Identity) -> bool;

    /// The bytes of the outcome "too busy, try again".
    fn overloaded(&self) -> Vec<u8>;
}

/// What a node needs to take part in the network.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The node's key; its peer id follows from it.
    pub key: SecretKey,
    /// Where to listen: see [`NetError::NotAnAddress`] for the forms. Port 0 takes a free one.
    pub listen: Vec<Multiaddr>,
    /// The certificate to show where it listens at `/tls/ws`.
    pub tls: Option<Tls>,
    /// What strangers may take.
    pub limits: NetLimits,
    /// Whether this node relays for other members.
    pub relay: bool,
    /// Whether all peers are near: addresses of this machine and this site are as good as any then. A node that listens
    /// at its own machine alone is in such a network in any case.
    pub lab: bool,
}

/// Why a node could not take part in the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Somebody else listens there.
    #[error("address already in use: {address}")]
    InUse {
        /// The address.
        address: Multiaddr,
    },
    /// Two of the addresses are one.
    #[error("cannot listen at {address}: another address of this node has the same port")]
    Twice {
        /// The second of them.
        address: Multiaddr,
    },
    /// There is nothing to show to who asks for TLS.
    #[error("cannot listen at {address}: TLS needs a certificate and its key")]
    NoCertificate {
        /// The address.
        address: Multiaddr,
    },
    /// None of TCP, QUIC and WebSocket.
    #[error(
        "cannot listen at {address}: not of the form /ip4/0.0.0.0/tcp/4001, /ip4/0.0.0.0/udp/4001/quic-v1, \
         /ip4/0.0.0.0/tcp/4002/ws or /ip4/0.0.0.0/tcp/4003/tls/ws (or the same with /ip6/::)"
    )]
    NotAnAddress {
        /// The address.
        address: Multiaddr,
    },
    /// The system refused.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why.
        source: io::Error,
    },
    /// The transport could not be made from the key.
    #[error("cannot set up the encrypted transport: {0}")]
    Transport(String),
}

/// A running node's place in the network. Dropping it does not stop the network; [`Network::shutdown`] does.
#[derive(Clone)]
pub struct Network {
    service: Arc<Service>,
    shared: Arc<Shared>,
    closed: CancellationToken,
    calls: calls::Handle,
    discovery: discovery::Handle,
    gossip: gossip::Handle,
    reach: reach::Handle,
    census: Census,
}

/// What can be seen of a network. Who keeps it keeps no request alive and nobody who answers one.
#[derive(Debug, Clone)]
pub struct Account {
    shared: Arc<Shared>,
    census: Census,
    discovery: discovery::Handle,
    reach: reach::Handle,
}

impl Account {
    /// How this node is reached, and how it reaches others.
    #[must_use]
    pub const fn reach(&self) -> &reach::Handle {
        &self.reach
    }

    /// Where this node listens, with its peer id at the end.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.shared.lock().clone()
    }

    /// Who is connected.
    #[must_use]
    pub const fn census(&self) -> &Census {
        &self.census
    }

    /// How well this node finds others.
    #[must_use]
    pub fn discovery(&self) -> discovery::DhtHealth {
        self.discovery.last_health()
    }
}

/// What the swarm's task shows to others.
#[derive(Debug)]
struct Shared {
    peer: PeerId,
    addresses: Mutex<Vec<Multiaddr>>,
    peers: AtomicUsize,
}

impl Network {
    /// Joins the network and answers requests with `handler`. When this returns, every address is being listened at.
    ///
    /// # Errors
    /// [`NetError`]; it names the address.
    pub async fn start(
        config: NetConfig,
        handler: Arc<dyn Handler>,
        runtime: Runtime,
    ) -> Result<Self, NetError> {
        Self::begin(config, handler, None, runtime).await
    }

    /// The same, and lets `door`'s owner open streams to other nodes and take theirs. A node that listens nowhere can
    /// still do that.
    ///
    /// # Errors
    /// [`NetError`]; it names the address.
    pub async fn start_with(
        config: NetConfig,
        handler: Arc<dyn Handler>,
        door: PeerDoor,
        runtime: Runtime,
    ) -> Result<Self, NetError> {
        Self::begin(config, handler, Some(door), runtime).await
    }

    async fn begin(
        config: NetConfig,
        handler: Arc<dyn Handler>,
        door: Option<PeerDoor>,
        runtime: Runtime,
    ) -> Result<Self, NetError> {
        // An emulated network says itself what is taken.
        if runtime.carrier().is_none() {
            listen::check(&config.listen, config.tls.is_some())?;
        }
        let service = Service::new(handler, config.limits, runtime.clone());
        let knows = || door.as_ref().map_or_else(|| Arc::new(|_: &PeerId| false) as Knows, PeerDoor::knows);
        let duties = Duties { peers: door.is_some(), relay: config.relay.then(knows) };
        let topics = gossip::Topics::default();
        let (mut swarm, farewell) = swarm(&config.key, config.tls.as_ref(), &service, duties, &topics)?;
        let (mut reach, to_reach) = reach::Room::new(config.relay, &runtime);
        let shared = Arc::new(Shared {
            peer: *swarm.local_peer_id(),
            addresses: Mutex::default(),
            peers: AtomicUsize::new(0),
        });
        let lab = config.lab || is_alone(&config.listen);
        let mut listeners = Vec::new();
        let everywhere = config.listen.iter().any(listen::is_everywhere);
        for address in config.listen {
            let listening =
                runtime.timeout(LISTEN, listen_at(&mut swarm, &address, &shared, &mut reach)).await;
            let too_slow = || Err(listen::failure(&address, io::ErrorKind::TimedOut.into()));
            listeners.push(listening.unwrap_or_else(too_slow)?);
        }
        if everywhere {
            runtime.timeout(LISTEN, settle(&mut swarm, &shared, &mut reach, &runtime)).await;
        }
        let closed = CancellationToken::new();
        let (calls, to_calls) = calls::Room::new(&runtime);
        let (discovery, to_discovery) = discovery::Room::new(lab, door.is_some(), &runtime);
        let (gossip, to_gossip) = gossip::Room::new(topics, runtime.clone());
        let census = Census::new(runtime.clone());
        let rooms = Rooms { calls, discovery, gossip, reach, census: census.clone() };
        let driver = Driver::new(
            swarm,
            listeners,
            Arc::clone(&service),
            Arc::clone(&shared),
            door,
            rooms,
            closed.clone(),
        );
        runtime.spawn("swarm", driver.run());
        runtime.spawn("standings", bounds::review(Arc::clone(&service), farewell));
        Ok(Self {
            service,
            shared,
            closed,
            calls: to_calls,
            discovery: to_discovery,
            gossip: to_gossip,
            reach: to_reach,
            census,
        })
    }

    /// Who this node is to its peers.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.shared.peer
    }

    /// Where this node listens, with its peer id at the end.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.shared.lock().clone()
    }

    /// Opens streams to other nodes.
    pub(crate) const fn calls(&self) -> &calls::Handle {
        &self.calls
    }

    /// Finds colonies and their nodes.
    #[must_use]
    pub const fn discovery(&self) -> &discovery::Handle {
        &self.discovery
    }

    /// Spreads word among members.
    #[must_use]
    pub const fn gossip(&self) -> &gossip::Handle {
        &self.gossip
    }

    /// Relays, and what others see of this node.
    #[must_use]
    pub const fn reach(&self) -> &reach::Handle {
        &self.reach
    }

    /// Who is connected.
    #[must_use]
    pub const fn census(&self) -> &Census {
        &self.census
    }

    /// The same network for who only looks.
    #[must_use]
    pub fn account(&self) -> Account {
        let (shared, census) = (Arc::clone(&self.shared), self.census.clone());
        Account { shared, census, discovery: self.discovery.clone(), reach: self.reach.clone() }
    }

    /// How many peers are connected.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.shared.peers.load(Ordering::Relaxed)
    }

    /// Cancelled when the network begins to be left.
    pub(crate) fn left(&self) -> CancellationToken {
        self.service.closing.clone()
    }

    /// Accepts nothing more, lets requests under way finish for a few seconds, and closes all connections.
    pub async fn shutdown(&self) {
        self.service.closing.cancel();
        self.closed.cancelled().await;
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Shared {
    /// Ways through relays come and go; see [`reach`].
    fn listening(&self, address: Multiaddr) {
        if scope::is_relayed(&address) {
            return;
        }
        let mut addresses = self.lock();
        let address = self.full(address);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    fn not_listening(&self, address: &Multiaddr) {
        let address = self.full(address.clone());
        self.lock().retain(|known| *known != address);
    }

    fn connected(&self, peers: usize) {
        self.peers.store(peers, Ordering::Relaxed);
    }

    fn full(&self, address: Multiaddr) -> Multiaddr {
        address.with_p2p(self.peer).unwrap_or_else(|address| address)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Multiaddr>> {
        // Nothing that can panic runs under this lock.
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody outside this machine can reach a node that listens at these.
pub(crate) fn is_alone(listen: &[Multiaddr]) -> bool {
    let is_near =
        |address: &Multiaddr| discovery::address::scope(address) == discovery::address::Scope::Machine;
    !listen.is_empty() && listen.iter().all(is_near)
}

/// Waits until the addresses of this machine are known: who listens at all of them learns them one after the other.
async fn settle(swarm: &mut Swarm<Behaviour>, shared: &Shared, reach: &mut reach::Room, runtime: &Runtime) {
    while let Some(event) = runtime.timeout(SETTLE, swarm.select_next_some()).await {
        reach.notice(&event, swarm);
        if let SwarmEvent::NewListenAddr { address, .. } = event {
            shared.listening(address);
        }
    }
}

/// The node's swarm, not listening yet, and who takes peers that must come back as what they are now.
fn swarm(
    key: &SecretKey,
    tls: Option<&Tls>,
    service: &Arc<Service>,
    duties: Duties,
    topics: &gossip::Topics,
) -> Result<(Swarm<Behaviour>, mpsc::Sender<PeerId>), NetError> {
    let key = keypair(key).ok_or_else(|| NetError::Transport("the key is not usable".to_owned()))?;
    let (transport, through) =
        transport::with_circuits(&key, Kinds::ALL, tls, service.runtime.carrier().as_ref())
            .map_err(|error| NetError::Transport(error.to_string()))?;
    let greeter = Arc::clone(service);
    let transport = transport.and_then(move |(peer, muxer), _| {
        // In the connection's own task: the swarm does not wait for it.
        greeter.greet(peer);
        ready(Ok::<_, Infallible>((peer, muxer)))
    });
    let (gate, farewell) =
        Gate::new(service.limits.clone(), Arc::clone(&service.standings), service.runtime.clone());
    let behaviour =
        Behaviour::new(&key, gate, through, service, duties, topics).map_err(NetError::Transport)?;
    let config = swarm_config(&service.runtime)
        .with_idle_connection_timeout(IDLE_CONNECTION)
        .with_max_negotiating_inbound_streams(NEGOTIATING);
    Ok((Swarm::new(transport.boxed(), behaviour, key.public().to_peer_id(), config), farewell))
}

/// A swarm's configuration whose connections run as our tasks.
pub(crate) fn swarm_config(runtime: &Runtime) -> swarm::Config {
    let runtime = runtime.clone();
    swarm::Config::with_executor(move |task: Pin<Box<dyn Future<Output = ()> + Send>>| {
        runtime.spawn("connection", task);
    })
}

/// Listens at an address and waits until it is so.
async fn listen_at(
    swarm: &mut Swarm<Behaviour>,
    address: &Multiaddr,
    shared: &Shared,
    reach: &mut reach::Room,
) -> Result<ListenerId, NetError> {
    let id = swarm.listen_on(address.clone()).map_err(|error| match error {
        TransportError::MultiaddrNotSupported(address) => NetError::NotAnAddress { address },
        TransportError::Other(source) => listen::failure(address, source),
    })?;
    loop {
        let event = swarm.select_next_some().await;
        reach.notice(&event, swarm);
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                shared.listening(address);
                if listener_id == id {
                    return Ok(id);
                }
            }
            SwarmEvent::ListenerError { listener_id, error } if listener_id == id => {
                return Err(listen::failure(address, error));
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } if listener_id == id => {
                return Err(listen::failure(address, error));
            }
            _ => {}
        }
    }
}
