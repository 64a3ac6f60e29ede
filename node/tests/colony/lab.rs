//! What every test needs: a node, members with keys, and work.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use colony_node::{
    client::{Client, Remote},
    consensus::Timing,
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER, StartError},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{Json, List},
    command::{Assign, Closing, LeaseRef, Submission},
    identity::{Identity, SecretKey},
    model::{Conditions, Errors, Executor, FunctionSpec, Limit, Name, Process, ProcessId, User, Values},
    reply::Status,
    time::Span,
};

/// No answer in this lab takes longer, however loaded the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A wait that a test never sees the end of.
pub(crate) const LONG: Span = Span::from_secs(60);
/// Executors of type `cli` every colony starts with.
pub(crate) const EXECUTORS: usize = 32;

/// A colony on one node.
pub(crate) struct Lab {
    pub(crate) node: Node,
    pub(crate) runtime: Runtime,
}

pub(crate) fn owner() -> SecretKey {
    SecretKey::derive(b"owner")
}

pub(crate) fn user() -> SecretKey {
    SecretKey::derive(b"user")
}

pub(crate) fn executor_key(number: usize) -> SecretKey {
    SecretKey::derive(format!("executor {number}").as_bytes())
}

pub(crate) fn executor(number: usize, executor_type: &str) -> Executor {
    Executor {
        id: executor_key(number).identity(),
        name: Name::cut(&format!("executor-{number}")),
        executor_type: Name::cut(executor_type),
        ..Executor::default()
    }
}

pub(crate) fn config(data: Data) -> NodeConfig {
    let mut executors: Vec<Executor> = (0..EXECUTORS).map(|number| executor(number, "cli")).collect();
    executors.push(executor(EXECUTORS, "other"));
    NodeConfig {
        key: SecretKey::derive(b"node"),
        data,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        relay: false,
        tls: None,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig {
            id: owner().identity(),
            found: Some(Founding {
                owner: owner(),
                name: Name::cut("lab"),
                member: Name::cut("node"),
                executors,
                users: vec![User { id: user().identity(), name: Name::cut("someone"), ..User::default() }],
            }),
            peers: Vec::new(),
        }],
    }
}

impl Lab {
    /// A node whose data is gone when it ends.
    pub(crate) async fn in_memory() -> Self {
        Self::start(config(Data::Memory)).await.unwrap()
    }

    /// A node on a directory.
    pub(crate) async fn in_directory(path: &Path) -> Self {
        Self::start(config(Data::Directory(path.to_owned()))).await.unwrap()
    }

    pub(crate) async fn start(config: NodeConfig) -> Result<Self, StartError> {
        Self::start_on(Runtime::new(Tokio::new()), config).await
    }

    /// A node on a platform of the test's choice.
    pub(crate) async fn start_on(runtime: Runtime, config: NodeConfig) -> Result<Self, StartError> {
        let node = Node::start(config, runtime.clone()).await?;
        Ok(Self { node, runtime })
    }

    /// Who submits.
    pub(crate) fn user(&self) -> Client {
        self.node.client(owner().identity(), user())
    }

    /// The colony's owner.
    pub(crate) fn owner(&self) -> Client {
        self.node.client(owner().identity(), owner())
    }

    /// Who works.
    pub(crate) fn executor(&self, number: usize) -> Client {
        self.node.client(owner().identity(), executor_key(number))
    }

    /// The user over the network.
    pub(crate) fn remote(&self) -> Client {
        let remote = Remote::connect(self.node.addresses(), self.runtime.clone());
        Client::new(Arc::new(remote), owner().identity(), user(), self.runtime.clone())
    }

    /// How the node sees the colony.
    pub(crate) fn status(&self) -> Status {
        self.node.status(&owner().identity()).unwrap()
    }

    /// Drops every task where it stands, without a shutdown.
    pub(crate) async fn crash(self) {
        drop(self.node);
        assert!(self.runtime.shutdown(PATIENCE).await, "a task or thread outlived the crash");
    }

    /// Ends the node; its data is closed when this returns.
    pub(crate) async fn stop(self) {
        within("shutdown", self.node.shutdown()).await;
        assert!(self.runtime.shutdown(PATIENCE).await, "a task or thread outlived its node");
    }
}

/// What a future gives, in time.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let runtime = Runtime::new(Tokio::new());
    runtime.timeout(PATIENCE, future).await.unwrap_or_else(|| panic!("{what} took longer than {PATIENCE:?}"))
}

/// Work for an executor type.
pub(crate) fn work(executor_type: &str) -> FunctionSpec {
    FunctionSpec {
        func_name: "echo".try_into().unwrap(),
        max_wait_time: Limit::NONE,
        max_exec_time: Limit::NONE,
        conditions: Conditions { executor_type: Name::cut(executor_type), ..Conditions::default() },
        ..FunctionSpec::default()
    }
}

pub(crate) fn submission(spec: FunctionSpec) -> Submission {
    Submission { spec, retry_of: None }
}

/// Submits one piece of work.
pub(crate) async fn submit(client: &Client, spec: FunctionSpec) -> ProcessId {
    let ids = within("submit", client.submit(vec![submission(spec)])).await.unwrap();
    ids[0]
}

/// An ask for one process.
pub(crate) fn ask(wait: Span) -> Assign {
    Assign { max: 1, wait, ..Assign::default() }
}

/// Takes one process that is there.
pub(crate) async fn take(client: &Client) -> Process {
    let mut processes = within("assign", client.assign(ask(LONG))).await.unwrap();
    assert_eq!(processes.len(), 1);
    processes.remove(0)
}

pub(crate) fn lease_of(process: &Process) -> LeaseRef {
    LeaseRef { process: process.id, token: process.lease.unwrap().token }
}

pub(crate) fn success(process: &Process, output: &str) -> Closing {
    Closing {
        lease: lease_of(process),
        success: true,
        output: values(output),
        errors: Errors::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    }
}

pub(crate) fn values(text: &str) -> Values {
    Values::new(vec![Json::string(text)]).unwrap()
}

/// Closes one process and expects it to be accepted.
pub(crate) async fn close(client: &Client, process: &Process, output: &str) {
    let outcomes = within("close", client.close(vec![success(process, output)])).await.unwrap();
    assert_eq!(outcomes, vec![Ok(())]);
}

pub(crate) fn holder_of(process: &Process) -> Identity {
    process.lease.unwrap().holder
}
