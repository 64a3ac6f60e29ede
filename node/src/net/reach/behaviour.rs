//! The protocols that make a node reachable.

use std::{sync::Arc, time::Duration};

use libp2p::{
    Multiaddr, PeerId, autonat, dcutr, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use rand010::{SeedableRng as _, rngs::StdRng};

use super::{
    guests::{Knows, config},
    outside::Outside,
    sieve::Sieve,
};
use crate::{
    net::{
        bounds::{MembersOnly, Standings},
        scope::{Scope, is_relayed, scope},
    },
    runtime::Runtime,
};

/// Between two looks for candidates that nobody has probed yet. Each is probed once.
const PROBE: Duration = Duration::from_secs(5);

/// Opens ports at the router of a home, if built in.
#[cfg(feature = "upnp")]
pub(in crate::net) type Ports = libp2p::upnp::tokio::Behaviour;
/// Opens no ports.
#[cfg(not(feature = "upnp"))]
pub(in crate::net) type Ports = libp2p::swarm::dummy::Behaviour;

#[cfg(feature = "upnp")]
fn ports() -> Ports {
    Ports::default()
}

#[cfg(not(feature = "upnp"))]
const fn ports() -> Ports {
    libp2p::swarm::dummy::Behaviour
}

/// Relays from both ends, hole punching, and asking others whether they reach us.
#[derive(NetworkBehaviour)]
pub(in crate::net) struct Behaviour {
    pub(in crate::net) client: relay::client::Behaviour,
    pub(in crate::net) server: MembersOnly<Toggle<relay::Behaviour>>,
    pub(in crate::net) outside: Outside,
    pub(in crate::net) dcutr: Sieve<dcutr::Behaviour>,
    pub(in crate::net) prober: Sieve<autonat::v2::client::Behaviour<StdRng>>,
    pub(in crate::net) probed: MembersOnly<Toggle<autonat::v2::server::Behaviour<StdRng>>>,
    pub(in crate::net) ports: Ports,
}

impl Behaviour {
    /// `guests` says whom this node relays for, if it does. Who relays is reached by everybody, so it also tells others
    /// whether they are.
    pub(in crate::net) fn new(
        me: PeerId,
        client: relay::client::Behaviour,
        guests: Option<&Knows>,
        standings: &Arc<Standings>,
        runtime: &Runtime,
    ) -> Self {
        let random = || StdRng::from_seed(runtime.random());
        let server = guests.map(|guests| {
            let mut server = relay::Behaviour::new(me, config(guests));
            // Whoever started it has said that it is reached; a circuit of its own is no sign of that.
            server.set_status(Some(relay::Status::Enable));
            server
        });
        let probing = autonat::v2::client::Config::default().with_probe_interval(PROBE);
        Self {
            client,
            server: MembersOnly::new(server.into(), Arc::clone(standings)),
            outside: Outside::default(),
            dcutr: Sieve::new(dcutr::Behaviour::new(me), may_be_punched),
            prober: Sieve::new(autonat::v2::client::Behaviour::new(random(), probing), may_be_probed),
            probed: MembersOnly::new(
                guests.map(|_| autonat::v2::server::Behaviour::new(random())).into(),
                Arc::clone(standings),
            ),
            ports: ports(),
        }
    }
}

/// Others behind the same translator may know an address within the network.
fn may_be_punched(candidate: &Multiaddr) -> bool {
    !is_relayed(candidate) && scope(candidate) != Scope::Machine
}

/// Only what the world can dial says anything about whether the world can dial us.
fn may_be_probed(candidate: &Multiaddr) -> bool {
    !is_relayed(candidate) && scope(candidate) == Scope::World
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn useless_candidates_are_neither_probed_nor_punched() {
        let of = |text: &str| text.parse::<Multiaddr>().unwrap();
        let relay = PeerId::random();
        for (candidate, punched, probed) in [
            ("/ip4/127.0.0.1/tcp/1".to_owned(), false, false),
            ("/ip4/192.168.0.2/tcp/1".to_owned(), true, false),
            ("/ip4/203.0.113.2/udp/1/quic-v1".to_owned(), true, true),
            (format!("/ip4/203.0.113.2/tcp/1/p2p/{relay}/p2p-circuit"), false, false),
        ] {
            let candidate = of(&candidate);
            assert_eq!(
                (may_be_punched(&candidate), may_be_probed(&candidate)),
                (punched, probed),
                "{candidate}"
            );
        }
    }
}
