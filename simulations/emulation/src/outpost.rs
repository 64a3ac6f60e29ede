//! An executor that reaches its colony through a relay, and in no other way.
//!
//! Its host reaches one other: the relay, a node of the colony. It knows one node, a replica that nobody can dial and that
//! holds a place at that relay. So whatever it asks goes over a circuit, and it hears nothing while the relay is away or has
//! forgotten the place. Nothing being broken it works again in time (`works`).

use std::time::Duration;

use colony_node::{
    client::Client,
    discovery::Settings,
    endpoint::{Endpoint, EndpointConfig},
    executor::NoopExecutor,
    runtime::Runtime,
};
use colony_protocol::{
    bounded::Text,
    command::{Command, Submission},
    identity::SecretKey,
    model::{Conditions, Executor, FunctionSpec},
};
use libp2p::multiaddr::Protocol;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    colony::{Colony, RELAY, Stuck, colony as id},
    machine::Machine,
};

/// The type of its work.
const TYPE: &str = "outpost";
/// Before an executor whose call has failed begins anew.
const AGAIN: Duration = Duration::from_millis(200);
/// How long work may take that waits for it, nothing being broken.
const WORKS: Duration = Duration::from_secs(10);
/// The same before anything was broken: the place at the relay is taken once it is known who relays.
const BEGINS: Duration = Duration::from_secs(60);

/// The executor.
#[derive(Debug)]
pub struct Outpost {
    endpoint: Endpoint,
    machine: Machine,
    owner: Client,
    stop: CancellationToken,
}

impl Outpost {
    /// Comes, if the colony has a node that is met through a relay, and does its first work.
    ///
    /// # Errors
    /// [`Stuck`], if it cannot.
    pub async fn start(colony: &mut Colony, owner: &Client) -> Result<Option<Self>, Stuck> {
        let refused = |why: String| Stuck::Refused { what: "manning an outpost", why };
        let Some(hidden) = colony.seats.iter().find(|seat| seat.is_hidden).and_then(|seat| seat.peer())
        else {
            return Ok(None);
        };
        let relay = colony.seats[RELAY].listens();
        let way = relay.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(hidden));
        let machine = colony.client_machine();
        for (number, seat) in colony.seats.iter().enumerate() {
            if number != RELAY {
                colony.network.wall(machine.address(), seat.address);
            }
        }
        let key = SecretKey::derive(b"emulated outpost");
        let executor = Executor {
            id: key.identity(),
            name: Text::cut("outpost"),
            executor_type: Text::cut(TYPE),
            ..Executor::default()
        };
        let added = owner.command(&Command::AddExecutor { executor, approved: true }).await;
        added.map_err(|error| refused(error.to_string()))?;
        let runtime = machine.runtime();
        let discovery = Settings { bootstrap: vec![relay], lab: true, guest: true, ..Settings::default() };
        let config = EndpointConfig { key: key.clone(), listen: Vec::new(), discovery };
        let endpoint = Endpoint::start(config, runtime.clone()).await;
        let endpoint = endpoint.map_err(|error| refused(error.to_string()))?;
        endpoint.learn(&id(), vec![way]);
        let stop = CancellationToken::new();
        let client = endpoint.client(id(), key);
        runtime.spawn("outpost", work(client, runtime.clone(), stop.clone()));
        let outpost = Self { endpoint, machine, owner: owner.clone(), stop };
        outpost.does_work(BEGINS).await.map_err(refused)?;
        colony.trace.note(format_args!("the outpost works"));
        Ok(Some(outpost))
    }

    /// Nothing being broken, it works.
    pub async fn works(&self, colony: &Colony, broken: &mut Vec<String>) {
        let begun = Instant::now();
        match self.does_work(WORKS).await {
            Ok(()) => colony.trace.note(format_args!("the outpost works after {:?}", begun.elapsed())),
            Err(why) => broken.push(format!("relay: the outpost does not work: {why}")),
        }
    }

    async fn does_work(&self, patience: Duration) -> Result<(), String> {
        let spec = FunctionSpec {
            func_name: Text::cut("keep"),
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
        match timeout(patience, work).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing was done within {patience:?}")),
        }
    }

    /// Goes.
    pub async fn stop(self) {
        self.stop.cancel();
        self.machine.kill().await;
        drop(self.endpoint);
    }
}

/// Asks and works; begins anew when a call fails.
async fn work(client: Client, runtime: Runtime, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if NoopExecutor::new(client.clone(), 1).run(stop.clone()).await.is_err() {
            runtime.sleep(AGAIN).await;
        }
    }
}
