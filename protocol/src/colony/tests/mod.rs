//! Whole stories of a colony, told to the core alone: one file per part of the rules.

mod blueprints;
mod channels;
mod contacts;
mod crons;
mod delegating;
mod failover;
mod files;
mod generators;
mod holes;
mod joining;
mod keys;
mod lifecycle;
mod matching;
mod members;
mod membership;
mod release;
mod restoring;
mod waiting;
mod workflows;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Change, Colony, Event, Outbox, RowKey};
use crate::{
    bounded::{Json, List, Text},
    command::{Assign, Closing, Command, LeaseRef, Submission},
    envelope::RequestId,
    identity::Identity,
    model::{Executor, FunctionSpec, Limit, Process, ProcessId, State, User, Values},
    refusal::Refusal,
    reply::Reply,
    time::{Span, Timestamp},
};

/// The owner's identity, and the colony's.
const OWNER: u8 = 1;
/// An approved executor of type `cli` named `e2`.
const E2: u8 = 2;
/// Another one, named `e3`.
const E3: u8 = 3;
/// A user named `u4`.
const USER: u8 = 4;

fn id(byte: u8) -> Identity {
    Identity::from_bytes([byte; 32])
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

fn values(texts: &[&str]) -> Values {
    List::new(texts.iter().map(|text| Json::string(text)).collect()).unwrap()
}

fn spec() -> FunctionSpec {
    let mut spec = FunctionSpec { func_name: text("echo"), ..Default::default() };
    spec.conditions.executor_type = text("cli");
    spec
}

fn seconds(limit: i64) -> Limit {
    Limit(limit)
}

/// A colony and what it left behind, driven by hand.
struct World {
    colony: Colony,
    now: u64,
    requests: u64,
    out: Outbox,
    archive: BTreeMap<RowKey, Vec<u8>>,
}

impl World {
    /// A founded colony with two executors and a user, at second 1,000.
    fn new() -> Self {
        let mut world = Self {
            colony: Colony::new(id(OWNER)),
            now: 1_000,
            requests: 0,
            out: Outbox::default(),
            archive: BTreeMap::new(),
        };
        world.wait(0);
        world.ok(OWNER, Command::Found { name: text("dev") });
        for byte in [E2, E3] {
            let executor = Executor {
                id: id(byte),
                name: text(&format!("e{byte}")),
                executor_type: text("cli"),
                ..Default::default()
            };
            world.ok(OWNER, Command::AddExecutor { executor, approved: true });
        }
        let user = User { id: id(USER), name: text("u4"), ..Default::default() };
        world.ok(OWNER, Command::AddUser { user });
        world.events();
        world
    }

    /// Lets time pass in an entry of its own.
    fn wait(&mut self, seconds: u64) {
        self.now += seconds;
        self.colony.begin(Timestamp::from_micros(self.now * 1_000_000), &[], &mut self.out);
        self.keep();
    }

    fn call(&mut self, by: u8, command: Command) -> Call {
        self.requests += 1;
        let mut request = [0; 16];
        request[..8].copy_from_slice(&self.requests.to_be_bytes());
        Call {
            by: id(by),
            term: 1,
            request: RequestId::from_bytes(request),
            expires: Timestamp::from_micros((self.now + 60) * 1_000_000),
            command: command.into(),
        }
    }

    fn apply(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let reply = self.colony.apply(call, &mut self.out);
        self.keep();
        reply
    }

    fn tell(&mut self, by: u8, command: Command) -> Result<Reply, Refusal> {
        let call = self.call(by, command);
        self.apply(&call)
    }

    fn ok(&mut self, by: u8, command: Command) -> Reply {
        self.tell(by, command).unwrap()
    }

    /// Plays the store's part.
    fn keep(&mut self) {
        for change in self.out.changes.drain(..) {
            match change {
                Change::Kept(key, row) => drop(self.archive.insert(key, row)),
                Change::Forgotten(key) => drop(self.archive.remove(&key)),
                Change::Touched(_) | Change::Removed(..) | Change::ForgottenState(_) | Change::Expired(_) => {
                }
            }
        }
    }

    /// Events since the last look.
    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.out.events)
    }

    fn submit(&mut self, spec: FunctionSpec) -> ProcessId {
        let items = List::new(vec![Submission { spec, retry_of: None }]).unwrap();
        match self.ok(USER, Command::Submit { items }) {
            Reply::Submitted(ids) => ids[0],
            other => panic!("{other:?}"),
        }
    }

    fn assign_with(&mut self, by: u8, ask: Assign) -> Vec<Process> {
        match self.ok(by, Command::Assign(ask)) {
            Reply::Assigned { processes, .. } => processes,
            other => panic!("{other:?}"),
        }
    }

    fn assign(&mut self, by: u8) -> Option<Process> {
        self.assign_with(by, Assign { max: 1, ..Default::default() }).pop()
    }

    fn close(&mut self, by: u8, process: &Process, success: bool, output: &[&str]) -> Result<(), Refusal> {
        let closing = Closing { output: values(output), ..closing(process, success) };
        match self.ok(by, Command::Close { items: List::new(vec![closing]).unwrap() }) {
            Reply::Closed(mut items) => items.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// A process wherever it is now.
    fn process(&self, id: ProcessId) -> Process {
        let number = id.number();
        self.colony.live_process(number).cloned().unwrap_or_else(|| {
            super::decode_process(&self.archive[&RowKey::ArchivedProcess(number)]).unwrap()
        })
    }

    fn state(&self, id: ProcessId) -> State {
        self.process(id).state
    }
}

fn lease(process: &Process) -> LeaseRef {
    LeaseRef { process: process.id, token: process.token }
}

fn closing(process: &Process, success: bool) -> Closing {
    Closing {
        lease: lease(process),
        success,
        output: Values::default(),
        errors: Default::default(),
        attributes: Default::default(),
        lines: Default::default(),
        receipt: None,
    }
}
