//! The protocols a node speaks.

use std::{iter, time::Duration};

use colony_protocol::{
    envelope::LIFETIME_MAX,
    rpc::{RPC_PROTOCOL, STREAM_PROTOCOL},
};
use libp2p::{
    StreamProtocol,
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::PublicKey,
    memory_connection_limits, ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
};

use super::{codec::Codec, limits::NetLimits, streams};

/// What nodes of this kind call themselves to each other.
const IDENTIFY: &str = "/colony/1";
/// The stream between two nodes; see [`crate::peers`].
pub(crate) const PEER_PROTOCOL: &str = "/colony/peer/1";
/// Substreams for single requests on one connection. Who has more to say opens a stream.
pub(crate) const RPC_STREAMS: usize = 64;
/// Beyond the longest life of a request: time to send the outcome.
const RPC_MARGIN: Duration = Duration::from_secs(30);

/// Everything a node's swarm does. The limits come first: they may refuse a connection before others spend on it.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) rpc: request_response::Behaviour<Codec>,
    pub(super) streams: streams::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) identify: identify::Behaviour,
}

impl Behaviour {
    /// `with_peers` says whether other nodes may open streams.
    pub(super) fn new(key: PublicKey, codec: Codec, limits: &NetLimits, with_peers: bool) -> Self {
        let connections = ConnectionLimits::default()
            .with_max_pending_incoming(Some(limits.handshakes))
            .with_max_established_incoming(Some(limits.connections))
            .with_max_established_per_peer(Some(limits.connections_per_peer));
        let agent = concat!("colony/", env!("CARGO_PKG_VERSION")).to_owned();
        let accepted: &[_] = if with_peers { &[STREAM_PROTOCOL, PEER_PROTOCOL] } else { &[STREAM_PROTOCOL] };
        Self {
            limits: connection_limits::Behaviour::new(connections),
            memory: memory_connection_limits::Behaviour::with_max_percentage(limits.memory_share),
            rpc: rpc(codec, ProtocolSupport::Inbound),
            streams: streams::Behaviour::new(accepted),
            ping: ping::Behaviour::default(),
            identify: identify::Behaviour::new(
                identify::Config::new(IDENTIFY.to_owned(), key).with_agent_version(agent),
            ),
        }
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
