//! The protocols a node speaks.

use std::{iter, sync::Arc, time::Duration};

use colony_protocol::{
    envelope::LIFETIME_MAX,
    rpc::{RPC_PROTOCOL, STREAM_PROTOCOL},
};
use libp2p::{
    StreamProtocol,
    connection_limits::{self, ConnectionLimits},
    identity::Keypair,
    memory_connection_limits, ping, relay,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
};

use super::{
    bounds::{Gate, MembersOnly},
    calls::OpensStreams,
    census,
    codec::Codec,
    discovery, gossip, reach,
    service::Service,
    streams,
};

/// The stream between two nodes; see [`crate::peers`].
pub(crate) const PEER_PROTOCOL: &str = "/colony/peer/1";
/// Substreams for single requests on one connection. Who has more to say opens a stream.
pub(crate) const RPC_STREAMS: usize = 64;
/// How often a member without a replica asks whether a connection lives: it waits for work for hours without a word, and the
/// bytes of its asking are most of what an idle one sends. While it waits for an answer its link looks more closely, and
/// when its address changes all connections are tried.
const WATCH: Duration = Duration::from_secs(30);
/// How long the answer may take.
const WATCH_PATIENCE: Duration = Duration::from_secs(10);
/// Beyond the longest life of a request: time to send the outcome.
const RPC_MARGIN: Duration = Duration::from_secs(30);

/// Everything a node's swarm does. The limits come first: they may refuse a connection before others spend on it.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) gate: Gate,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) rpc: request_response::Behaviour<Codec>,
    pub(super) streams: streams::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) discovery: discovery::Behaviour,
    pub(super) gossip: MembersOnly<gossip::Behaviour>,
    pub(super) reach: reach::Behaviour,
}

/// What a node's swarm is to do beside answering requests.
#[derive(Clone)]
pub(super) struct Duties {
    /// Whether other nodes may open streams.
    pub(super) peers: bool,
    /// Whom it relays for, if it does.
    pub(super) relay: Option<reach::Knows>,
}

impl Behaviour {
    /// `through` is the relay client that belongs to the transport.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(super) fn new(
        key: &Keypair,
        gate: Gate,
        through: relay::client::Behaviour,
        service: &Service,
        duties: Duties,
        topics: &gossip::Topics,
    ) -> Result<Self, String> {
        let Service { limits, standings, runtime, .. } = service;
        let codec = Codec::new(Arc::clone(&service.single), runtime.clone());
        let connections = ConnectionLimits::default()
            .with_max_pending_incoming(Some(limits.handshakes))
            .with_max_established_incoming(Some(limits.connections))
            .with_max_established_per_peer(Some(limits.connections_per_peer));
        let me = key.public().to_peer_id();
        let accepted: &[_] =
            if duties.peers { &[STREAM_PROTOCOL, PEER_PROTOCOL] } else { &[STREAM_PROTOCOL] };
        Ok(Self {
            gate,
            limits: connection_limits::Behaviour::new(connections),
            memory: memory_connection_limits::Behaviour::with_max_percentage(limits.memory_share),
            rpc: rpc(codec, ProtocolSupport::Inbound),
            streams: streams::Behaviour::new(accepted),
            ping: ping::Behaviour::new(pings(&duties)),
            discovery: discovery::Behaviour::new(key.public(), census::agent(runtime.random()), runtime),
            gossip: MembersOnly::new(gossip::behaviour(key, topics)?, Arc::clone(standings)),
            reach: reach::Behaviour::new(me, through, duties.relay.as_ref(), standings, runtime),
        })
    }
}

/// Streams between nodes look after themselves. Who has none finds out by asking now and then that a connection is dead.
fn pings(duties: &Duties) -> ping::Config {
    let config = ping::Config::new();
    if duties.peers { config } else { config.with_interval(WATCH).with_timeout(WATCH_PATIENCE) }
}

impl OpensStreams for Behaviour {
    fn streams(&mut self) -> &mut streams::Behaviour {
        &mut self.streams
    }
}

/// The protocol of single requests, for a node or for a client.
pub(crate) fn rpc(codec: Codec, support: ProtocolSupport) -> request_response::Behaviour<Codec> {
    // Reading and writing have deadlines of their own, in the codec; this one bounds the long poll between them.
    let config = request_response::Config::default()
        .with_request_timeout(LIFETIME_MAX.to_std().saturating_add(RPC_MARGIN))
        .with_max_concurrent_streams(RPC_STREAMS);
    let protocol = StreamProtocol::new(RPC_PROTOCOL);
    request_response::Behaviour::with_codec(codec, iter::once((protocol, support)), config)
}

/// Whether a connection is dead. (A peer need not speak ping; one that does and does not answer is gone.)
pub(crate) fn is_silent(event: &ping::Event) -> bool {
    event.result.as_ref().is_err_and(|failure| !matches!(failure, ping::Failure::Unsupported))
}
