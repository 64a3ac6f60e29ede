//! The demo's colony: made for one run, with keys nobody keeps.

use colony_node::{
    client::{Client, ClientError},
    consensus::Timing,
    executor::{ExecutorConfig, OsExecutor},
    net::Multiaddr,
    node::{ColonyConfig, Data, Founding, Node, NodeConfig, REPLACE_AFTER},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::Text,
    identity::SecretKey,
    model::{Executor, Process, WorkflowId},
    query::Query,
    reply::Answer,
};
use tokio_util::sync::CancellationToken;

use crate::{connect, error::Failure, hardware, output};

/// The colony's name.
const NAME: &str = "demo";
/// What its executor is and processes ask for.
pub(super) const TYPE: &str = "demo";
/// Any free port of this machine.
const LISTEN: &str = "/ip4/127.0.0.1/tcp/0";

/// A node, an executor, and a client of both.
#[derive(Debug)]
pub(super) struct DemoColony {
    node: Node,
    client: Client,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl DemoColony {
    /// Founds it and starts the executor.
    pub(super) async fn start(runtime: &Runtime) -> Result<Self, Failure> {
        let key = || SecretKey::derive(&runtime.random::<32>());
        let (owner, worker) = (key(), key());
        let executor = Executor {
            id: worker.identity(),
            name: Text::cut("worker"),
            executor_type: Text::cut(TYPE),
            capabilities: hardware::capabilities(),
            ..Executor::default()
        };
        let founding = Founding {
            owner: owner.clone(),
            name: Text::cut(NAME),
            member: Text::cut("node"),
            executors: vec![executor],
            users: Vec::new(),
        };
        let listen: Multiaddr = LISTEN.parse().map_err(|error| Failure::new(format!("{LISTEN}: {error}")))?;
        let config = NodeConfig {
            key: key(),
            data: Data::Memory,
            listen: vec![listen],
            timing: Timing::Local,
            replace_after: REPLACE_AFTER,
            colonies: vec![ColonyConfig { id: owner.identity(), found: Some(founding), peers: Vec::new() }],
        };
        let node = Node::start(config, runtime.clone()).await.map_err(|error| Failure::caused(&error))?;
        let over = |key| connect::over(node.addresses(), owner.identity(), key, runtime);
        let client = over(owner.clone());
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        work(over(worker), runtime, stop.clone(), stopped.clone());
        Ok(Self { node, client, stop, stopped })
    }

    /// Signs as the owner.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Where its node listens.
    pub(super) fn place(&self) -> String {
        self.node.addresses().first().map(ToString::to_string).unwrap_or_default()
    }

    /// The processes of a workflow, in its order.
    pub(super) async fn processes(&self, workflow: WorkflowId) -> Result<Vec<Process>, Failure> {
        match self.client.query(&Query::Workflow(workflow.into())).await? {
            Answer::Workflow { processes, .. } => Ok(processes),
            _ => Err(ClientError::Unexpected("to workflow").into()),
        }
    }

    /// Ends the executor, then the node.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
        self.node.shutdown().await;
    }
}

fn work(client: Client, runtime: &Runtime, stop: CancellationToken, stopped: CancellationToken) {
    let config = ExecutorConfig::new(Text::cut("worker"), Text::cut(TYPE), Text::cut(NAME));
    runtime.spawn("demo executor", async move {
        if let Err(error) = OsExecutor::new(config, client).run(stop).await {
            output::note(&format!("the executor cannot run: {error}"));
        }
        stopped.cancel();
    });
}
