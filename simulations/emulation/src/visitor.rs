//! An executor that keeps no replica: an endpoint on a machine of its own, and work that only it does.
//!
//! What it knows, whom it reaches and when it asks is its owner's affair (`guest`, `outpost`). Nobody else does work of its
//! type, so whatever of that is done, it has done.

use std::time::Duration;

use colony_node::{
    client::Client,
    discovery::Settings,
    endpoint::{Endpoint, EndpointConfig},
    net::Multiaddr,
};
use colony_protocol::{
    bounded::Text,
    command::{Command, Submission},
    identity::SecretKey,
    model::{Conditions, Executor, FunctionSpec},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    colony::{Stuck, colony},
    machine::Machine,
};

/// Before an executor whose call has failed begins anew.
pub const AGAIN: Duration = Duration::from_millis(200);

/// The executor.
#[derive(Debug)]
pub struct Visitor {
    /// Where it is.
    pub machine: Machine,
    /// What it has of the network.
    pub endpoint: Endpoint,
    /// Who it is.
    pub key: SecretKey,
    /// When it is to go.
    pub stop: CancellationToken,
    /// Its name, and the type of its work.
    name: &'static str,
    owner: Client,
}

impl Visitor {
    /// Lets one in. It finds the network over `bootstrap`, and has been told that the colony is at `ways`.
    ///
    /// # Errors
    /// [`Stuck`], if that is not to be.
    pub async fn arrive(
        machine: Machine,
        owner: &Client,
        name: &'static str,
        bootstrap: Vec<Multiaddr>,
        ways: Vec<Multiaddr>,
    ) -> Result<Self, Stuck> {
        let refused = |why: String| Stuck::Refused { what: "letting an executor in", why };
        let key = SecretKey::derive(format!("emulated {name}").as_bytes());
        let executor = Executor {
            id: key.identity(),
            name: Text::cut(name),
            executor_type: Text::cut(name),
            ..Executor::default()
        };
        let added = owner.command(&Command::AddExecutor { executor, approved: true }).await;
        added.map_err(|error| refused(error.to_string()))?;
        let endpoint = open(&machine, key.clone(), bootstrap).await.map_err(refused)?;
        endpoint.learn(&colony(), ways);
        Ok(Self { machine, endpoint, key, stop: CancellationToken::new(), name, owner: owner.clone() })
    }

    /// Its way to the colony.
    #[must_use]
    pub fn client(&self) -> Client {
        self.endpoint.client(colony(), self.key.clone())
    }

    /// Whether it does a piece of work that the owner queues.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn does_work(&self, patience: Duration) -> Result<(), String> {
        let spec = FunctionSpec {
            func_name: Text::cut("visit"),
            conditions: Conditions { executor_type: Text::cut(self.name), ..Conditions::default() },
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
    pub async fn leave(self) {
        self.stop.cancel();
        self.machine.kill().await;
        drop(self.endpoint);
    }
}

/// An endpoint on a machine, for somebody who passes on nothing for others.
///
/// # Errors
/// What the endpoint said.
pub async fn open(machine: &Machine, key: SecretKey, bootstrap: Vec<Multiaddr>) -> Result<Endpoint, String> {
    let discovery = Settings { bootstrap, lab: true, guest: true, ..Settings::default() };
    let config = EndpointConfig { key, listen: Vec::new(), discovery };
    Endpoint::start(config, machine.runtime()).await.map_err(|error| error.to_string())
}
