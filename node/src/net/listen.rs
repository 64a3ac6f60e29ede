//! Listening, with the errors a person needs.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

use super::NetError;

/// Fails if somebody else listens at the address.
///
/// libp2p listens with `SO_REUSEPORT`, so two nodes of one user would share a TCP port and steal each other's
/// connections without a word. This asks the kernel without that option first.
pub(super) fn check_free(address: &Multiaddr) -> Result<(), NetError> {
    let (socket, is_tcp) =
        socket(address).ok_or_else(|| NetError::NotAnAddress { address: address.clone() })?;
    let bound = if is_tcp { TcpListener::bind(socket).map(drop) } else { UdpSocket::bind(socket).map(drop) };
    bound.map_err(|source| failure(address, source))
}

/// Whether an address means all of this machine.
pub(super) fn is_everywhere(address: &Multiaddr) -> bool {
    socket(address).is_some_and(|(socket, _)| socket.ip().is_unspecified())
}

/// Why listening at an address failed.
pub(super) fn failure(address: &Multiaddr, source: io::Error) -> NetError {
    let address = address.clone();
    if source.kind() == io::ErrorKind::AddrInUse {
        return NetError::InUse { address };
    }
    NetError::Listen { address, source }
}

/// The socket address of `/ip4|ip6/../tcp/..` or `/ip4|ip6/../udp/../quic-v1`, and whether it is TCP.
fn socket(address: &Multiaddr) -> Option<(SocketAddr, bool)> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match (parts.next()?, parts.next(), parts.next()) {
        (Protocol::Tcp(port), None, None) => Some((SocketAddr::new(ip, port), true)),
        (Protocol::Udp(port), Some(Protocol::QuicV1), None) => Some((SocketAddr::new(ip, port), false)),
        _ => None,
    }
}
