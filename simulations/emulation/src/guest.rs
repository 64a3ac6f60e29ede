//! A guest of the network: an executor's endpoint that keeps no replica, hears announcements, and looks the colony up.
//!
//! It is there through all faults. Its executor never asks unless it is called, so its work is done only where an
//! announcement is heard (`called`). In the end somebody who was never there looks the colony up by its id alone
//! (`found`); half a minute is what a search may take.

use std::time::Duration;

use colony_node::{
    announcements::listen,
    client::Client,
    discovery::{Settings, delegate},
    endpoint::{Endpoint, EndpointConfig},
    executor::NoopExecutor,
    net::{Multiaddr, PeerId},
    runtime::Runtime,
};
use colony_protocol::{
    announcement::Listener,
    bounded::Text,
    command::{Command, Submission},
    identity::SecretKey,
    model::{Conditions, Executor, FunctionSpec, Name},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    colony::{Colony, Seat, Stuck, colony, owner},
    machine::Machine,
};

/// The type of its work.
const TYPE: &str = "called";
/// It never asks without being called.
const NO_POLL: Duration = Duration::from_secs(3_600);
/// Before an executor whose call has failed begins anew.
const AGAIN: Duration = Duration::from_millis(200);
/// How long work may wait until it was announced, heard of, and done, nothing being broken: who asked just before somebody new
/// came to coordinate asks again half a minute later.
const CALLED: Duration = Duration::from_secs(40);
/// How long a search may take, nothing being broken: the node's own patience, and a little.
const FOUND: Duration = Duration::from_secs(35);

/// A guest.
#[derive(Debug)]
pub struct Guest {
    endpoint: Endpoint,
    machine: Machine,
    owner: Client,
    stop: CancellationToken,
}

impl Guest {
    /// Comes, and lets all voters speak for the colony.
    ///
    /// # Errors
    /// [`Stuck`], if it is not let in.
    pub async fn start(colony: &mut Colony, client: &Client) -> Result<Self, Stuck> {
        let refused = |why: String| Stuck::Refused { what: "letting a guest in", why };
        let machine = colony.client_machine();
        let runtime = machine.runtime();
        let key = SecretKey::derive(b"emulated guest");
        let executor = Executor {
            id: key.identity(),
            name: Text::cut("guest"),
            executor_type: Text::cut(TYPE),
            ..Executor::default()
        };
        let added = client.command(&Command::AddExecutor { executor, approved: true }).await;
        added.map_err(|error| refused(error.to_string()))?;
        let told = delegate(client, &owner(), runtime.now()).await;
        told.map_err(|error| refused(error.to_string()))?;
        let bootstrap: Vec<Multiaddr> = colony.seats.iter().flat_map(Seat::meets).collect();
        let met = colony.seats.iter().filter(|seat| !seat.is_hidden);
        let nodes = met.filter_map(|seat| Some((seat.peer()?, seat.meets())));
        let nodes: Vec<(PeerId, Vec<Multiaddr>)> = nodes.collect();
        let discovery =
            Settings { bootstrap: bootstrap.clone(), lab: true, guest: true, ..Settings::default() };
        let config = EndpointConfig { key: key.clone(), listen: Vec::new(), discovery };
        let endpoint = Endpoint::start(config, runtime.clone()).await;
        let endpoint = endpoint.map_err(|error| refused(error.to_string()))?;
        endpoint.learn(&crate::colony::colony(), bootstrap);
        let stop = CancellationToken::new();
        let waiting = wait_for_calls(endpoint.clone(), key, nodes, runtime.clone(), stop.clone());
        runtime.spawn("guest", waiting);
        Ok(Self { endpoint, machine, owner: client.clone(), stop })
    }

    /// Announcements: work that nobody asks for without having heard of it is done.
    pub async fn called(&self, broken: &mut Vec<String>) {
        let spec = FunctionSpec {
            func_name: Text::cut("come"),
            conditions: Conditions { executor_type: Text::cut(TYPE), ..Conditions::default() },
            ..FunctionSpec::default()
        };
        let work = async {
            let ids = self.owner.submit(vec![Submission { spec, retry_of: None }]).await?;
            match ids.first() {
                Some(id) => self.owner.wait((*id).into()).await.map(drop),
                None => Ok(()),
            }
        };
        match timeout(CALLED, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => broken.push(format!("announcements: work was not done: {error}")),
            Err(_) => broken.push(format!("announcements: nobody has heard of work within {CALLED:?}")),
        }
    }

    /// Discovery: who knows the colony's id, and any of its nodes, finds it and the others.
    pub async fn found(colony: &mut Colony, broken: &mut Vec<String>) {
        let machine = colony.client_machine();
        let bootstrap = colony.seats.iter().flat_map(Seat::meets).collect();
        let discovery = Settings { bootstrap, lab: true, guest: true, ..Settings::default() };
        let config =
            EndpointConfig { key: SecretKey::derive(b"emulated finder"), listen: Vec::new(), discovery };
        match Endpoint::start(config, machine.runtime()).await {
            Ok(endpoint) => look_up(&endpoint, broken).await,
            Err(error) => broken.push(format!("discovery: no endpoint: {error}")),
        }
        machine.kill().await;
    }

    /// Goes.
    pub async fn stop(self) {
        self.stop.cancel();
        self.machine.kill().await;
        drop(self.endpoint);
    }
}

async fn look_up(endpoint: &Endpoint, broken: &mut Vec<String>) {
    match timeout(FOUND, endpoint.find(&crate::colony::colony())).await {
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
    let listener =
        Listener { id: key.identity(), name: Name::cut("guest"), executor_type: Name::cut(TYPE), row: None };
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
