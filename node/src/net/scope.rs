//! From where an address can be dialled.
//!
//! An address that only this machine or this network can use is worth nothing to others, and dangerous in a table they
//! share: it leads them to a stranger of their own. Nothing here asks the system; it is all in the address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// From where an address can be dialled, from near to far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From this machine, or over one cable if one knows which.
    Machine,
    /// From the same network, or from behind the same provider's translator.
    Network,
    /// From everywhere, as far as the address says.
    World,
}

/// From where an address can be dialled. That of a way through a relay is the relay's.
#[must_use]
pub fn scope(address: &Multiaddr) -> Scope {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => scope_of(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => scope_of(IpAddr::V6(ip)),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => {
            let is_own = name == "localhost" || name.ends_with(".localhost");
            let is_near = name.ends_with(".local") || !name.contains('.');
            if is_own {
                Scope::Machine
            } else if is_near {
                Scope::Network
            } else {
                Scope::World
            }
        }
        Some(Protocol::Dnsaddr(_)) => Scope::World,
        _ => Scope::Machine,
    }
}

/// Whether an address leads through a relay.
#[must_use]
pub fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The relay an address leads through.
#[must_use]
pub fn relay_in(address: &Multiaddr) -> Option<PeerId> {
    let mut relay = None;
    for part in address {
        match part {
            Protocol::P2p(peer) => relay = Some(peer),
            Protocol::P2pCircuit => return relay,
            _ => {}
        }
    }
    None
}

fn scope_of(ip: IpAddr) -> Scope {
    match ip {
        IpAddr::V4(ip) => scope_of_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => scope_of_v4(ip),
            None => scope_of_v6(ip),
        },
    }
}

fn scope_of_v4(ip: Ipv4Addr) -> Scope {
    let [first, second, ..] = ip.octets();
    // Shared by the customers of one provider, behind its translator.
    let is_carrier = first == 100 && (64..128).contains(&second);
    if ip.is_loopback() || ip.is_unspecified() || ip.is_link_local() {
        Scope::Machine
    } else if ip.is_private() || ip.is_multicast() || ip.is_broadcast() || is_carrier {
        Scope::Network
    } else {
        Scope::World
    }
}

fn scope_of_v6(ip: Ipv6Addr) -> Scope {
    if ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local() {
        Scope::Machine
    } else if ip.is_unique_local() || ip.is_multicast() {
        Scope::Network
    } else {
        Scope::World
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Scope {
        scope(&address.parse().unwrap())
    }

    #[test]
    fn an_address_says_from_where_it_can_be_dialled() {
        for own in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip6/::1/udp/1/quic-v1",
            "/ip4/0.0.0.0/tcp/1",
            "/dns/localhost/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip4/169.254.1.1/tcp/1",
        ] {
            assert_eq!(of(own), Scope::Machine, "{own}");
        }
        for near in [
            "/ip4/10.1.2.3/tcp/1",
            "/ip4/192.168.1.1/tcp/1",
            "/ip4/172.31.0.1/tcp/1",
            "/ip4/100.64.0.1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/ip6/::ffff:10.0.0.1/tcp/1",
            "/dns4/printer.local/tcp/1",
        ] {
            assert_eq!(of(near), Scope::Network, "{near}");
        }
        for far in
            ["/ip4/8.8.8.8/tcp/1", "/ip4/100.128.0.1/tcp/1", "/ip6/2a00::1/tcp/1", "/dns/example.org/tcp/1"]
        {
            assert_eq!(of(far), Scope::World, "{far}");
        }
    }

    #[test]
    fn a_way_through_a_relay_names_the_relay() {
        let (relay, other) = (PeerId::random(), PeerId::random());
        let direct: Multiaddr = format!("/ip4/8.8.8.8/tcp/1/p2p/{relay}").parse().unwrap();
        assert!(!is_relayed(&direct) && relay_in(&direct).is_none());
        let through = direct.with(Protocol::P2pCircuit).with(Protocol::P2p(other));
        assert!(is_relayed(&through));
        assert_eq!(relay_in(&through), Some(relay));
        assert_eq!(scope(&through), Scope::World);
    }
}
