//! The protocols that make a node reachable.

use std::time::Duration;

use libp2p::{
    PeerId, autonat, dcutr, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use rand010::{SeedableRng as _, rngs::StdRng};

use crate::runtime::Runtime;

/// Between two probes of whether an address is reachable: answers change when a machine moves, which is seldom.
const PROBE: Duration = Duration::from_secs(30);

/// Relays from both ends, hole punching, and asking others whether they reach us.
#[derive(NetworkBehaviour)]
pub(in crate::net) struct Behaviour {
    pub(in crate::net) client: relay::client::Behaviour,
    pub(in crate::net) server: Toggle<relay::Behaviour>,
    pub(in crate::net) dcutr: dcutr::Behaviour,
    pub(in crate::net) prober: autonat::v2::client::Behaviour<StdRng>,
    pub(in crate::net) probed: autonat::v2::server::Behaviour<StdRng>,
}

impl Behaviour {
    /// `relays` says whether this node relays for others.
    pub(in crate::net) fn new(
        me: PeerId,
        client: relay::client::Behaviour,
        relays: bool,
        runtime: &Runtime,
    ) -> Self {
        let server = relays.then(|| relay::Behaviour::new(me, relay::Config::default()));
        let random = || StdRng::from_seed(runtime.random());
        let probing = autonat::v2::client::Config::default().with_probe_interval(PROBE);
        Self {
            client,
            server: server.into(),
            dcutr: dcutr::Behaviour::new(me),
            prober: autonat::v2::client::Behaviour::new(random(), probing),
            probed: autonat::v2::server::Behaviour::new(random()),
        }
    }
}
