//! Which addresses a node tells others.
//!
//! What works from everywhere comes first, then the ways through relays, then what works from the same network. Those of
//! this machine alone are told only if there are no others: to everybody else they are addresses of their own.

use colony_protocol::model::member::ADDRESSES_MAX;
use libp2p::{Multiaddr, PeerId};

use crate::net::{
    reach::Sight,
    scope::{Scope, scope},
};

/// Addresses of all relays together that are told: two relays over two transports.
const THROUGH_RELAYS: usize = 4;
/// Addresses that work from everywhere: two transports over two kinds of IP, and some to spare.
const DIRECT: usize = 8;

/// The addresses others are told, with this node's peer id at the end, the best first.
#[must_use]
pub fn told(sight: &Sight, me: PeerId) -> Vec<Multiaddr> {
    let own = |of: Scope| sight.own.iter().filter(move |own| scope(own) == of);
    let mut all: Vec<Multiaddr> = Vec::new();
    let world = sight.confirmed.iter().filter(|known| scope(known) != Scope::Machine);
    take(&mut all, world.chain(own(Scope::World)), DIRECT, me);
    if sight.public() != Some(true) {
        let mut through: Vec<&Multiaddr> = Vec::new();
        let places: Vec<_> = sight.relays.values().filter_map(|standing| standing.held()).collect();
        let longest = places.iter().map(|held| held.addresses.len()).max().unwrap_or(0);
        // One of each relay, then another of each.
        for turn in 0..longest {
            through.extend(places.iter().filter_map(|held| held.addresses.get(turn)));
        }
        through.sort_by_key(|address| std::cmp::Reverse(scope(address)));
        take(&mut all, through.into_iter(), THROUGH_RELAYS, me);
    }
    take(&mut all, own(Scope::Network), ADDRESSES_MAX, me);
    if sight.own.iter().all(|own| scope(own) == Scope::Machine) {
        take(&mut all, sight.own.iter(), ADDRESSES_MAX, me);
    }
    all.truncate(ADDRESSES_MAX);
    all
}

/// Adds up to so many addresses that are not there yet.
fn take<'a>(all: &mut Vec<Multiaddr>, more: impl Iterator<Item = &'a Multiaddr>, count: usize, me: PeerId) {
    let end = all.len().saturating_add(count);
    for address in more {
        let Ok(address) = address.clone().with_p2p(me) else { continue };
        if all.len() < end && !all.contains(&address) {
            all.push(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::reach::{Held, Standing};

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn sight(own: &[&str], places: &[&str]) -> Sight {
        let at = Duration::ZERO;
        let mut sight = Sight { own: addresses(own).into_iter().collect(), ..Sight::default() };
        for place in addresses(places) {
            let held = Held { since: at, asserted: at, addresses: vec![place] };
            sight.relays.insert(PeerId::random(), Standing::Held(held));
        }
        sight
    }

    #[test]
    fn what_works_from_everywhere_comes_first_and_loopback_only_alone() {
        let me = PeerId::random();
        let near = ["/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1"];
        let through = "/ip4/9.9.9.9/tcp/9/p2p-circuit";
        let named = |text: &str| text.parse::<Multiaddr>().unwrap().with_p2p(me).unwrap();
        assert_eq!(told(&sight(&near, &[through]), me), [named(through), named(near[1])]);
        assert_eq!(told(&sight(&near[..1], &[through]), me), [named(through), named(near[0])]);

        // Whoever is reached by everybody needs no relay.
        let mut public = sight(&near, &[through]);
        public.confirmed = addresses(&["/ip4/8.8.8.8/tcp/1"]).into_iter().collect();
        assert_eq!(told(&public, me), [named("/ip4/8.8.8.8/tcp/1"), named(near[1])]);
    }

    #[test]
    fn the_colony_takes_what_is_told() {
        let me = PeerId::random();
        let own: Vec<String> = (1..40).map(|port| format!("/ip4/10.0.0.1/tcp/{port}")).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let through = ["/ip4/9.9.9.9/tcp/9/p2p-circuit"; 9];
        let all = told(&sight(&own, &through), me);
        assert_eq!(all.len(), ADDRESSES_MAX);
        assert_eq!(all.iter().filter(|address| address.to_string().contains("9.9.9.9")).count(), 1);
    }
}
