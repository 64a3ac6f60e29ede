//! What the tests share: the engine's types, a writer that runs, and members who sign requests.

use std::sync::{Arc, Mutex};

use colony_protocol::{
    bounded::{Bytes, List, Text},
    colony::Event,
    command::{Assign, Closing, Command, LeaseRef, Submission},
    entry::{Batch, Item},
    envelope::{Body, RequestId, Signed},
    identity::{Identity, SecretKey},
    model::{Executor, FunctionSpec, LogLine, LogStream, ProcessId, WorkflowSpec, member::StoreId},
    reply::Reply,
    request::Request,
    time::{Span, Timestamp},
};
use openraft::storage::{RaftLogStorage as _, RaftStateMachine as _};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader as _, storage::RaftLogStorageExt as _};

use crate::{ColonyStore, Disk, EngineError, LogId, MemberId, Options, Outcomes, Snapshot, Store, Writer};

openraft::declare_raft_types!(
    /// The engine as these tests run it.
    pub(crate) Types:
        D = Batch,
        R = Outcomes,
        NodeId = MemberId,
        Node = crate::MemberInfo,
        Entry = openraft::Entry<Types>,
        SnapshotData = Snapshot,
        AsyncRuntime = openraft::TokioRuntime,
);

/// What a store is known as that these tests make.
pub(crate) const FRESH: StoreId = StoreId::from_bytes([7; 16]);

pub(crate) type Entry = openraft::Entry<Types>;

/// Opens a store whose writer has a thread of its own.
pub(crate) fn open_with_thread(disk: Disk) -> Store {
    let (store, writer) = Store::open(disk, Options::default(), FRESH).unwrap();
    start(writer);
    store
}

/// Gives a writer a thread; it ends with the last handle of its store.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate starts no thread; its tests stand for the node that does"
)]
pub(crate) fn start(writer: Writer) {
    std::thread::spawn(move || writer.run());
}

/// Runs a writer inline beside something that ends by dropping its store.
pub(crate) async fn on_one_thread(writer: Writer, work: impl Future<Output = ()>) {
    tokio::join!(biased; writer.run_inline(), work);
}

/// The owner of the test colony.
pub(crate) fn owner() -> SecretKey {
    SecretKey::derive(b"owner")
}

/// Its executor.
pub(crate) fn executor() -> SecretKey {
    SecretKey::derive(b"executor")
}

/// The test colony.
pub(crate) fn colony() -> Identity {
    owner().identity()
}

/// Events that were told.
pub(crate) type Told = Arc<Mutex<Vec<Event>>>;

/// A colony driven by hand: what a quorum of one does.
pub(crate) struct Driver {
    pub(crate) store: ColonyStore<Types>,
    pub(crate) told: Told,
    next: u64,
    now: u64,
    requests: u64,
}

/// Microseconds between two entries; five of them make a cut due.
const STEP: u64 = 50_000;

impl Driver {
    /// Opens the test colony and replays what its log holds.
    pub(crate) async fn open(store: &Store) -> Self {
        let told = Told::default();
        let sink = told.clone();
        let mut colony_store = store
            .open_colony(
                colony(),
                Arc::new(move |events: &[Event]| sink.lock().unwrap().extend_from_slice(events)),
            )
            .await
            .unwrap();
        let applied = colony_store.machine.applied_state().await.unwrap().0;
        let from = applied.map_or(0, |id| id.index + 1);
        let entries = colony_store.log.try_get_log_entries(from..).await.unwrap();
        colony_store.machine.apply(entries).await.unwrap();
        let last = colony_store.log.get_log_state().await.unwrap().last_log_id;
        let next = last.map_or(0, |id| id.index + 1);
        let now = 1_000_000_000 + next * STEP;
        Self { store: colony_store, told, next, now, requests: next * 1000 }
    }

    /// A signed request.
    pub(crate) fn item(&mut self, key: &SecretKey, command: &Command) -> Item {
        self.requests += 1;
        let mut request = [0; 16];
        request[..8].copy_from_slice(&self.requests.to_be_bytes());
        let body = Body {
            colony: colony(),
            kind: Text::new(command.kind()).unwrap(),
            audience: colony(),
            request: RequestId::from_bytes(request),
            issued: Timestamp::from_micros(self.now),
            expires: Timestamp::from_micros(self.now).after(Span::from_secs(60)),
            grants: List::default(),
            payload: Bytes::new(command.encode().unwrap()).unwrap(),
        };
        let signed = Signed::sign(&body, key).unwrap().to_bytes().unwrap();
        Item { by: key.identity(), signed: Request::new(Bytes::new(signed).unwrap()).into() }
    }

    /// The next entry with these items.
    pub(crate) fn entry(&mut self, items: Vec<Item>) -> Entry {
        let id = LogId::new(CommittedLeaderId::new(1, MemberId(colony())), self.next);
        self.next += 1;
        self.now += STEP;
        let batch = Batch { at: Timestamp::from_micros(self.now), heard: Vec::new(), items };
        Entry { log_id: id, payload: EntryPayload::Normal(batch) }
    }

    /// Lets time pass before the next entry.
    pub(crate) fn wait(&mut self, span: Span) {
        self.now += span.as_micros();
    }

    /// Appends an entry and waits until it is durable.
    pub(crate) async fn append(&mut self, entry: Entry) -> Result<(), EngineError> {
        self.store.log.blocking_append([entry]).await
    }

    /// Appends and applies an entry.
    pub(crate) async fn commit(&mut self, entry: Entry) -> Result<Outcomes, EngineError> {
        let id = entry.log_id;
        self.append(entry.clone()).await?;
        self.store.log.save_committed(Some(id)).await?;
        let mut outcomes = self.store.machine.apply([entry]).await?;
        Ok(outcomes.remove(0))
    }

    /// Appends and applies one command, which must be carried out.
    pub(crate) async fn tell(&mut self, key: &SecretKey, command: Command) -> Reply {
        let item = self.item(key, &command);
        let entry = self.entry(vec![item]);
        self.commit(entry).await.unwrap().0.remove(0).unwrap()
    }

    /// Founds the colony and adds its executor.
    pub(crate) async fn found(&mut self) {
        self.tell(&owner(), found()).await;
        self.tell(&owner(), add_executor()).await;
    }

    /// Submits, assigns and closes one process; gives its number.
    pub(crate) async fn run_one(&mut self) -> u64 {
        self.tell(&owner(), submit(1)).await;
        let Reply::Assigned { processes, .. } = self.tell(&executor(), assign(1)).await else {
            panic!("no work")
        };
        let process = &processes[0];
        let lease = lease(process.id, process.token);
        self.tell(&executor(), log_lines(lease, &["one", "two", "three"])).await;
        self.tell(&executor(), close(lease)).await;
        process.id.number()
    }
}

impl Driver {
    /// Like [`Driver::run_one`], with this line in its log.
    pub(crate) async fn run_with_line(&mut self, line: &str) -> u64 {
        self.tell(&owner(), submit(1)).await;
        let Reply::Assigned { processes, .. } = self.tell(&executor(), assign(1)).await else {
            panic!("no work")
        };
        let held = lease(processes[0].id, processes[0].token);
        self.tell(&executor(), log_lines(held, &[line])).await;
        self.tell(&executor(), close(held)).await;
        processes[0].id.number()
    }

    /// Takes one process and closes it.
    pub(crate) async fn finish_assigned(&mut self, key: &SecretKey) {
        let Reply::Assigned { processes, .. } = self.tell(key, assign(1)).await else { panic!("no work") };
        self.tell(key, close(lease(processes[0].id, processes[0].token))).await;
    }
}

pub(crate) fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

pub(crate) fn found() -> Command {
    Command::Found { name: text("dev") }
}

pub(crate) fn add_executor() -> Command {
    let executor = Executor {
        id: executor().identity(),
        name: text("worker"),
        executor_type: text("cli"),
        ..Default::default()
    };
    Command::AddExecutor { executor, approved: true }
}

pub(crate) fn submit(count: usize) -> Command {
    let items = vec![Submission { spec: spec(), retry_of: None }; count];
    Command::Submit { items: List::new(items).unwrap() }
}

/// A chain of nodes, each waiting for the one before.
pub(crate) fn submit_workflow(nodes: &[&str]) -> Command {
    let mut specs = Vec::new();
    for (place, name) in nodes.iter().enumerate() {
        let mut spec = spec();
        spec.node_name = text(name);
        if place > 0 {
            spec.conditions.dependencies = List::new(vec![text(nodes[place - 1])]).unwrap();
        }
        specs.push(spec);
    }
    let spec = WorkflowSpec { nodes: List::new(specs).unwrap(), ..Default::default() };
    Command::SubmitWorkflow { spec, retry_of: None }
}

fn spec() -> FunctionSpec {
    let mut spec = FunctionSpec { func_name: text("echo"), ..Default::default() };
    spec.conditions.executor_type = text("cli");
    spec
}

pub(crate) fn assign(max: u16) -> Command {
    Command::Assign(Assign { max, ..Default::default() })
}

pub(crate) fn log_lines(lease: LeaseRef, lines: &[&str]) -> Command {
    let lines = lines.iter().map(|line| LogLine { stream: LogStream::Out, message: text(line) }).collect();
    Command::AddLog { lease, lines: List::new(lines).unwrap() }
}

pub(crate) fn close(lease: LeaseRef) -> Command {
    let closing = Closing {
        lease,
        success: true,
        output: List::default(),
        errors: Default::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    };
    Command::Close { items: List::new(vec![closing]).unwrap() }
}

/// A lease as its process's number and token.
pub(crate) fn lease(process: ProcessId, token: u64) -> LeaseRef {
    LeaseRef { process, token }
}
