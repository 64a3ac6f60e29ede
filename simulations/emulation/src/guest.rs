//! A guest of the network: an executor's endpoint that keeps no replica, hears announcements, and looks the colony up.
//!
//! It is there through all faults. Its executor never asks unless it is called, so its work is done only where an
//! announcement is heard (`called`). In the end somebody who was never there looks the colony up by its id alone
//! (`found`); half a minute is what a search may take.

use std::time::Duration;

use colony_node::{
    announcements::listen,
    client::Client,
    discovery::delegate,
    endpoint::Endpoint,
    executor::NoopExecutor,
    net::{Multiaddr, PeerId},
    runtime::Runtime,
};
use colony_protocol::{announcement::Listener, identity::SecretKey, model::Name};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    colony::{Colony, Seat, Stuck, colony, owner},
    visitor::{self, AGAIN, Visitor},
};

/// Its name, and the type of its work.
const NAME: &str = "guest";
/// It never asks without being called.
const NO_POLL: Duration = Duration::from_secs(3_600);
/// How long work may wait until it was announced, heard of, and done, nothing being broken: who asked just before somebody new
/// came to coordinate asks again half a minute later.
const CALLED: Duration = Duration::from_secs(40);
/// How long a search may take, nothing being broken: the node's own patience, and a little.
const FOUND: Duration = Duration::from_secs(35);

/// A guest.
#[derive(Debug)]
pub struct Guest(Visitor);

impl Guest {
    /// Comes, and lets all voters speak for the colony.
    ///
    /// # Errors
    /// [`Stuck`], if it is not let in.
    pub async fn start(colony: &mut Colony, client: &Client) -> Result<Self, Stuck> {
        let refused = |why: String| Stuck::Refused { what: "letting voters speak", why };
        let machine = colony.client_machine();
        let runtime = machine.runtime();
        let told = delegate(client, &owner(), runtime.now()).await;
        told.map_err(|error| refused(error.to_string()))?;
        let met: Vec<Multiaddr> = colony.seats.iter().flat_map(Seat::meets).collect();
        let visitor = Visitor::arrive(machine, client, NAME, met.clone(), met).await?;
        let open = colony.seats.iter().filter(|seat| !seat.is_hidden);
        let nodes = open.filter_map(|seat| Some((seat.peer()?, seat.meets()))).collect();
        let (endpoint, stop) = (visitor.endpoint.clone(), visitor.stop.clone());
        let waiting = wait_for_calls(endpoint, visitor.key.clone(), nodes, runtime.clone(), stop);
        runtime.spawn("guest", waiting);
        Ok(Self(visitor))
    }

    /// Announcements: work that nobody asks for without having heard of it is done.
    pub async fn called(&self, broken: &mut Vec<String>) {
        if let Err(why) = self.0.does_work(CALLED).await {
            broken.push(format!("announcements: work was not done, or nobody has heard of it: {why}"));
        }
    }

    /// Discovery: who knows the colony's id, and any of its nodes, finds it and the others.
    pub async fn found(colony: &mut Colony, broken: &mut Vec<String>) {
        let machine = colony.client_machine();
        let bootstrap = colony.seats.iter().flat_map(Seat::meets).collect();
        match visitor::open(&machine, SecretKey::derive(b"emulated finder"), bootstrap).await {
            Ok(endpoint) => look_up(&endpoint, broken).await,
            Err(error) => broken.push(format!("discovery: no endpoint: {error}")),
        }
        machine.kill().await;
    }

    /// Goes.
    pub async fn stop(self) {
        self.0.leave().await;
    }
}

async fn look_up(endpoint: &Endpoint, broken: &mut Vec<String>) {
    match timeout(FOUND, endpoint.find(&colony())).await {
        Ok(Ok(found)) if found.nodes.is_empty() => {
            broken.push("discovery: the colony is found, but none of its nodes".to_owned());
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) => broken.push(format!("discovery: {error}")),
        Err(_) => broken.push(format!("discovery: no answer within {FOUND:?}")),
    }
}

/// An executor that asks when it is called; it begins anew when a call fails.
async fn wait_for_calls(
    endpoint: Endpoint,
    key: SecretKey,
    nodes: Vec<(PeerId, Vec<Multiaddr>)>,
    runtime: Runtime,
    stop: CancellationToken,
) {
    let (name, executor_type) = (Name::cut(NAME), Name::cut(NAME));
    let listener = Listener { id: key.identity(), name, executor_type, row: None };
    while !stop.is_cancelled() {
        let client = endpoint.client(colony(), key.clone());
        let gossip = endpoint.network().gossip();
        let hints = listen(gossip, client.clone(), listener.clone(), nodes.clone()).await;
        let executor = NoopExecutor::new(client, 1).with_hints(hints.with_poll(NO_POLL));
        if executor.run(stop.clone()).await.is_err() {
            runtime.sleep(AGAIN).await;
        }
    }
}
