//! Who may enter the table of peers, decided from what they say of themselves and where they were met.
//!
//! What may never happen: a table full of the peers of one owner. A subnet costs money, a key does not.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

use super::address::{Scope, Subnet, admits, subnet};

/// Addresses kept of one peer.
pub(super) const ADDRESSES: usize = 8;
/// Peers of one subnet: a household or a rack may be in it as a whole, a farm of keys may not.
pub(super) const PEERS_PER_SUBNET: usize = 8;

/// Of the addresses a peer says it listens at, those under which others may be sent to it, each with the peer at its end.
pub(crate) fn worth_knowing(peer: PeerId, said: &[Multiaddr], met: Scope, lab: bool) -> Vec<Multiaddr> {
    let mut known = Vec::new();
    for address in said {
        if !admits(address, met, lab) {
            continue;
        }
        // An address that names another peer is a lie.
        let Ok(full) = address.clone().with_p2p(peer) else { continue };
        let peers = full.iter().filter(|part| matches!(part, Protocol::P2p(_))).count();
        if peers == 1 && !known.contains(&full) {
            known.push(full);
        }
        if known.len() >= ADDRESSES {
            break;
        }
    }
    known
}

/// How many peers of the table are in each subnet.
pub(super) fn crowds<'a>(
    table: impl Iterator<Item = (PeerId, Vec<&'a Multiaddr>)>,
) -> BTreeMap<Subnet, BTreeSet<PeerId>> {
    let mut crowds: BTreeMap<Subnet, BTreeSet<PeerId>> = BTreeMap::new();
    for (peer, addresses) in table {
        for subnet in addresses.into_iter().filter_map(subnet) {
            crowds.entry(subnet).or_default().insert(peer);
        }
    }
    crowds
}

/// Whether none of the peer's subnets is full of others.
pub(super) fn has_room(
    peer: &PeerId,
    addresses: &[Multiaddr],
    crowds: &BTreeMap<Subnet, BTreeSet<PeerId>>,
) -> bool {
    addresses.iter().filter_map(subnet).all(|subnet| {
        let others = |crowd: &BTreeSet<PeerId>| crowd.iter().filter(|other| *other != peer).count();
        crowds.get(&subnet).map_or(0, others) < PEERS_PER_SUBNET
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_that_lead_others_to_the_peer_are_known() {
        let (peer, other) = (PeerId::random(), PeerId::random());
        let said = [
            address("/ip4/127.0.0.1/tcp/1"),
            address("/ip4/8.8.8.8/tcp/1"),
            address(&format!("/ip4/8.8.8.8/tcp/2/p2p/{peer}")),
            address(&format!("/ip4/8.8.8.8/tcp/3/p2p/{other}")),
            address(&format!("/ip4/8.8.8.8/tcp/4/p2p/{other}/p2p-circuit")),
            address("/ip4/8.8.8.8/tcp/1"),
        ];
        let full = |text: &str| address(text).with_p2p(peer).unwrap();
        let world = [full("/ip4/8.8.8.8/tcp/1"), full("/ip4/8.8.8.8/tcp/2")];
        assert_eq!(worth_knowing(peer, &said, Scope::World, false), world);
        let near = [&[full("/ip4/127.0.0.1/tcp/1")], &world[..]].concat();
        assert_eq!(worth_knowing(peer, &said, Scope::Machine, false), near);
        assert_eq!(worth_knowing(peer, &said, Scope::World, true), near);
    }

    #[test]
    fn a_peer_is_known_by_a_few_addresses_at_most() {
        let said: Vec<_> = (1..200).map(|port| address(&format!("/ip4/8.8.8.8/tcp/{port}"))).collect();
        assert_eq!(worth_knowing(PeerId::random(), &said, Scope::World, false).len(), ADDRESSES);
    }

    #[test]
    fn a_subnet_has_only_so_many_places() {
        let near = address("/ip4/10.0.0.1/tcp/1");
        let full: Vec<_> = (0..PEERS_PER_SUBNET)
            .map(|host| (PeerId::random(), address(&format!("/ip4/8.8.8.{host}/tcp/1"))))
            .collect();
        let table = || full.iter().map(|(peer, address)| (*peer, vec![address]));
        let newcomer = PeerId::random();
        let room = |peer: &PeerId, text: &str| has_room(peer, &[address(text)], &crowds(table()));
        assert!(!room(&newcomer, "/ip4/8.8.8.99/tcp/1"));
        assert!(room(&newcomer, "/ip4/8.8.9.99/tcp/1"));
        assert!(room(&full[0].0, "/ip4/8.8.8.99/tcp/1"), "who is in may move");
        // Private ranges are the same everywhere, and enter only where everybody is near.
        let crowd = (0..100).map(|_| (PeerId::random(), vec![&near]));
        assert!(has_room(&newcomer, std::slice::from_ref(&near), &crowds(crowd)));
    }
}
