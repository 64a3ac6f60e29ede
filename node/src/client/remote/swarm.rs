//! The client's swarm and its task: dials when asked, opens substreams, notices dead connections.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colony_protocol::{
    identity::SecretKey,
    rpc::{OUTCOME_MAX, STREAM_PROTOCOL},
};
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    connection_limits::{self, ConnectionLimits},
    core::upgrade::Version,
    identity::Keypair,
    noise, ping,
    request_response::{self, OutboundRequestId, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Call,
    dial::{HEAD_START, Race},
};
use crate::{
    client::TransportError,
    net::{
        self, RPC_STREAMS,
        budget::Budget,
        codec::{Codec, Request},
        dial::reason,
        streams::{self, Opening},
        transport::{is_quic, transport},
    },
    runtime::{Runtime, Task},
};

/// How often the node is asked whether it is there, and how long it may take to say so: a long poll waits for minutes
/// without a word, and a node that stopped must be noticed before somebody else misses the work.
const PING: Duration = Duration::from_secs(2);
/// Orders that wait for the swarm's task; the connector waits while it is full.
const ORDERS: usize = 64;
/// How long a connection without streams is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// Memory for outcomes that arrive: several of the largest.
const OUTCOMES: usize = 4 * OUTCOME_MAX;

/// What the connector asks of the swarm.
pub(super) enum Order {
    /// Be connected, and say to whom.
    Connect(oneshot::Sender<Result<PeerId, String>>),
    /// Open a stream to a connected peer.
    Open(PeerId, oneshot::Sender<Opening>),
    /// Send a request on a substream of its own.
    Request(PeerId, Call),
}

/// Everything a client's swarm does.
#[derive(NetworkBehaviour)]
struct Behaviour {
    /// One connection only: streams are opened on any there is, and those that lost the race are about to close.
    limits: connection_limits::Behaviour,
    rpc: request_response::Behaviour<Codec>,
    streams: streams::Behaviour,
    ping: ping::Behaviour,
}

/// What the connector holds of the swarm.
pub(super) struct Handle {
    pub(super) orders: mpsc::Sender<Order>,
    /// Memory for outcomes that arrive.
    pub(super) budget: Arc<Budget>,
}

/// Owns the swarm. Ends when the handle is dropped.
struct Driver {
    swarm: Swarm<Behaviour>,
    addresses: Vec<Multiaddr>,
    codec: Codec,
    runtime: Runtime,
    orders: mpsc::Receiver<Order>,
    /// Who we are connected to.
    peer: Option<PeerId>,
    /// The race for a connection, and who waits for it.
    race: Option<Race>,
    waiting: Vec<oneshot::Sender<Result<PeerId, String>>>,
    /// When the next address of the race starts.
    head_start: Task,
    /// Requests on substreams of their own.
    requests: BTreeMap<OutboundRequestId, Call>,
}

/// Starts a swarm with a key of its own.
pub(super) fn start(addresses: Vec<Multiaddr>, runtime: &Runtime) -> Result<Handle, TransportError> {
    let failed = |why: String| TransportError::Unreachable(format!("cannot set up the transport: {why}"));
    let key = net::keypair(&SecretKey::derive(&runtime.random::<32>()));
    let key = key.ok_or_else(|| failed("the key is not usable".to_owned()))?;
    let budget = Budget::new(OUTCOMES);
    let codec = Codec::new(Arc::clone(&budget), runtime.clone());
    let swarm = swarm(&key, &addresses, codec.clone(), runtime).map_err(|error| failed(error.to_string()))?;
    let (orders, waiting) = mpsc::channel(ORDERS);
    let driver = Driver {
        swarm,
        addresses,
        codec,
        runtime: runtime.clone(),
        orders: waiting,
        peer: None,
        race: None,
        waiting: Vec::new(),
        head_start: runtime.timer(HEAD_START),
        requests: BTreeMap::new(),
    };
    runtime.spawn("client swarm", driver.run());
    Ok(Handle { orders, budget })
}

fn swarm(
    key: &Keypair,
    addresses: &[Multiaddr],
    codec: Codec,
    runtime: &Runtime,
) -> Result<Swarm<Behaviour>, noise::Error> {
    let transport = transport(key, addresses.iter().any(is_quic))?;
    let limits = ConnectionLimits::default().with_max_established(Some(1));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        rpc: net::rpc(codec, ProtocolSupport::Outbound),
        streams: streams::Behaviour::new(&[]),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING)),
    };
    let config = net::swarm_config(runtime)
        .with_idle_connection_timeout(IDLE_CONNECTION)
        // Saves the round trip of agreeing on a protocol that every node has.
        .with_substream_upgrade_protocol_override(Version::V1Lazy);
    Ok(Swarm::new(transport, behaviour, key.public().to_peer_id(), config))
}

impl Driver {
    async fn run(mut self) {
        loop {
            let racing = self.race.as_ref().is_some_and(Race::has_next);
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                event = self.swarm.select_next_some() => self.event(event),
                () = &mut self.head_start, if racing => self.next_dial(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Connect(answer) => {
                if let Some(peer) = self.peer {
                    answer.send(Ok(peer)).ok();
                    return;
                }
                self.waiting.push(answer);
                if self.race.is_none() {
                    self.race = Some(Race::new(&self.addresses));
                    self.next_dial();
                }
            }
            Order::Open(peer, answer) => {
                answer.send(self.swarm.behaviour_mut().streams.open(peer, STREAM_PROTOCOL)).ok();
            }
            Order::Request(peer, call) => self.request(peer, call),
        }
    }

    fn request(&mut self, peer: PeerId, call: Call) {
        if self.requests.len() >= RPC_STREAMS {
            if self.requests.values().any(Call::is_abandoned) {
                // A substream cannot be taken back; closing the connection frees those that were given up.
                self.swarm.disconnect_peer_id(peer).ok();
            }
            let why = format!("{RPC_STREAMS} requests are under way already");
            call.end(Err(TransportError::Broken(why)));
            return;
        }
        let Call { request, answer } = call;
        let request = self.codec.request(request);
        let id = self.swarm.behaviour_mut().rpc.send_request(&peer, request);
        self.requests.insert(id, Call { request: Vec::new(), answer });
    }

    /// Starts the next address of the race that can be dialled; ends the race if there is none and nobody runs.
    fn next_dial(&mut self) {
        let Some(race) = &mut self.race else { return };
        while let Some(address) = race.next() {
            // By address only: the key is learned from the handshake, or checked if the address names it.
            let options = DialOpts::unknown_peer_id().address(address.clone()).build();
            let id = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => {
                    race.started(id, address);
                    self.head_start = self.runtime.timer(HEAD_START);
                    return;
                }
                Err(error) => race.refused(&address, &reason(&error)),
            }
        }
        if race.is_idle() {
            let failures = race.failures();
            self.race = None;
            self.tell(&Err(failures));
        }
    }

    fn tell(&mut self, outcome: &Result<PeerId, String>) {
        for waiting in self.waiting.drain(..) {
            waiting.send(outcome.clone()).ok();
        }
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                self.peer = Some(peer_id);
                self.race = None;
                self.tell(&Ok(peer_id));
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(race) = &mut self.race {
                    race.failed(connection_id, &reason(&error));
                    self.next_dial();
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. }
                if self.peer == Some(peer_id) =>
            {
                self.peer = None;
            }
            SwarmEvent::Behaviour(BehaviourEvent::Rpc(event)) => self.rpc(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) if net::is_silent(&event) => {
                self.swarm.close_connection(event.connection);
            }
            _ => {}
        }
    }

    fn rpc(&mut self, event: request_response::Event<Request, Vec<u8>>) {
        use request_response::{Event, Message};
        let (id, outcome) = match event {
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                (request_id, Ok(response))
            }
            Event::OutboundFailure { request_id, error, .. } => {
                (request_id, Err(TransportError::Broken(error.to_string())))
            }
            _ => return,
        };
        if let Some(call) = self.requests.remove(&id) {
            call.end(outcome);
        }
    }
}
