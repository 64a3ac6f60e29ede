//! The demo's colony: three machines as one process can have them, made for one run, with keys nobody keeps.
//!
//! Each machine is a node and an executor that talks to it alone, on a runtime of its own: what is lost with one machine
//! is lost here too.

use std::num::NonZeroUsize;

use colony_node::{
    client::{Client, ClientError},
    executor::{ExecutorConfig, OsExecutor},
    node::Data,
    runtime::Runtime,
};
use colony_protocol::{
    bounded::Text,
    identity::{Identity, SecretKey},
    model::{Executor, Name, Process, WorkflowId},
    query::Query,
    reply::Answer,
    time::Span,
};
use tokio_util::sync::CancellationToken;

use super::super::cluster::{Cluster, Member, Plan, Seat};
use crate::{
    connect,
    error::Failure,
    hardware, output,
    place::{self, Place},
};

/// The colony's name.
const NAME: &str = "demo";
/// What its executors are and processes ask for.
pub(super) const TYPE: &str = "demo";
/// The machines.
const MACHINES: [&str; 3] = ["alpha", "beta", "gamma"];
/// Any free port of this machine.
const LISTEN: &str = "/ip4/127.0.0.1/tcp/0";
/// Programs that one machine runs at a time.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
/// The shortest promise to be heard that there is: work of a lost machine goes back to the queue after as long.
const HEARTBEAT: Span = Span::from_secs(1);

/// Three machines, and somebody who uses them.
#[derive(Debug)]
pub(super) struct DemoColony {
    cluster: Cluster,
    client: Client,
    stop: CancellationToken,
}

impl DemoColony {
    /// Founds it and starts the executors.
    pub(super) async fn start(runtime: &Runtime) -> Result<Self, Failure> {
        let key = || SecretKey::derive(&runtime.random::<32>());
        let owner = key();
        let workers: Vec<SecretKey> = MACHINES.iter().map(|_| key()).collect();
        let executors = MACHINES.iter().zip(&workers).map(|(name, key)| executor(name, key)).collect();
        let seats = MACHINES.iter().map(|name| seat(name, key(), runtime)).collect::<Result<_, _>>()?;
        let plan = Plan { name: Text::cut(NAME), owner: owner.clone(), executors, seats };
        let cluster = Cluster::start(&plan, runtime, |error| Failure::caused(&error)).await?;
        let client = connect::over(cluster.addresses(), cluster.colony, owner, runtime);
        let stop = CancellationToken::new();
        for (member, key) in cluster.members.iter().zip(workers) {
            work(member, member.node.client(cluster.colony, key), stop.clone());
        }
        Ok(Self { cluster, client, stop })
    }

    /// Signs as the owner, and finds another node when the one it uses is gone.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// The names of its machines.
    pub(super) fn machines(&self) -> String {
        self.cluster.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Who coordinates now.
    pub(super) fn coordinator(&self) -> Option<Identity> {
        self.cluster.coordinator()
    }

    /// What a machine is called.
    pub(super) fn name(&self, id: &Identity) -> Name {
        let member = self.cluster.members.iter().find(|member| member.node.identity() == *id);
        member.map(|member| member.name.clone()).unwrap_or_default()
    }

    /// Ends a machine as a power cut would: node, executor and what it runs.
    pub(super) async fn crash(&mut self, id: &Identity) {
        self.cluster.crash(id).await;
    }

    /// The processes of a workflow, in its order.
    pub(super) async fn processes(&self, workflow: WorkflowId) -> Result<Vec<Process>, Failure> {
        match self.client.query(&Query::Workflow(workflow.into())).await? {
            Answer::Workflow { processes, .. } => Ok(processes),
            _ => Err(ClientError::Unexpected("to workflow").into()),
        }
    }

    /// Ends the executors, then the nodes.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.cluster.shutdown().await;
    }
}

fn executor(name: &str, key: &SecretKey) -> Executor {
    Executor {
        id: key.identity(),
        name: Text::cut(name),
        executor_type: Text::cut(TYPE),
        capabilities: hardware::capabilities(),
        ..Executor::default()
    }
}

fn seat(name: &str, key: SecretKey, runtime: &Runtime) -> Result<Seat, Failure> {
    let places = place::settle(&[LISTEN.to_owned()], &[], runtime)?;
    let listen = places.iter().map(Place::address).collect::<Result<_, _>>()?;
    Ok(Seat { name: Text::cut(name), key, data: Data::Memory, listen })
}

/// The executor of a machine, on that machine's runtime.
fn work(member: &Member, client: Client, stop: CancellationToken) {
    let mut config = ExecutorConfig::new(member.name.clone(), Text::cut(TYPE), Text::cut(NAME));
    config.parallel = PARALLEL;
    config.heartbeat = HEARTBEAT;
    let name = member.name.clone();
    member.runtime.spawn("demo executor", async move {
        if let Err(error) = OsExecutor::new(config, client).run(stop).await {
            output::note(&format!("the executor {name} cannot run: {error}"));
        }
    });
}
