//! Connections: TCP with noise and yamux, QUIC, and circuits through relays, all authenticated by the colony key.

use std::time::Duration;

use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    multiaddr::Protocol,
    noise, quic, relay, tcp, yamux,
};

/// Time for a connection with its handshakes: several round trips around the world, or through a relay.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Streams of one connection at once. Each may hold a window of 256 KiB that we have not read.
const STREAMS: usize = 128;
/// Unread bytes of one QUIC connection, and of one stream in it.
const QUIC_WINDOW: u32 = 8 * 1024 * 1024;
/// See [`QUIC_WINDOW`]; a stream may not take the whole connection.
const QUIC_STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// What a swarm runs on.
pub(crate) type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// The transport of a node, and the behaviour that belongs to its circuits.
///
/// # Errors
/// If the key cannot sign the handshake's static key.
pub(crate) fn with_circuits(key: &Keypair) -> Result<(Transport, relay::client::Behaviour), noise::Error> {
    let (circuits, behaviour) = relay::client::new(key.public().to_peer_id());
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(mux())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    // Circuits first: the other transports take an address of theirs that goes on as one for their own.
    let all = circuits.or_transport(transport(key, true)?).map(|either, _| either.into_inner()).boxed();
    Ok((all, behaviour))
}

/// The transport of a client. One that dials no QUIC address saves making its certificate.
///
/// # Errors
/// If the key cannot sign the handshake's static key.
pub(crate) fn transport(key: &Keypair, with_quic: bool) -> Result<Transport, noise::Error> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(mux())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    if !with_quic {
        return Ok(tcp.boxed());
    }
    let mut config = quic::Config::new(key);
    config.handshake_timeout = HANDSHAKE;
    config.max_concurrent_stream_limit = u32::try_from(STREAMS).unwrap_or(u32::MAX);
    config.max_connection_data = QUIC_WINDOW;
    config.max_stream_data = QUIC_STREAM_WINDOW;
    let quic = quic::tokio::Transport::new(config).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(quic.or_transport(tcp).map(|either, _| either.into_inner()).boxed())
}

fn mux() -> yamux::Config {
    let mut mux = yamux::Config::default();
    mux.set_max_num_streams(STREAMS);
    mux
}

/// Whether an address is one of QUIC.
pub(crate) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}
