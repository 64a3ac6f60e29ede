//! Where a node listens, and which addresses it tells others.
//!
//! A node must be found again after a restart, so its ports stay the same: they are chosen once and remembered. What a
//! person asks for (`0.0.0.0`, all addresses) is no address anybody could dial, so a node listens at those that its
//! machine has when it starts, and tells others these.

mod interfaces;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    str::FromStr,
};

use colony_node::{net::Multiaddr, runtime::Runtime};

pub(crate) use self::interfaces::of_this_machine;
use crate::{error::Failure, hint::Hint};

/// The port a node takes if it is free: after ColonyOS's 50080 and the development colony's.
const PORT: u16 = 50082;
/// Where other ports are looked for: below those that systems give to outgoing connections, which could be in the way of
/// the next start.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports that are tried; on a machine where so many are taken something else is wrong.
const TRIES: usize = 64;
/// Most addresses of a member that others are told.
const ADDRESSES_MAX: usize = 16;

/// A place to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    ip: IpAddr,
    port: u16,
    kind: Kind,
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Quic,
    /// WebSocket.
    Web,
    /// WebSocket within TLS: it needs a certificate.
    Secure,
}

impl Kind {
    /// The same port cannot be listened at by TCP and by WebSocket: where a free one is chosen for all, these take the next.
    const fn offset(self) -> u16 {
        match self {
            Self::Tcp | Self::Quic => 0,
            Self::Web => 1,
            Self::Secure => 2,
        }
    }
}

/// Not of the forms a node can listen at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not of the form /ip4/0.0.0.0/tcp/50082, /ip4/0.0.0.0/udp/50082/quic-v1, /ip4/0.0.0.0/tcp/50083/ws or \
     /ip4/0.0.0.0/tcp/50084/tls/ws (or the same with /ip6/::)"
)]
pub(crate) struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let parts: Vec<&str> = text.split('/').collect();
        let (family, ip, port, kind) = match parts.as_slice() {
            ["", family, ip, "tcp", port] => (*family, *ip, *port, Kind::Tcp),
            ["", family, ip, "udp", port, "quic-v1"] => (*family, *ip, *port, Kind::Quic),
            ["", family, ip, "tcp", port, "ws"] => (*family, *ip, *port, Kind::Web),
            ["", family, ip, "tcp", port, "tls", "ws"] | ["", family, ip, "tcp", port, "wss"] => {
                (*family, *ip, *port, Kind::Secure)
            }
            _ => return Err(NotAPlace),
        };
        let ip: IpAddr = ip.parse().map_err(|_| NotAPlace)?;
        let fits = matches!((family, ip), ("ip4", IpAddr::V4(_)) | ("ip6", IpAddr::V6(_)));
        if !fits {
            return Err(NotAPlace);
        }
        Ok(Self { ip, port: port.parse().map_err(|_| NotAPlace)?, kind })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.ip.is_ipv4() { "ip4" } else { "ip6" };
        match self.kind {
            Kind::Tcp => write!(f, "/{family}/{}/tcp/{}", self.ip, self.port),
            Kind::Quic => write!(f, "/{family}/{}/udp/{}/quic-v1", self.ip, self.port),
            Kind::Web => write!(f, "/{family}/{}/tcp/{}/ws", self.ip, self.port),
            Kind::Secure => write!(f, "/{family}/{}/tcp/{}/tls/ws", self.ip, self.port),
        }
    }
}

impl Place {
    /// The same as the network knows it.
    pub(crate) fn address(&self) -> Result<Multiaddr, Failure> {
        self.to_string().parse().map_err(|error| Failure::usage(format!("{self}: {error}")))
    }

    /// Whether it needs a certificate.
    pub(crate) fn is_secure(&self) -> bool {
        self.kind == Kind::Secure
    }

    /// Whether this machine speaks the place's family of addresses at all: not all have IPv6.
    fn is_here(&self) -> bool {
        TcpListener::bind(SocketAddr::new(self.ip, 0)).is_ok()
    }

    /// Whether nobody listens there now.
    fn is_free(&self) -> bool {
        let socket = SocketAddr::new(self.ip, self.port);
        match self.kind {
            Kind::Tcp | Kind::Web | Kind::Secure => TcpListener::bind(socket).is_ok(),
            Kind::Quic => UdpSocket::bind(socket).is_ok(),
        }
    }
}

/// Where to listen: at what was asked for, else where it was last time, else at all addresses of this machine.
pub(crate) fn settle(
    asked: &[String],
    remembered: &[String],
    runtime: &Runtime,
) -> Result<Vec<Place>, Failure> {
    let words = if asked.is_empty() { remembered } else { asked };
    let places = words.iter().map(|text| place(text)).collect::<Result<Vec<_>, _>>()?;
    if places.is_empty() {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let everywhere =
            any.into_iter().flat_map(|ip| [Kind::Tcp, Kind::Quic].map(|kind| Place { ip, port: 0, kind }));
        return ported(everywhere.collect(), Some(PORT), runtime);
    }
    ported(places, None, runtime)
}

fn place(text: &str) -> Result<Place, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--listen {text}: {error}")).hint(Hint::UpOnAnyPort))
}

/// The places with a port that is free for all that named none: one number is easier to let through a firewall.
fn ported(places: Vec<Place>, first: Option<u16>, runtime: &Runtime) -> Result<Vec<Place>, Failure> {
    if places.iter().all(|place| place.port != 0) {
        return Ok(places);
    }
    let with = |port: u16| {
        let named = |place: &Place| match place.port {
            0 => Place { port: port.saturating_add(place.kind.offset()), ..*place },
            _ => *place,
        };
        places.iter().map(named).collect::<Vec<_>>()
    };
    let are_free = |chosen: &[Place]| {
        let new = places.iter().zip(chosen).filter(|(asked, _)| asked.port == 0);
        new.map(|(_, chosen)| chosen).filter(|place| place.is_here()).all(Place::is_free)
    };
    let random = std::iter::repeat_with(|| any_port(u16::from_be_bytes(runtime.random())));
    first
        .into_iter()
        .chain(random.take(TRIES))
        .map(with)
        .find(|chosen| are_free(chosen))
        .ok_or_else(|| Failure::new(format!("none of {TRIES} ports tried is free to listen at")))
}

/// A port of the range, from any number.
fn any_port(random: u16) -> u16 {
    let span = PORTS.end.saturating_sub(PORTS.start);
    PORTS.start.saturating_add(random % span)
}

/// The places with the addresses of the machine instead of "all of them", which nobody could dial.
pub(crate) fn at_interfaces(places: &[Place], interfaces: &[IpAddr]) -> Vec<Place> {
    let (near, far): (Vec<IpAddr>, Vec<IpAddr>) = interfaces.iter().partition(|ip| ip.is_loopback());
    // A machine without a network still has a colony of its own.
    let reachable = if far.is_empty() { &near } else { &far };
    let mut found = Vec::new();
    for place in places {
        let same_family = reachable.iter().filter(|ip| ip.is_ipv4() == place.ip.is_ipv4());
        let ips = if place.ip.is_unspecified() { same_family.copied().collect() } else { vec![place.ip] };
        found.extend(ips.into_iter().map(|ip| Place { ip, ..*place }));
    }
    found.truncate(ADDRESSES_MAX);
    found
}

#[cfg(test)]
mod tests {
    use colony_node::runtime::Tokio;

    use super::*;

    #[test]
    fn places_are_read_and_written() {
        for text in [
            "/ip4/0.0.0.0/tcp/50082",
            "/ip4/10.0.0.1/udp/1/quic-v1",
            "/ip6/::1/tcp/0",
            "/ip4/0.0.0.0/tcp/80/ws",
            "/ip6/::/tcp/443/tls/ws",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert_eq!("/ip6/::/tcp/443/wss".parse::<Place>().unwrap().to_string(), "/ip6/::/tcp/443/tls/ws");
        for text in ["", "/ip4/::1/tcp/1", "/dns4/x/tcp/1", "/ip4/1.2.3.4/udp/1", "/ip4/1.2.3.4/tcp/99999"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }

    #[tokio::test]
    async fn a_port_is_chosen_once_and_then_stays() {
        let runtime = Runtime::new(Tokio::new());
        let asked = ["/ip4/127.0.0.1/tcp/0".to_owned(), "/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let chosen = settle(&asked, &[], &runtime).unwrap();
        assert!(PORTS.contains(&chosen[0].port) && chosen[0].port == chosen[1].port, "{chosen:?}");
        let remembered: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        assert_eq!(settle(&[], &remembered, &runtime).unwrap(), chosen);
        // TCP and QUIC, of IPv4 and IPv6.
        assert_eq!(settle(&[], &[], &runtime).unwrap().len(), 4);
        let web = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0/tls/ws"];
        let chosen = settle(&web.map(ToOwned::to_owned), &[], &runtime).unwrap();
        let ports: Vec<u16> = chosen.iter().map(|place| place.port - chosen[0].port).collect();
        assert_eq!(ports, [0, 1, 2], "what listens by TCP shares no port");
        assert!(settle(&["bogus".to_owned()], &[], &runtime).unwrap_err().what.contains("--listen bogus"));
    }

    #[test]
    fn others_are_told_addresses_they_can_dial() {
        let everywhere: Place = "/ip4/0.0.0.0/tcp/7".parse().unwrap();
        let ips: Vec<IpAddr> = ["127.0.0.1", "192.0.2.2", "fd00::2"].map(|ip| ip.parse().unwrap()).into();
        let shown = |places: Vec<Place>| places.iter().map(Place::to_string).collect::<Vec<_>>();
        assert_eq!(shown(at_interfaces(&[everywhere], &ips)), ["/ip4/192.0.2.2/tcp/7"]);
        // A machine without a network still has a colony of its own.
        assert_eq!(shown(at_interfaces(&[everywhere], &ips[..1])), ["/ip4/127.0.0.1/tcp/7"]);
        // All addresses of both families are told where there are both.
        let both: Place = "/ip6/::/udp/7/quic-v1".parse().unwrap();
        assert_eq!(
            shown(at_interfaces(&[everywhere, both], &ips)),
            ["/ip4/192.0.2.2/tcp/7", "/ip6/fd00::2/udp/7/quic-v1"]
        );
        assert_eq!(at_interfaces(&[both], &ips[..2]), []);
        let here: Place = "/ip4/127.0.0.1/tcp/7".parse().unwrap();
        assert_eq!(at_interfaces(&[here], &ips), [here]);
    }
}
