//! Connections: TCP and WebSocket with noise and yamux, QUIC, and circuits through relays, by address or by name, all
//! authenticated by the colony key.
//!
//! A client pays only for what it dials: QUIC needs a certificate, names need a resolver, and WebSocket the authorities
//! that TLS believes.

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{self, muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    dns,
    identity::Keypair,
    multiaddr::Protocol,
    noise, quic, relay, tcp, websocket, yamux,
};

use super::{
    carrier::Carrier,
    tls::{self, Tls},
};

/// Time for a connection with its handshakes: several round trips around the world, or through a relay.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Streams of one connection at once. Each may hold a window of 256 KiB that we have not read.
const STREAMS: usize = 128;
/// Unread bytes of one QUIC connection, and of one stream in it.
const QUIC_WINDOW: u32 = 8 * 1024 * 1024;
/// See [`QUIC_WINDOW`]; a stream may not take the whole connection.
const QUIC_STREAM_WINDOW: u32 = 2 * 1024 * 1024;
/// Largest frame of WebSocket: it is held before anything is known of its sender. What noise sends at once fits.
const WEB_FRAME: usize = 1024 * 1024;

/// What a swarm runs on.
pub(crate) type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// Why there is no transport.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The key cannot sign the handshake's static key.
    #[error("the key cannot sign: {0}")]
    Key(#[from] noise::Error),
    /// The system's resolver is not configured.
    #[error("names cannot be looked up: {0}")]
    Names(io::Error),
}

/// What a swarm speaks beside TCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    quic: bool,
    web: bool,
    names: bool,
}

impl Kinds {
    /// Everything.
    pub(crate) const ALL: Self = Self { quic: true, web: true, names: true };

    /// What is needed to dial these addresses.
    pub(crate) fn of(addresses: &[Multiaddr]) -> Self {
        let any = |fits: fn(&Protocol<'_>) -> bool| {
            addresses.iter().any(|address| address.iter().any(|part| fits(&part)))
        };
        let names = any(|part| {
            matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_))
        });
        // What a `/dnsaddr` stands for is not known before it is looked up.
        let lists = any(|part| matches!(part, Protocol::Dnsaddr(_)));
        Self {
            quic: lists || any(|part| *part == Protocol::QuicV1),
            web: lists || any(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_))),
            names,
        }
    }
}

/// A transport with circuits, and the behaviour that belongs to them. `shown` is the node's certificate, if it has one;
/// `carrier` is what there is instead of sockets.
///
/// # Errors
/// [`TransportError`].
pub(crate) fn with_circuits(
    key: &Keypair,
    kinds: Kinds,
    shown: Option<&Tls>,
    carrier: Option<&Carrier>,
) -> Result<(Transport, relay::client::Behaviour), TransportError> {
    let (circuits, behaviour) = relay::client::new(key.public().to_peer_id());
    // Circuits first: the other transports take an address of theirs that goes on as one for their own.
    let all = either(secured(circuits, key)?, build(key, kinds, shown, carrier)?);
    Ok((all, behaviour))
}

/// The transport of a client that dials addresses of these kinds.
///
/// # Errors
/// [`TransportError`].
pub(crate) fn transport(
    key: &Keypair,
    kinds: Kinds,
    carrier: Option<&Carrier>,
) -> Result<Transport, TransportError> {
    build(key, kinds, None, carrier)
}

fn build(
    key: &Keypair,
    kinds: Kinds,
    shown: Option<&Tls>,
    carrier: Option<&Carrier>,
) -> Result<Transport, TransportError> {
    if let Some(carrier) = carrier {
        return Ok(secured(carrier.transport(), key)?);
    }
    let mut all = secured(tcp(), key)?;
    if kinds.quic {
        all = either(quic(key), all);
    }
    if kinds.names {
        all = named(all)?;
    }
    if kinds.web {
        // Looked up below it, because TLS holds the certificate against the name.
        let below = if kinds.names { named(tcp().boxed())? } else { tcp().boxed() };
        let mut web = websocket::Config::new(below);
        web.set_tls_config(tls::config(shown)).set_max_data_size(WEB_FRAME);
        all = either(secured(web, key)?, all);
    }
    Ok(all)
}

fn tcp() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
}

fn quic(key: &Keypair) -> Transport {
    let mut config = quic::Config::new(key);
    config.handshake_timeout = HANDSHAKE;
    config.max_concurrent_stream_limit = u32::try_from(STREAMS).unwrap_or(u32::MAX);
    config.max_connection_data = QUIC_WINDOW;
    config.max_stream_data = QUIC_STREAM_WINDOW;
    quic::tokio::Transport::new(config).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed()
}

/// Looks names up before it dials, with what the system is configured to ask.
fn named<T: Send + 'static>(inner: Boxed<T>) -> Result<Boxed<T>, TransportError> {
    Ok(dns::tokio::Transport::system(inner).map_err(TransportError::Names)?.boxed())
}

/// Authenticates, encrypts and multiplexes what a transport carries.
fn secured<T>(carrier: T, key: &Keypair) -> Result<Transport, noise::Error>
where
    T: core::Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::ListenerUpgrade: Send + 'static,
    T::Dial: Send + 'static,
{
    let mut mux = yamux::Config::default();
    mux.set_max_num_streams(STREAMS);
    let secured = carrier
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(mux)
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(secured.boxed())
}

fn either(first: Transport, second: Transport) -> Transport {
    first.or_transport(second).map(|either, _| either.into_inner()).boxed()
}

/// Whether an address is one of QUIC.
pub(crate) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_pays_only_for_what_it_dials() {
        let of = |address: &str| Kinds::of(&[address.parse().unwrap()]);
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), Kinds::default());
        assert_eq!(of("/ip6/::1/udp/1/quic-v1"), Kinds { quic: true, ..Kinds::default() });
        assert_eq!(of("/ip4/192.0.2.1/tcp/1/ws"), Kinds { web: true, ..Kinds::default() });
        assert_eq!(of("/dns4/example.org/tcp/1"), Kinds { names: true, ..Kinds::default() });
        assert_eq!(of("/dns6/example.org/tcp/1/tls/ws"), Kinds { names: true, web: true, quic: false });
        assert_eq!(of("/dnsaddr/example.org"), Kinds::ALL);
    }
}
