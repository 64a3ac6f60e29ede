//! This process' own place in the network: for members who stay, and keep no replica.
//!
//! An executor holds its connections under its own key, so that it can be met behind a NAT too. It knows the colony's
//! nodes from the context, learns of others as they come, and writes them into the context: the next start needs nobody
//! who was there at the first.

use std::time::Duration;

use colony_node::{
    announcements::{Hints, listen},
    client::Client,
    endpoint::{Endpoint, EndpointConfig},
    net::{Multiaddr, PeerId},
};
use colony_protocol::{
    announcement::Listener,
    identity::{Identity, SecretKey},
    model::{Name, member::MemberView},
};

use crate::{
    app::{App, members},
    connect,
    context::Chosen,
    error::Failure,
    nodes, output,
};

/// Where it listens unless told otherwise: its port is told to others as long as it runs, and may be another next time.
const ANYWHERE: [&str; 2] = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];
/// How often the colony is asked who its nodes are: they change by a person's hand.
const LOOK: Duration = Duration::from_secs(60);
/// The same until it has answered once.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// A member's place in the network, and the colony it is there for.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    endpoint: Endpoint,
    colony: Identity,
    key: SecretKey,
    /// The nodes of the context.
    nodes: Vec<Multiaddr>,
}

impl Presence {
    /// Takes a place with this key, for the colony of a context. `listen` says where, if anywhere in particular.
    pub(crate) async fn start(
        app: &App,
        chosen: &Chosen,
        key: SecretKey,
        listen: &[String],
    ) -> Result<Self, Failure> {
        let asked = listen.iter().map(String::as_str);
        let places: Vec<&str> = if listen.is_empty() { ANYWHERE.to_vec() } else { asked.collect() };
        let listen = places.into_iter().map(place).collect::<Result<_, _>>()?;
        let config = EndpointConfig { key: key.clone(), listen };
        let started = Endpoint::start(config, app.runtime.clone()).await;
        let endpoint = started.map_err(|error| Failure::caused(&error))?;
        let colony = chosen.context.colony_id;
        let known = chosen.context.nodes.iter().map(|text| connect::address(text));
        let nodes: Vec<Multiaddr> = known.collect::<Result<_, _>>()?;
        endpoint.learn(&colony, nodes.clone());
        let presence = Self { endpoint, colony, key, nodes };
        app.runtime.spawn("presence", presence.clone().remember(app.clone(), chosen.clone()));
        Ok(presence)
    }

    /// Asks the colony as this member.
    pub(crate) fn client(&self) -> Client {
        self.endpoint.client(self.colony, self.key.clone())
    }

    /// Hears what work waits, and says when this member, as an executor, asks for it.
    pub(crate) async fn hints(&self, name: Name, executor_type: Name) -> Hints {
        // Without its row it may ask for what it cannot do, and is told so; with an old one it would miss work.
        let listener = Listener { id: self.key.identity(), name, executor_type, row: None };
        let neighbours = self.nodes.iter().filter_map(|node| Some((peer_in(node)?, vec![node.clone()])));
        listen(self.endpoint.network().gossip(), self.client(), listener, neighbours.collect()).await
    }

    /// Leaves the network.
    pub(crate) async fn end(self) {
        self.endpoint.shutdown().await;
    }

    /// Learns who the colony's nodes are, again and again, and writes it down.
    async fn remember(self, app: App, chosen: Chosen) {
        let client = self.client();
        let mut told = false;
        let mut pause = FIRST_LOOK;
        loop {
            if let Ok(members) = members(&client).await {
                pause = LOOK;
                self.endpoint.learn(&self.colony, addresses(&members));
                self.endpoint.spread(&self.colony).await;
                match nodes::refresh(&app, &chosen, &members) {
                    Err(failure) if !told => {
                        told = true;
                        output::report(&failure, &app.flags);
                    }
                    _ => {}
                }
            }
            app.runtime.sleep(pause).await;
        }
    }
}

/// The peer that an address ends in.
fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    let text = address.to_string();
    let (_, peer) = text.rsplit_once("/p2p/")?;
    peer.parse().ok()
}

fn place(text: &str) -> Result<Multiaddr, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--listen {text}: {error}")))
}

/// All addresses of a colony's nodes that can be read: another version of this program may have written some.
fn addresses(members: &[MemberView]) -> Vec<Multiaddr> {
    let nodes = members.iter().filter(|view| view.member.is_active_node());
    nodes.flat_map(|view| view.member.addresses.iter().filter_map(|text| text.parse().ok())).collect()
}
