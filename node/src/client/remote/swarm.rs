//! A swarm for one node, with a key made up for it: what a command uses that asks something and ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colony_protocol::{identity::SecretKey, rpc::OUTCOME_MAX};
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::upgrade::Version,
    identity::Keypair,
    ping, relay,
    request_response::{self, OutboundRequestId, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
};
use tokio::sync::mpsc;

use super::Call;
use crate::{
    client::TransportError,
    net::{
        self, RPC_STREAMS,
        budget::Budget,
        calls::{self, OpensStreams, is_relayed},
        codec::{Codec, Request},
        streams,
        transport::{Kinds, TransportError as NoTransport, transport, with_circuits},
    },
    runtime::Runtime,
};

/// How often the node is asked whether it is there, and how long it may take to say so: a long poll waits for minutes
/// without a word, and a node that stopped must be noticed before somebody else misses the work.
const PING: Duration = Duration::from_secs(2);
/// Requests on substreams of their own that wait for the swarm's task; the connector waits while it is full.
const REQUESTS: usize = 64;
/// How long a connection without streams is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// Memory for outcomes that arrive: several of the largest.
pub(super) const OUTCOMES: usize = 4 * OUTCOME_MAX;

/// Everything a client's swarm does.
#[derive(NetworkBehaviour)]
struct Behaviour {
    rpc: request_response::Behaviour<Codec>,
    streams: streams::Behaviour,
    ping: ping::Behaviour,
    /// Where an address leads through a relay.
    circuits: Toggle<relay::client::Behaviour>,
}

impl OpensStreams for Behaviour {
    fn streams(&mut self) -> &mut streams::Behaviour {
        &mut self.streams
    }
}

/// What the connector holds of the swarm.
#[derive(Debug)]
pub(super) struct Handle {
    /// Opens streams. The swarm ends when this is dropped.
    pub(super) calls: calls::Handle,
    /// Sends requests on substreams of their own.
    pub(super) requests: mpsc::Sender<(PeerId, Call)>,
    /// Memory for outcomes that arrive.
    pub(super) budget: Arc<Budget>,
}

/// Owns the swarm. Ends when the handle is dropped.
struct Driver {
    swarm: Swarm<Behaviour>,
    codec: Codec,
    room: calls::Room,
    orders: mpsc::Receiver<(PeerId, Call)>,
    /// Requests under way on substreams of their own.
    requests: BTreeMap<OutboundRequestId, Call>,
}

/// Starts a swarm that can dial these addresses.
pub(super) fn start(addresses: &[Multiaddr], runtime: &Runtime) -> Result<Handle, TransportError> {
    let failed = |why: String| TransportError::Unreachable(format!("cannot set up the transport: {why}"));
    let key = net::keypair(&SecretKey::derive(&runtime.random::<32>()));
    let key = key.ok_or_else(|| failed("the key is not usable".to_owned()))?;
    let budget = Budget::new(OUTCOMES);
    let codec = Codec::new(Arc::clone(&budget), runtime.clone());
    let swarm = swarm(&key, addresses, codec.clone(), runtime).map_err(|error| failed(error.to_string()))?;
    let (room, calls) = calls::Room::new(runtime);
    let (requests, orders) = mpsc::channel(REQUESTS);
    let driver = Driver { swarm, codec, room, orders, requests: BTreeMap::new() };
    runtime.spawn("client swarm", driver.run());
    Ok(Handle { calls, requests, budget })
}

fn swarm(
    key: &Keypair,
    addresses: &[Multiaddr],
    codec: Codec,
    runtime: &Runtime,
) -> Result<Swarm<Behaviour>, NoTransport> {
    let carrier = runtime.carrier();
    // What is seldom needed costs time to set up.
    let (transport, circuits) = if addresses.iter().any(is_relayed) {
        let (transport, circuits) = with_circuits(key, Kinds::of(addresses), None, carrier.as_ref())?;
        (transport, Some(circuits))
    } else {
        (transport(key, Kinds::of(addresses), carrier.as_ref())?, None)
    };
    let behaviour = Behaviour {
        rpc: net::rpc(codec, ProtocolSupport::Outbound),
        streams: streams::Behaviour::new(&[]),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING)),
        circuits: circuits.into(),
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
            tokio::select! {
                biased;
                order = self.room.next() => match order {
                    Some(order) => self.room.obey(order, &mut self.swarm),
                    None => return,
                },
                Some((peer, call)) = self.orders.recv() => self.request(peer, call),
                event = self.swarm.select_next_some() => self.event(event),
            }
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

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.room.notice(&event, &mut self.swarm);
        match event {
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
