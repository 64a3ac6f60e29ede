//! Clients that queue workflows, and executors that do their parts, now and then without success.
//!
//! Their work is of a type of its own: what becomes of a part follows from its parents too, which the crowd's checker knows
//! nothing of. What they were told is kept for the oracle (`oracle::workflows`), and the log is played again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::{List, Text},
    command::{Assign, Closing, Command, LeaseRef},
    identity::SecretKey,
    model::{Conditions, Errors, Executor, FunctionSpec, Name, Process, ProcessId, Values, WorkflowSpec},
    refusal::Refusal,
    time::Span,
};
use colony_simulations::chance::Chance;
use colony_tests::crowd::Door;
use tokio::{task::JoinHandle, time::sleep};

/// The type of their work.
const TYPE: &str = "woven";
/// Executors of a generation.
const EXECUTORS: u64 = 2;
/// Between two workflows.
const PAUSE: Duration = Duration::from_millis(400);
/// After a call without an answer.
const AGAIN: Duration = Duration::from_millis(50);

/// The workflows that were acknowledged, with their parts; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Woven(Arc<Mutex<Vec<Vec<ProcessId>>>>);

impl Woven {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Vec<ProcessId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, parts: Vec<ProcessId>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(parts);
    }
}

/// Clients at work until they are stopped.
#[derive(Debug)]
pub struct Weavers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Weavers {
    /// Makes the members of a generation. What one generation holds without knowing it comes back once it is silent.
    ///
    /// # Errors
    /// What the colony said.
    pub async fn register(owner: &Client, generation: u64) -> Result<(), ClientError> {
        for number in 0..EXECUTORS {
            let executor = Executor {
                id: key(generation, number).identity(),
                name: Text::cut(&format!("weaver-{generation}-{number}")),
                executor_type: Text::cut(TYPE),
                ..Executor::default()
            };
            match owner.command(&Command::AddExecutor { executor, approved: true }).await {
                Ok(_) | Err(ClientError::Refused(Refusal::Exists { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Starts a generation: executors, and one client that queues if `woven` is given.
    #[must_use]
    pub fn start(doors: &[Door], generation: u64, woven: Option<&Woven>, chance: &mut Chance) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for (number, door) in (0..EXECUTORS).zip(doors.iter().cycle()) {
            let client = door.client.with_key(key(generation, number));
            tasks.push(tokio::spawn(work(client, chance.split(), Arc::clone(&stop))));
        }
        if let (Some(woven), Some(door)) = (woven, doors.last()) {
            // The owner may submit, too.
            let weaving = weave(door.client.clone(), chance.split(), Arc::clone(&stop), woven.clone());
            tasks.push(tokio::spawn(weaving));
        }
        Self { stop, tasks }
    }

    /// Lets every call under way come to its end.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.ok();
        }
    }
}

fn key(generation: u64, number: u64) -> SecretKey {
    SecretKey::derive(format!("weaver {generation}-{number}").as_bytes())
}

async fn weave(client: Client, mut chance: Chance, stop: Arc<AtomicBool>, woven: Woven) {
    while !stop.load(Ordering::Relaxed) {
        // Without an acknowledgement nothing was promised.
        if let Ok((_, parts)) = client.submit_workflow(graph(&mut chance), None).await {
            woven.add(parts);
        }
        sleep(PAUSE).await;
    }
}

/// Each part waits for some of those before it.
fn graph(chance: &mut Chance) -> WorkflowSpec {
    let count = chance.between(2, 6);
    let nodes = (0..count).map(|number| {
        let parents = (0..number).filter(|_| chance.below(2) == 0).map(part).collect();
        let conditions = Conditions {
            executor_type: Text::cut(TYPE),
            dependencies: List::new(parents).unwrap_or_default(),
            ..Conditions::default()
        };
        FunctionSpec {
            node_name: part(number),
            func_name: Text::cut("weave"),
            conditions,
            max_retries: -1,
            ..FunctionSpec::default()
        }
    });
    WorkflowSpec { nodes: List::new(nodes.collect()).unwrap_or_default(), ..WorkflowSpec::default() }
}

fn part(number: u64) -> Name {
    Text::cut(&format!("part-{number}"))
}

async fn work(client: Client, mut chance: Chance, stop: Arc<AtomicBool>) {
    let heartbeat = Some(Span::from_secs(1));
    while !stop.load(Ordering::Relaxed) {
        let ask = Assign { max: 4, wait: Span::from_millis(500), heartbeat, ..Assign::default() };
        let Ok(held) = client.assign(ask).await else {
            sleep(AGAIN).await;
            continue;
        };
        if !held.is_empty() {
            let items = held.iter().map(|process| closing(process, chance.below(10) > 0)).collect();
            client.close(items).await.ok();
        }
    }
}

fn closing(process: &Process, success: bool) -> Closing {
    Closing {
        lease: LeaseRef { process: process.id, token: process.token },
        success,
        output: Values::default(),
        errors: Errors::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    }
}
