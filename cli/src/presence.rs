//! This process' own place in the network: for members who stay, and keep no replica.
//!
//! An executor holds its connections under its own key, so that it can be met behind a NAT too. It knows the colony's
//! nodes from the context, learns of others as they come, and writes them into the context: the next start needs nobody
//! who was there at the first. When none of them is reached any more it asks the network where the colony is now.

use std::time::Duration;

use colony_node::{
    announcements::{Hints, listen},
    client::{Client, ClientError, TransportError},
    discovery::{PEERS_FILE, Settings},
    endpoint::{Endpoint, EndpointConfig},
    net::{Multiaddr, PeerId},
};
use colony_protocol::{
    announcement::Listener,
    identity::{Identity, SecretKey},
    model::{Name, member::MemberView},
    query::Query,
};

use crate::{
    app::{App, members},
    args::PlaceArgs,
    connect,
    context::Chosen,
    error::{Exit, Failure},
    nodes, output,
};

/// Where it listens unless told otherwise: its port is told to others as long as it runs, and may be another next time.
const ANYWHERE: [&str; 2] = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];
/// How often the colony is asked who its nodes are: they change by a person's hand, and in a large colony the answer is
/// most of what an idle member receives.
const LOOK: Duration = Duration::from_secs(1800);
/// The same until it has answered, and when it does not any more.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How often it is seen whether the colony is still there. Costs a small question.
const THERE: Duration = Duration::from_secs(300);

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
    /// Takes a place with this key, for the colony of a context. `place` says where, if anywhere in particular, and with
    /// whom to look for the colony.
    pub(crate) async fn start(
        app: &App,
        chosen: &Chosen,
        key: SecretKey,
        place: &PlaceArgs,
    ) -> Result<Self, Failure> {
        let asked = place.listen.iter().map(String::as_str);
        let places: Vec<&str> = if place.listen.is_empty() { ANYWHERE.to_vec() } else { asked.collect() };
        let listen = places.into_iter().map(|text| parse("--listen", text)).collect::<Result<_, _>>()?;
        let known = chosen.context.nodes.iter().map(|text| connect::address(text));
        let nodes: Vec<Multiaddr> = known.collect::<Result<_, _>>()?;
        let discovery = discovery(app, place, nodes.clone())?;
        let config = EndpointConfig { key: key.clone(), listen, discovery };
        let started = Endpoint::start(config, app.runtime.clone()).await;
        let endpoint = started.map_err(|error| Failure::caused(&error))?;
        let colony = chosen.context.colony_id;
        endpoint.learn(&colony, nodes.clone());
        let presence = Self { endpoint, colony, key, nodes };
        presence.settle().await;
        presence.endpoint.be_met(colony, presence.key.clone());
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

    /// Finds the colony, if none of its nodes is where it was.
    async fn settle(&self) {
        if is_unreached(self.client().query_stale(&Query::Status).await.as_ref().err()) {
            self.find().await;
        }
    }

    /// Asks the network where the colony is now.
    async fn find(&self) {
        // If it is nowhere now it is looked for again.
        self.endpoint.find(&self.colony).await.ok();
    }

    /// Learns who the colony's nodes are, again and again, and writes it down.
    async fn remember(self, app: App, chosen: Chosen) {
        let client = self.client();
        let mut told = false;
        loop {
            match members(&client).await {
                Ok(members) => {
                    self.endpoint.learn(&self.colony, addresses(&members));
                    self.endpoint.spread(&self.colony).await;
                    match nodes::refresh(&app, &chosen, &members) {
                        Err(failure) if !told => {
                            told = true;
                            output::report(&failure, &app.flags);
                        }
                        _ => {}
                    }
                    self.until_lost(&app).await;
                }
                Err(failure) => {
                    if failure.exit == Exit::UNREACHABLE {
                        self.find().await;
                    }
                    app.runtime.sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Completes when the colony's nodes are to be asked for anew.
    async fn until_lost(&self, app: &App) {
        let client = self.client();
        let begun = app.runtime.elapsed();
        while app.runtime.elapsed().saturating_sub(begun) < LOOK {
            app.runtime.sleep(THERE).await;
            if is_unreached(client.query_stale(&Query::Status).await.as_ref().err()) {
                return;
            }
        }
    }
}

/// Where to look for a colony whose nodes have moved.
pub(crate) fn discovery(app: &App, place: &PlaceArgs, nodes: Vec<Multiaddr>) -> Result<Settings, Failure> {
    let others = place.bootstrap.iter().map(|text| parse("--bootstrap", text));
    let mut bootstrap = others.collect::<Result<Vec<_>, _>>()?;
    // Nodes of other colonies are peers of the same network.
    let contexts = app.home()?.contexts()?.contexts;
    let elsewhere = contexts.values().flat_map(|context| &context.nodes).filter_map(|text| text.parse().ok());
    bootstrap.extend(elsewhere.filter(|node| !nodes.contains(node)));
    bootstrap.extend(nodes);
    let memory = Some(app.home()?.path().join(PEERS_FILE));
    Ok(Settings { bootstrap, memory, lab: place.lab, guest: true })
}

/// Whether nobody was there to ask.
const fn is_unreached(why: Option<&ClientError>) -> bool {
    matches!(why, Some(ClientError::Transport(TransportError::Unreachable(_))))
}

/// The peer that an address ends in.
fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    let text = address.to_string();
    let (_, peer) = text.rsplit_once("/p2p/")?;
    peer.parse().ok()
}

fn parse(flag: &str, text: &str) -> Result<Multiaddr, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("{flag} {text}: {error}")))
}

/// All addresses of a colony's nodes that can be read: another version of this program may have written some.
fn addresses(members: &[MemberView]) -> Vec<Multiaddr> {
    let nodes = members.iter().filter(|view| view.member.is_active_node());
    nodes.flat_map(|view| view.member.addresses.iter().filter_map(|text| text.parse().ok())).collect()
}
