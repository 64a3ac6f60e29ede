//! What an address is worth to others, decided without a network.
//!
//! A node hands the addresses in its table on to everybody who asks. One of a home network, or of the machine itself,
//! would send strangers to whatever listens there in *their* network. So only global addresses enter, with two
//! exceptions: in a lab everything is near, and a peer met inside our own network is near too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// From where an address can be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From nowhere: unspecified, multicast, or of no transport of ours.
    Nowhere,
    /// From the same machine.
    Machine,
    /// From the same network.
    Site,
    /// From everywhere.
    World,
}

/// Peers of one owner tend to share it: the first 24 bits of an IPv4 address, 48 of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet([u8; 7]);

/// The scope of an address. A circuit through a relay has that of the relay; a name that DNS resolves is for the world.
#[must_use]
pub fn scope(address: &Multiaddr) -> Scope {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => scope_v4(ip),
        Some(Protocol::Ip6(ip)) => ip.to_ipv4_mapped().map_or_else(|| scope_v6(ip), scope_v4),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => Scope::World,
        // Emulated networks.
        Some(Protocol::Memory(_)) => Scope::Machine,
        _ => Scope::Nowhere,
    }
}

/// The ranges kept for documentation count as global: nobody is reached by them, except in networks that are built to be
/// looked at.
fn scope_v4(ip: Ipv4Addr) -> Scope {
    let [a, b, ..] = ip.octets();
    if ip.is_loopback() {
        Scope::Machine
    } else if ip.is_private() || ip.is_link_local() || (a == 100 && b & 0xc0 == 64) {
        Scope::Site
    } else if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || a == 0 || a >= 240 {
        Scope::Nowhere
    } else {
        Scope::World
    }
}

fn scope_v6(ip: Ipv6Addr) -> Scope {
    if ip.is_loopback() {
        Scope::Machine
    } else if ip.is_unique_local() || ip.is_unicast_link_local() {
        Scope::Site
    } else if ip.is_unspecified() || ip.is_multicast() {
        Scope::Nowhere
    } else {
        Scope::World
    }
}

/// The subnet of an address for the world; `None` for the others, which no stranger can have many of.
#[must_use]
pub fn subnet(address: &Multiaddr) -> Option<Subnet> {
    if scope(address) != Scope::World {
        return None;
    }
    let ip: IpAddr = match address.iter().next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.to_ipv4_mapped().map_or_else(|| ip.into(), IpAddr::from),
        _ => return None,
    };
    let mut bytes = [0; 7];
    match ip {
        IpAddr::V4(ip) => {
            bytes[0] = 4;
            bytes[1..4].copy_from_slice(&ip.octets()[..3]);
        }
        IpAddr::V6(ip) => {
            bytes[0] = 6;
            bytes[1..].copy_from_slice(&ip.octets()[..6]);
        }
    }
    Some(Subnet(bytes))
}

/// Whether an address that a peer says it has may enter the table.
///
/// `met` is where the connection with it leads: an address that is nearer than the world counts if the peer was met as
/// near as that. Circuits do not count: a peer behind a relay serves nobody.
#[must_use]
pub fn admits(address: &Multiaddr, met: Scope, lab: bool) -> bool {
    if is_circuit(address) {
        return false;
    }
    match scope(address) {
        Scope::Nowhere => false,
        Scope::World => true,
        _ if lab => true,
        near => met != Scope::Nowhere && met <= near,
    }
}

/// Whether an address leads through a relay.
#[must_use]
pub fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The peer at an address' end, if it names one.
#[must_use]
pub fn peer_at(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_worth_what_can_reach_it() {
        for (text, expected) in [
            ("/ip4/127.0.0.1/tcp/1", Scope::Machine),
            ("/ip6/::1/tcp/1", Scope::Machine),
            ("/ip4/10.1.0.2/udp/1/quic-v1", Scope::Site),
            ("/ip4/172.31.0.1/tcp/1", Scope::Site),
            ("/ip4/192.168.1.1/tcp/1", Scope::Site),
            ("/ip4/169.254.1.1/tcp/1", Scope::Site),
            ("/ip4/100.64.0.1/tcp/1", Scope::Site),
            ("/ip6/fd00::1/tcp/1", Scope::Site),
            ("/ip6/fe80::1/tcp/1", Scope::Site),
            ("/ip6/::ffff:10.0.0.1/tcp/1", Scope::Site),
            ("/ip4/0.0.0.0/tcp/1", Scope::Nowhere),
            ("/ip4/224.0.0.1/tcp/1", Scope::Nowhere),
            ("/ip4/255.255.255.255/tcp/1", Scope::Nowhere),
            ("/ip6/ff02::1/tcp/1", Scope::Nowhere),
            ("/unix/tmp", Scope::Nowhere),
            ("/ip4/8.8.8.8/tcp/1", Scope::World),
            ("/ip4/100.128.0.1/tcp/1", Scope::World),
            ("/ip6/2606:4700::1/udp/1/quic-v1", Scope::World),
            ("/dns/example.org/tcp/443/wss", Scope::World),
        ] {
            assert_eq!(scope(&address(text)), expected, "{text}");
        }
    }

    #[test]
    fn near_addresses_enter_only_in_a_lab_or_from_as_near() {
        let (machine, site, world) = (
            address("/ip4/127.0.0.1/tcp/1"),
            address("/ip4/192.168.0.7/tcp/1"),
            address("/ip4/8.8.8.8/tcp/1"),
        );
        for met in [Scope::World, Scope::Nowhere] {
            assert!(
                admits(&world, met, false) && !admits(&site, met, false) && !admits(&machine, met, false)
            );
        }
        assert!(admits(&site, Scope::Site, false) && !admits(&machine, Scope::Site, false));
        assert!(admits(&site, Scope::Machine, false) && admits(&machine, Scope::Machine, false));
        assert!(admits(&machine, Scope::World, true) && admits(&site, Scope::World, true));
        assert!(!admits(&address("/ip4/0.0.0.0/tcp/1"), Scope::Machine, true));
        let relay = PeerId::random();
        let circuit = address(&format!("/ip4/8.8.8.8/tcp/1/p2p/{relay}/p2p-circuit"));
        assert!(!admits(&circuit, Scope::World, true));
    }

    #[test]
    fn neighbours_share_a_subnet() {
        let same = |one: &str, other: &str| subnet(&address(one)) == subnet(&address(other));
        assert!(same("/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.200/udp/9/quic-v1"));
        assert!(!same("/ip4/8.8.8.8/tcp/1", "/ip4/8.8.9.8/tcp/1"));
        assert!(same("/ip6/2606:4700:1:2::1/tcp/1", "/ip6/2606:4700:1:ffff::9/tcp/1"));
        assert!(!same("/ip6/2606:4700:1::1/tcp/1", "/ip6/2606:4700:2::1/tcp/1"));
        assert!(same("/ip6/::ffff:8.8.8.8/tcp/1", "/ip4/8.8.8.9/tcp/1"));
        for none in ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/dns/example.org/tcp/1"] {
            assert_eq!(subnet(&address(none)), None);
        }
    }
}
