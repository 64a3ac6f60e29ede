//! This node's own account of how it is doing.

use colony_protocol::{
    bounded::{List, Text},
    identity::Identity,
    model::member::Path,
    time::Span,
    vitals::{Discovery, Peer, Twin, Vitals},
};
use libp2p::multiaddr::Protocol;

use crate::{
    net::{Account, Acquaintance, Multiaddr, discovery::DhtMode, identity_of},
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
        let now = self.runtime.elapsed();
        let census = network.census();
        let mut peers: Vec<Peer> = census.connections().iter().filter_map(|known| peer(known, now)).collect();
        peers.sort_by_key(|peer| (peer.id, peer.path));
        // Of several connections with one peer the best way counts.
        peers.dedup_by_key(|peer| peer.id);
        let twins = census.twins().into_iter().filter_map(|twins| {
            Some(Twin { id: identity_of(&twins.peer)?, addresses: list(&twins.addresses) })
        });
        let discovery = network.discovery();
        Vitals {
            discovery: Discovery {
                server: discovery.mode == DhtMode::Server,
                known: u32::try_from(discovery.peers_in_table).unwrap_or(u32::MAX),
            },
            listening: list(&network.addresses()),
            peers: first(peers),
            twins: first(twins.collect()),
            ..vitals
        }
    }
}

fn peer(known: &Acquaintance, now: std::time::Duration) -> Option<Peer> {
    let is_relayed = known.address.iter().any(|part| part == Protocol::P2pCircuit);
    let micros =
        |span: std::time::Duration| Span::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    Some(Peer {
        id: identity_of(&known.peer)?,
        agent: Text::cut(&known.agent),
        path: if is_relayed { Path::Relayed } else { Path::Direct },
        rtt: known.rtt.map(micros),
        since: micros(now.saturating_sub(known.since)),
    })
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
