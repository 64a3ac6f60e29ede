//! Which neighbourhood an address belongs to: peer ids cost nothing, addresses do.
//!
//! A household, a rack or a rented attacker has a /24 of IPv4 or a /48 of IPv6; within it another address costs as little
//! as another key. Addresses that cannot come from the Internet are no neighbourhood: a laboratory, a container host or
//! a NAT of one's own puts any number of honest members behind one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, multiaddr::Protocol};

/// A neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subnet {
    /// The first 24 bits.
    V4([u8; 3]),
    /// The first 48 bits.
    V6([u8; 6]),
    /// Everybody who does not come from the Internet directly: this machine, private networks, relays.
    Near,
}

impl Subnet {
    /// The neighbourhood of a peer at this address.
    #[must_use]
    pub fn of(address: &Multiaddr) -> Self {
        ip_of(address).map_or(Self::Near, Self::of_ip)
    }

    /// The neighbourhood of a peer that came to `local` from `remote`. Whoever comes from the address it came to is on this
    /// machine: a person at the keyboard, or a script, that asks its own node.
    #[must_use]
    pub fn between(local: &Multiaddr, remote: &Multiaddr) -> Self {
        match (ip_of(local), ip_of(remote)) {
            (Some(local), Some(remote)) if local == remote => Self::Near,
            _ => Self::of(remote),
        }
    }

    /// The neighbourhood of an address.
    #[must_use]
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) if is_near_v4(ip) => Self::Near,
            IpAddr::V6(ip) if is_near_v6(ip) => Self::Near,
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// The IP address that bytes come from; none where that is a relay's, whose own bounds apply to whoever comes through it.
fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    let mut ip = None;
    for part in address {
        match part {
            Protocol::Ip4(found) => ip = ip.or(Some(IpAddr::V4(found))),
            Protocol::Ip6(found) => ip = ip.or(Some(IpAddr::V6(found))),
            Protocol::P2pCircuit => return None,
            _ => {}
        }
    }
    ip
}

fn is_near_v4(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
}

fn is_near_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Subnet {
        Subnet::of(&address.parse().unwrap())
    }

    #[test]
    fn neighbours_share_a_subnet_whatever_they_speak() {
        let here = of("/ip4/192.0.2.1/tcp/1");
        assert_eq!(here, Subnet::V4([192, 0, 2]));
        assert_eq!(here, of("/ip4/192.0.2.254/udp/9/quic-v1"));
        assert_eq!(here, of("/ip4/192.0.2.7/tcp/9/ws"));
        assert_eq!(here, of("/ip6/::ffff:192.0.2.9/tcp/1"), "an IPv4 address in IPv6's clothes");
        assert_ne!(here, of("/ip4/192.0.3.1/tcp/1"));
        assert_eq!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:ffff::9/tcp/1"));
        assert_ne!(of("/ip6/2001:db8:1::1/tcp/1"), of("/ip6/2001:db8:2::1/tcp/1"));
    }

    #[test]
    fn who_asks_the_node_of_its_own_machine_is_near_whatever_address_it_uses() {
        let between =
            |local: &str, remote: &str| Subnet::between(&local.parse().unwrap(), &remote.parse().unwrap());
        let own = "/ip4/192.0.2.1/tcp/4100";
        assert_eq!(between(own, "/ip4/192.0.2.1/tcp/33000"), Subnet::Near);
        assert_eq!(between(own, "/ip4/192.0.2.2/tcp/33000"), Subnet::V4([192, 0, 2]));
        let relay =
            "/ip4/192.0.2.1/tcp/1/p2p/16Uiu2HAkudLBJT3wSLTvMzrhyTnFu2ME7UshSugfgC8fHnmJPFjs/p2p-circuit";
        assert_eq!(between(relay, "/ip4/192.0.2.1/tcp/33000"), Subnet::V4([192, 0, 2]));
    }

    #[test]
    fn who_does_not_come_from_the_internet_is_near() {
        for near in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.1.2.3/tcp/1",
            "/ip4/192.168.1.1/udp/1/quic-v1",
            "/ip4/172.16.0.1/tcp/1",
            "/ip4/169.254.1.1/tcp/1",
            "/ip6/::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/::ffff:127.0.0.1/tcp/1",
            "/memory/7",
        ] {
            assert_eq!(of(near), Subnet::Near, "{near}");
        }
        let relayed =
            "/ip4/192.0.2.1/tcp/1/p2p/16Uiu2HAkudLBJT3wSLTvMzrhyTnFu2ME7UshSugfgC8fHnmJPFjs/p2p-circuit";
        assert_eq!(of(relayed), Subnet::Near);
    }
}
