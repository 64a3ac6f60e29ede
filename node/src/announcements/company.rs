//! Who else listens: whom a node names to an executor that looks for neighbours.
//!
//! Executors hear announcements from each other, so that the nodes need not tell each of them. What a node knows of
//! them is what they say of themselves when they connect; it names those that the asker can reach, and each asker
//! others, so that nobody is everybody's neighbour.
//!
//! What may never happen: an address handed on that leads into somebody else's network.

use std::collections::BTreeMap;

use colony_protocol::{
    bounded::{List, Text},
    identity::Identity,
    model::member::{Address, MemberKey},
    rendezvous,
    reply::LISTENERS_MAX,
};
use libp2p::PeerId;

use crate::net::{
    Acquaintance, Multiaddr,
    discovery::{
        address::{Scope, is_circuit, scope},
        worth_knowing,
    },
    identity_of, peer_of,
};

/// Executors named to one who asks: more than become its neighbours, because some will be gone or full.
const NAMED: usize = 10;
/// Addresses named of each.
const ADDRESSES: usize = 3;
/// Peers that are looked at for one who asks. Each costs a point of the curve, and thousands may be connected.
const LOOKED_AT: usize = 64;

/// Addresses of some of those connected that `listens` is true of, for the one with this key.
pub(crate) fn company(
    connected: &[Acquaintance],
    by: &MemberKey,
    listens: impl Fn(&Identity) -> bool,
) -> List<Address, LISTENERS_MAX> {
    let asker = peer_of(by.as_bytes());
    let mine = connected.iter().filter(|known| Some(known.peer) == asker);
    let near = mine.map(met).min().unwrap_or(Scope::World);
    let mut others: BTreeMap<(u64, PeerId), Vec<Multiaddr>> = BTreeMap::new();
    for known in connected.iter().filter(|known| Some(known.peer) != asker) {
        // As near as both are to this node they are to each other.
        let addresses = worth_knowing(known.peer, &known.listens, met(known).max(near), false);
        if !addresses.is_empty() {
            others.insert((lot(by, &known.peer), known.peer), addresses);
        }
    }
    let there = others.into_iter().take(LOOKED_AT);
    let listening = there.filter(|((_, peer), _)| identity_of(peer).is_some_and(|id| listens(&id)));
    let addresses = listening.take(NAMED).flat_map(|(_, all)| all.into_iter().take(ADDRESSES));
    let mut texts: Vec<Address> =
        addresses.filter_map(|address| Text::new(address.to_string()).ok()).collect();
    texts.truncate(LISTENERS_MAX);
    List::new(texts).unwrap_or_default()
}

/// From how near somebody was met. A circuit says nothing about where a peer is.
fn met(known: &Acquaintance) -> Scope {
    match scope(&known.address) {
        Scope::Nowhere => Scope::World,
        _ if is_circuit(&known.address) => Scope::World,
        scope => scope,
    }
}

/// A peer's place in one asker's list: each asker has an order of its own.
fn lot(by: &MemberKey, peer: &PeerId) -> u64 {
    // A peer id ends in the bytes of a point of the curve, which are as good as random.
    let last = |bytes: &[u8]| bytes.last_chunk::<32>().copied().unwrap_or_default();
    let [a, b, c, d, e, f, g, h, ..] = last(by.as_bytes());
    let wave = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    rendezvous::weight(wave, &Identity::from_bytes(last(&peer.to_bytes())))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use colony_protocol::identity::SecretKey;

    use super::*;

    fn key(number: usize) -> MemberKey {
        MemberKey::of(&SecretKey::derive(&number.to_le_bytes()))
    }

    fn peer(number: usize) -> PeerId {
        peer_of(key(number).as_bytes()).unwrap()
    }

    fn connected(number: usize, from: &str, listens: &[&str]) -> Acquaintance {
        let listens = listens.iter().map(|text| text.parse().unwrap()).collect();
        Acquaintance::at(peer(number), from.parse().unwrap(), listens, Duration::ZERO)
    }

    fn named(connected: &[Acquaintance], by: usize) -> BTreeSet<PeerId> {
        let addresses = company(connected, &key(by), |_| true);
        let all = addresses.iter().map(|text| text.parse::<Multiaddr>().unwrap());
        all.filter_map(|address| crate::net::discovery::address::peer_at(&address)).collect()
    }

    #[test]
    fn each_asker_is_told_of_some_and_not_all_of_the_same() {
        let all: Vec<_> = (0..100)
            .map(|number| connected(number, "/ip4/127.0.0.1/tcp/9", &["/ip4/127.0.0.1/tcp/7"]))
            .collect();
        let told: Vec<_> = (0..100).map(|by| named(&all, by)).collect();
        assert!(told.iter().enumerate().all(|(by, told)| told.len() == NAMED && !told.contains(&peer(by))));
        let everybody: BTreeSet<_> = told.iter().flatten().collect();
        assert!(everybody.len() > 90, "{} of 100 are named", everybody.len());
    }

    #[test]
    fn who_does_not_listen_is_not_named() {
        let all = [0, 1, 2].map(|n| connected(n, "/ip4/8.8.8.8/tcp/9", &["/ip4/8.8.8.8/tcp/7"]));
        assert_eq!(company(&all, &key(0), |id| *id == key(2).identity()).len(), 1);
        assert!(company(&all, &key(0), |_| false).is_empty());
    }

    #[test]
    fn near_addresses_are_named_to_those_who_are_near() {
        let near = |number| connected(number, "/ip4/192.168.1.9/tcp/9", &["/ip4/192.168.1.9/tcp/7"]);
        let far = connected(3, "/ip4/8.8.8.8/tcp/9", &["/ip4/8.8.8.8/tcp/7", "/ip4/10.0.0.1/tcp/7"]);
        let hidden = connected(4, "/ip4/9.9.9.9/tcp/9", &[]);
        let all = [near(1), near(2), far, hidden];
        assert_eq!(named(&all, 1), BTreeSet::from([peer(2), peer(3)]));
        assert_eq!(named(&all, 3), BTreeSet::new());
        // Nobody knows where this one is.
        assert_eq!(named(&all, 5), BTreeSet::from([peer(3)]));
        assert!(company(&all, &key(5), |_| true).iter().all(|text| !text.contains("10.0.0.1")));
    }
}
