//! How this node looks from outside: where it listens, what others see, and which addresses are known to work.
//!
//! Whoever runs a node may say that everybody can dial it; then the addresses it listens at are told to others without a
//! probe. Behind a translator of addresses that passes everything on, the outer address is told too, once two peers have
//! seen it: one peer alone could name anybody's.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use libp2p::{Multiaddr, PeerId, Swarm, multiaddr::Protocol};

use super::sight::{NatKind, Sight};
use crate::net::{
    behaviour::Behaviour,
    scope::{Scope, is_relayed, scope},
    transport::is_quic,
};

/// Addresses others see this node at, of which is remembered who does.
const SEEN_MAX: usize = 32;
/// Peers of one such address that are remembered.
const SEERS_MAX: usize = 16;
/// Addresses that were confirmed or refuted.
const PROBED_MAX: usize = 32;
/// Peers that must see an address before it is told to others unproven.
const WITNESSES: usize = 2;

/// What is known.
#[derive(Debug)]
pub(super) struct Outlook {
    /// Whether everybody can dial this node, by the word of whoever runs it.
    vouches: bool,
    own: BTreeSet<Multiaddr>,
    /// Own addresses that were told to the swarm without a probe.
    vouched: BTreeSet<Multiaddr>,
    confirmed: BTreeSet<Multiaddr>,
    refuted: BTreeSet<Multiaddr>,
    seen: BTreeMap<Multiaddr, BTreeSet<PeerId>>,
    /// What each peer sees of connections that leave from the port this node listens at; over QUIC, and over TCP.
    mapped: BTreeMap<(bool, PeerId), Multiaddr>,
}

impl Outlook {
    pub(super) const fn new(vouches: bool) -> Self {
        Self {
            vouches,
            own: BTreeSet::new(),
            vouched: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            refuted: BTreeSet::new(),
            seen: BTreeMap::new(),
            mapped: BTreeMap::new(),
        }
    }

    /// Whether everybody can dial this node.
    pub(super) fn is_public(&self) -> bool {
        self.vouches || !self.confirmed.is_empty()
    }

    pub(super) fn listening(&mut self, address: Multiaddr, swarm: &mut Swarm<Behaviour>) {
        self.own.insert(address);
        self.vouch(swarm);
    }

    pub(super) fn not_listening(&mut self, addresses: &[Multiaddr], swarm: &mut Swarm<Behaviour>) {
        let before = self.own.len();
        self.own.retain(|own| !addresses.contains(own));
        if self.own.len() == before {
            return;
        }
        // Whatever was seen and proven may have been of the network that is gone.
        self.seen.clear();
        self.mapped.clear();
        self.refuted.clear();
        let was_translated = addresses.iter().any(|gone| scope(gone) == Scope::Network);
        let (own, confirmed) = (&self.own, std::mem::take(&mut self.confirmed));
        let (stay, go): (BTreeSet<_>, BTreeSet<_>) = confirmed.into_iter().partition(|confirmed| {
            own.contains(confirmed) || !(was_translated || addresses.contains(confirmed))
        });
        self.confirmed = stay;
        for address in go {
            swarm.remove_external_address(&address);
        }
        self.vouch(swarm);
    }

    /// A probe, or the router, says that an own address works.
    pub(super) fn confirmed(&mut self, address: &Multiaddr) {
        if scope(address) == Scope::World && self.confirmed.len() < PROBED_MAX {
            self.refuted.remove(address);
            self.confirmed.insert(address.clone());
        }
    }

    /// An own address works no longer.
    pub(super) fn expired(&mut self, address: &Multiaddr) {
        self.confirmed.remove(address);
    }

    /// A peer has tried an own address.
    pub(super) fn probed(&mut self, address: &Multiaddr, reached: bool) {
        let is_known = self.confirmed.contains(address);
        if !reached && !is_known && self.refuted.len() < PROBED_MAX {
            self.refuted.insert(address.clone());
        }
    }

    /// A peer sees this node at an address. Gives the address if it is worth trying to punch a hole to it.
    pub(super) fn seen(
        &mut self,
        by: PeerId,
        at: &Multiaddr,
        from_own_port: bool,
        swarm: &mut Swarm<Behaviour>,
    ) -> Option<Multiaddr> {
        if is_relayed(at) || scope(at) == Scope::Machine {
            return None;
        }
        let has_room = self.seen.len() < SEEN_MAX;
        let seers = match self.seen.get_mut(at) {
            Some(seers) => seers,
            None if has_room => self.seen.entry(at.clone()).or_default(),
            None => return None,
        };
        if seers.len() < SEERS_MAX {
            seers.insert(by);
        }
        self.vouch(swarm);
        if !from_own_port || self.mapped.len() >= SEEN_MAX {
            return None;
        }
        self.mapped.insert((is_quic(at), by), at.clone());
        (!self.own.contains(at)).then(|| at.clone())
    }

    /// A peer sees nothing any more.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.mapped.retain(|(_, seer), _| seer != peer);
        self.seen.retain(|_, seers| {
            seers.remove(peer);
            !seers.is_empty()
        });
    }

    /// Shows what is known. Says whether any of it is new.
    pub(super) fn show(&self, sight: &mut Sight) -> bool {
        let confirmed = self.confirmed.union(&self.vouched).cloned().collect();
        let nat = self.nat();
        let is_same = sight.own == self.own
            && sight.confirmed == confirmed
            && sight.refuted == self.refuted
            && sight.observed == self.seen
            && sight.nat == nat;
        if !is_same {
            sight.own.clone_from(&self.own);
            sight.confirmed = confirmed;
            sight.refuted.clone_from(&self.refuted);
            sight.observed.clone_from(&self.seen);
            sight.nat = nat;
        }
        !is_same
    }

    /// What the translator does: the same to each peer, or to each something else.
    fn nat(&self) -> NatKind {
        let mut kind = NatKind::Unknown;
        for quic in [true, false] {
            let mut mapped =
                self.mapped.iter().filter(|((is_quic, _), _)| *is_quic == quic).map(|(_, at)| at);
            let Some(first) = mapped.next() else { continue };
            if self.own.contains(first) {
                return NatKind::None;
            }
            let others: Vec<_> = mapped.collect();
            let found = if others.iter().any(|at| *at != first) {
                NatKind::Symmetric
            } else if others.is_empty() {
                NatKind::Unknown
            } else {
                NatKind::Cone
            };
            if kind == NatKind::Unknown {
                kind = found;
            }
        }
        kind
    }

    /// Tells the swarm the addresses that somebody vouches for.
    fn vouch(&mut self, swarm: &mut Swarm<Behaviour>) {
        if !self.vouches {
            return;
        }
        let wanted = self.wanted();
        for address in self.vouched.difference(&wanted) {
            swarm.remove_external_address(address);
        }
        for address in wanted.difference(&self.vouched) {
            swarm.add_external_address(address.clone());
        }
        self.vouched = wanted;
    }

    /// Own addresses others can dial. Those of this machine alone are better than none.
    fn wanted(&self) -> BTreeSet<Multiaddr> {
        let mut wanted: BTreeSet<Multiaddr> =
            self.own.iter().filter(|own| scope(own) != Scope::Machine).cloned().collect();
        if wanted.is_empty() {
            return self.own.clone();
        }
        if wanted.iter().all(|own| scope(own) != Scope::World) {
            let outer: BTreeSet<IpAddr> = self
                .seen
                .iter()
                .filter(|(at, seers)| scope(at) == Scope::World && seers.len() >= WITNESSES)
                .filter_map(|(at, _)| ip(at))
                .collect();
            let translated: Vec<Multiaddr> = outer
                .into_iter()
                .flat_map(|outer| {
                    wanted.iter().filter_map(move |own| with_ip(own, outer)).collect::<Vec<_>>()
                })
                .collect();
            wanted.extend(translated);
        }
        wanted
    }
}

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// The same address with another IP address of the same kind.
fn with_ip(address: &Multiaddr, outer: IpAddr) -> Option<Multiaddr> {
    if ip(address)?.is_ipv4() != outer.is_ipv4() {
        return None;
    }
    address.replace(0, |_| Some(outer.into()))
}
