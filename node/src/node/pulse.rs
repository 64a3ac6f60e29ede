//! This node's own account of how it is doing.

use std::{collections::BTreeMap, time::Duration};

use colony_protocol::{
    bounded::{List, Text},
    identity::Identity,
    time::Span,
    vitals::{Discovery, Nat, Peer, Reservation, Twin, Vitals},
};

use crate::{
    net::{Account, Acquaintance, Multiaddr, discovery::DhtMode, identity_of, reach::NatKind},
    runtime::Runtime,
};

/// Where the account is taken from.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    node: Identity,
    network: Option<Account>,
    runtime: Runtime,
}

impl Pulse {
    /// Of a node that has no network yet.
    pub(crate) const fn new(node: Identity, runtime: Runtime) -> Self {
        Self { node, network: None, runtime }
    }

    /// Of the same with one.
    pub(crate) fn with(&self, network: Account) -> Self {
        Self { network: Some(network), ..self.clone() }
    }

    /// How it is doing now.
    pub(crate) fn take(&self) -> Vitals {
        let vitals = Vitals {
            node: self.node,
            version: Text::cut(env!("CARGO_PKG_VERSION")),
            time: self.runtime.now(),
            ..Vitals::default()
        };
        let Some(network) = &self.network else { return vitals };
        let (census, sight) = (network.census(), network.reach().sight());
        let sight = sight.borrow();
        let peers: BTreeMap<Identity, Peer> =
            census.connections().iter().filter_map(|known| self.peer(network, known)).collect();
        let twins = census.twins().into_iter().filter_map(|twins| {
            Some(Twin { id: identity_of(&twins.peer)?, addresses: list(&twins.addresses) })
        });
        let discovery = network.discovery();
        let reservations = sight.relays.iter().filter_map(|(relay, standing)| {
            let held = standing.held();
            let address = held.and_then(|held| held.addresses.first()).map(ToString::to_string);
            let address = Text::cut(&address.unwrap_or_default());
            Some(Reservation { relay: identity_of(relay)?, address, live: held.is_some() })
        });
        let observed: Vec<Multiaddr> = sight.observed.keys().cloned().collect();
        let confirmed: Vec<Multiaddr> = sight.confirmed.iter().cloned().collect();
        Vitals {
            discovery: Discovery {
                server: discovery.mode == DhtMode::Server,
                known: u32::try_from(discovery.peers_in_table).unwrap_or(u32::MAX),
            },
            listening: list(&network.addresses()),
            observed: list(&observed),
            confirmed: list(&confirmed),
            public: sight.public(),
            nat: match sight.nat {
                NatKind::Unknown => Nat::Unknown,
                NatKind::None => Nat::None,
                NatKind::Cone => Nat::Equal,
                NatKind::Symmetric => Nat::Different,
            },
            reservations: first(reservations.collect()),
            peers: first(peers.into_values().collect()),
            twins: first(twins.collect()),
            ..vitals
        }
    }

    /// Who is connected.
    pub(crate) fn connected(&self) -> Vec<Acquaintance> {
        self.network.as_ref().map(|network| network.census().connections()).unwrap_or_default()
    }

    /// Somebody who is connected, and the best way there is.
    fn peer(&self, network: &Account, known: &Acquaintance) -> Option<(Identity, Peer)> {
        let id = identity_of(&known.peer)?;
        let way = network.reach().way(&known.peer)?;
        let since = self.runtime.elapsed().saturating_sub(way.since);
        let agent = Text::cut(&known.agent);
        Some((id, Peer { id, agent, path: way.path, rtt: way.rtt.map(span), since: span(since) }))
    }
}

fn span(duration: Duration) -> Span {
    Span::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// As many addresses as there is room for.
fn list<const N: usize>(addresses: &[Multiaddr]) -> List<Text<256>, N> {
    first(addresses.iter().filter_map(|address| Text::new(address.to_string()).ok()).collect())
}

/// As many as there is room for.
fn first<T, const N: usize>(mut items: Vec<T>) -> List<T, N> {
    items.truncate(N);
    List::new(items).unwrap_or_default()
}
