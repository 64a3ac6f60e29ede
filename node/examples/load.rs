//! Load on one node over its network: how many submit-assign-close cycles a second, and how long each step takes.
//!
//! ```text
//! cargo run --release -p colony-node --example load -- [CLIENTS] [BATCH] [SECONDS] [DIRECTORY|memory]
//! ```
//!
//! Node and clients share this process and so the machine; every request is signed, travels over TCP and is on disk
//! before it is answered (except with `memory`). At the end one executor waits and one member submits: the latency of
//! an idle colony.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool, not a part of the node")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use colony_node::{
    client::{Client, Remote},
    consensus::Timing,
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::List,
    command::{Assign, Closing, LeaseRef, Submission},
    identity::SecretKey,
    model::{Conditions, Errors, Executor, FunctionSpec, Name, Process, Values},
    time::Span,
};
use futures::future::join_all;

/// Rounds of the latency measurement.
const ROUNDS: usize = 300;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (clients, batch, seconds) = (number(32), number(1), number(5));
    let data = match arguments.next().as_deref() {
        None | Some("memory") => Data::Memory,
        Some(path) => Data::Directory(PathBuf::from(path)),
    };
    let runtime = Runtime::new(Tokio::new());
    let node = start(clients, data, &runtime).await;
    let members: Vec<Client> = (0..clients).map(|number| member(&node, number, &runtime)).collect();

    let end = runtime.elapsed() + Duration::from_secs(seconds as u64);
    let before = runtime.elapsed();
    let steps: Vec<Steps> = join_all(members.iter().map(|member| {
        let member = member.clone();
        async move { tokio_task(member, batch, end).await }
    }))
    .await;
    report(&steps, batch, runtime.elapsed() - before);
    let requests: usize = steps.iter().map(|steps| steps.close.len() * 3).sum();
    println!(
        "requests per log entry: {:.1}",
        requests as f64 / node.status(&SecretKey::derive(b"owner").identity()).unwrap().applied as f64
    );
    idle(&members, &runtime).await;
    node.shutdown().await;
}

/// How long each step took, in order.
#[derive(Default)]
struct Steps {
    submit: Vec<Duration>,
    assign: Vec<Duration>,
    close: Vec<Duration>,
}

/// Runs one client as a task of its own.
async fn tokio_task(member: Client, batch: usize, end: Duration) -> Steps {
    let (done, steps) = tokio::sync::oneshot::channel();
    member.runtime().clone().spawn("load", async move {
        done.send(cycles(&member, batch, end).await).ok();
    });
    steps.await.unwrap()
}

async fn cycles(member: &Client, batch: usize, end: Duration) -> Steps {
    let clock = member.runtime();
    let mut steps = Steps::default();
    while clock.elapsed() < end {
        let start = clock.elapsed();
        member.submit((0..batch).map(|_| work()).collect()).await.unwrap();
        let submitted = clock.elapsed();
        let processes = member.assign(ask(batch)).await.unwrap();
        let assigned = clock.elapsed();
        member.close(processes.iter().map(success).collect()).await.unwrap();
        steps.submit.push(submitted - start);
        steps.assign.push(assigned - submitted);
        steps.close.push(clock.elapsed() - assigned);
    }
    steps
}

/// One executor waits, one member submits: from before the submission to after the assignment.
async fn idle(members: &[Client], runtime: &Runtime) {
    let (submitter, executor) = (&members[0], &members[members.len() - 1]);
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let waiting = executor.assign(ask(1));
        let submitting = async {
            // Long enough for the ask to be parked.
            runtime.sleep(Duration::from_millis(5)).await;
            let start = runtime.elapsed();
            submitter.submit(vec![work()]).await.unwrap();
            start
        };
        let (processes, start) =
            tokio::join!(async { (waiting.await.unwrap(), runtime.elapsed()) }, submitting);
        took.push(processes.1 - start);
        executor.close(processes.0.iter().map(success).collect()).await.unwrap();
    }
    println!("idle, submit to assigned: {}", percentiles(&mut took));
}

fn report(steps: &[Steps], batch: usize, took: Duration) {
    let all = |pick: fn(&Steps) -> &Vec<Duration>| {
        let mut all: Vec<Duration> = steps.iter().flat_map(|steps| pick(steps).iter().copied()).collect();
        percentiles(&mut all)
    };
    let cycles: usize = steps.iter().map(|steps| steps.close.len()).sum::<usize>() * batch;
    println!(
        "{} clients, batches of {batch}: {:.0} cycles/s",
        steps.len(),
        cycles as f64 / took.as_secs_f64()
    );
    println!("submit: {}", all(|steps| &steps.submit));
    println!("assign: {}", all(|steps| &steps.assign));
    println!("close:  {}", all(|steps| &steps.close));
}

fn percentiles(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let at = |part: f64| took.get(((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1)));
    format!(
        "p50 {:.2?}, p99 {:.2?}",
        at(0.5).copied().unwrap_or_default(),
        at(0.99).copied().unwrap_or_default()
    )
}

async fn start(clients: usize, data: Data, runtime: &Runtime) -> Node {
    let owner = SecretKey::derive(b"owner");
    let executors = (0..clients).map(|number| Executor {
        id: key(number).identity(),
        name: Name::cut(&format!("load-{number}")),
        executor_type: Name::cut("load"),
        ..Executor::default()
    });
    let config = NodeConfig {
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
            id: owner.identity(),
            found: Some(Founding {
                owner,
                name: Name::cut("load"),
                member: Name::cut("node"),
                executors: executors.collect(),
                users: Vec::new(),
            }),
            peers: Vec::new(),
        }],
    };
    let before = runtime.elapsed();
    let node = Node::start(config, runtime.clone()).await.unwrap();
    println!("ready after {:.2?}", runtime.elapsed() - before);
    node
}

fn key(number: usize) -> SecretKey {
    SecretKey::derive(format!("load {number}").as_bytes())
}

fn member(node: &Node, number: usize, runtime: &Runtime) -> Client {
    let remote = Remote::connect(node.addresses(), runtime.clone());
    let colony = SecretKey::derive(b"owner").identity();
    Client::new(Arc::new(remote), colony, key(number), runtime.clone())
}

fn work() -> Submission {
    let conditions = Conditions { executor_type: Name::cut("load"), ..Conditions::default() };
    let func_name = "echo".try_into().unwrap();
    Submission { spec: FunctionSpec { func_name, conditions, ..FunctionSpec::default() }, retry_of: None }
}

fn ask(batch: usize) -> Assign {
    Assign { max: u16::try_from(batch).unwrap(), wait: Span::from_secs(10), ..Assign::default() }
}

fn success(process: &Process) -> Closing {
    Closing {
        lease: LeaseRef { process: process.id, token: process.token },
        success: true,
        output: Values::default(),
        errors: Errors::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    }
}
