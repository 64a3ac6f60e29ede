//! Listening, with the errors a person needs.

use std::{
    collections::BTreeSet,
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

use super::NetError;

/// How bytes travel from and to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Tcp,
    WebSocket,
    /// WebSocket within TLS.
    Secure,
    Quic,
}

/// Checks addresses to listen at: that they are of a form there is, have what they need, and that nobody listens there, this
/// node included.
///
/// libp2p listens with `SO_REUSEPORT`, so two nodes of one user would share a TCP port and steal each other's
/// connections without a word. This asks the kernel without that option first.
pub(super) fn check(addresses: &[Multiaddr], has_certificate: bool) -> Result<(), NetError> {
    let mut taken = BTreeSet::new();
    for address in addresses {
        let (socket, form) =
            parse(address).ok_or_else(|| NetError::NotAnAddress { address: address.clone() })?;
        if form == Form::Secure && !has_certificate {
            return Err(NetError::NoCertificate { address: address.clone() });
        }
        let is_udp = form == Form::Quic;
        if socket.port() != 0 && !taken.insert((socket, is_udp)) {
            return Err(NetError::Twice { address: address.clone() });
        }
        let bound =
            if is_udp { UdpSocket::bind(socket).map(drop) } else { TcpListener::bind(socket).map(drop) };
        bound.map_err(|source| failure(address, source))?;
    }
    Ok(())
}

/// Whether an address means all of this machine.
pub(super) fn is_everywhere(address: &Multiaddr) -> bool {
    parse(address).is_some_and(|(socket, _)| socket.ip().is_unspecified())
}

/// Why listening at an address failed.
pub(super) fn failure(address: &Multiaddr, source: io::Error) -> NetError {
    let address = address.clone();
    if source.kind() == io::ErrorKind::AddrInUse {
        return NetError::InUse { address };
    }
    NetError::Listen { address, source }
}

/// The socket address and form of a multiaddress that can be listened at.
fn parse(address: &Multiaddr) -> Option<(SocketAddr, Form)> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    let (port, form) = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        (Protocol::Tcp(port), None, None, None) => (port, Form::Tcp),
        (Protocol::Tcp(port), Some(Protocol::Ws(_)), None, None) => (port, Form::WebSocket),
        (Protocol::Tcp(port), Some(Protocol::Wss(_)), None, None)
        | (Protocol::Tcp(port), Some(Protocol::Tls), Some(Protocol::Ws(_)), None) => (port, Form::Secure),
        (Protocol::Udp(port), Some(Protocol::QuicV1), None, None) => (port, Form::Quic),
        _ => return None,
    };
    Some((SocketAddr::new(ip, port), form))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(addresses: &[&str], has_certificate: bool) -> Result<(), NetError> {
        let addresses: Vec<Multiaddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        check(&addresses, has_certificate)
    }

    #[test]
    fn every_form_is_known_and_no_other() {
        let forms = [
            "/ip4/127.0.0.1/tcp/0",
            "/ip4/127.0.0.1/tcp/0/ws",
            "/ip4/127.0.0.1/tcp/0/tls/ws",
            "/ip4/127.0.0.1/tcp/0/wss",
            "/ip4/127.0.0.1/udp/0/quic-v1",
            "/ip6/::1/tcp/0",
            "/ip6/::1/udp/0/quic-v1",
        ];
        checked(&forms, true).unwrap();
        for other in
            ["/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1", "/dns4/localhost/tcp/1", "/ip4/127.0.0.1/tcp/1/tls"]
        {
            assert!(matches!(checked(&[other], true), Err(NetError::NotAnAddress { .. })), "{other}");
        }
    }

    #[test]
    fn what_is_missing_or_taken_is_named() {
        assert!(matches!(
            checked(&["/ip4/127.0.0.1/tcp/0/tls/ws"], false),
            Err(NetError::NoCertificate { .. })
        ));
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        for form in ["", "/ws", "/tls/ws"] {
            let address = format!("/ip4/127.0.0.1/tcp/{port}{form}");
            assert!(matches!(checked(&[&address], true), Err(NetError::InUse { .. })), "{address}");
        }
        drop(holder);
        let (tcp, ws) = (format!("/ip4/127.0.0.1/tcp/{port}"), format!("/ip4/127.0.0.1/tcp/{port}/ws"));
        assert!(matches!(checked(&[&tcp, &ws], true), Err(NetError::Twice { .. })));
        let quic = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
        checked(&[&tcp, &quic], true).unwrap();
    }
}
