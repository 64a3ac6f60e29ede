//! How many programs a second one executor runs, from submission to result.
//!
//! ```text
//! cargo run --release -p colony-node --example programs -- [PROGRAMS] [PARALLEL] [DIRECTORY|memory] [PROGRAM]
//! ```
//!
//! Node and executor share this process and so the machine. Every result is on disk before the executor is told so
//! (except with `memory`).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool, not a part of the node")]

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use colony_node::{
    consensus::Timing,
    executor::{ExecutorConfig, OsExecutor},
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    command::Submission,
    identity::SecretKey,
    model::{Conditions, Executor, FunctionSpec, Name, State},
    query::Query,
    reply::Answer,
};
use tokio_util::sync::CancellationToken;

/// Submitted in one request.
const BATCH: usize = 500;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (programs, parallel) = (number(5_000), number(2));
    let data = match arguments.next().as_deref() {
        None | Some("memory") => Data::Memory,
        Some(path) => Data::Directory(PathBuf::from(path)),
    };
    let program = arguments.next().unwrap_or_else(|| "true".to_owned());
    let runtime = Runtime::new(Tokio::new());
    let node = start(data, &runtime).await;
    let owner = node.client(key("owner").identity(), key("owner"));

    for batch in (0..programs).collect::<Vec<_>>().chunks(BATCH) {
        owner.submit(batch.iter().map(|_| work(&program)).collect()).await.unwrap();
    }
    let mut config = ExecutorConfig::new(Name::cut("worker"), Name::cut("cli"), Name::cut("bench"));
    config.parallel = NonZeroUsize::new(parallel).unwrap();
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let (executor, told, done) = (
        OsExecutor::new(config, node.client(key("owner").identity(), key("worker"))),
        stop.clone(),
        stopped.clone(),
    );
    let start = runtime.elapsed();
    runtime.spawn("executor", async move {
        executor.run(told).await.unwrap();
        done.cancel();
    });
    loop {
        let Answer::Statistics(counts) = owner.query(&Query::Statistics).await.unwrap() else { return };
        let ended = counts.processes_in(State::Success) + counts.processes_in(State::Failed);
        if ended >= programs as u64 {
            break;
        }
        runtime.sleep(Duration::from_millis(20)).await;
    }
    let took = runtime.elapsed() - start;
    println!("{programs} × `{program}`, {parallel} at once: {:.0}/s", programs as f64 / took.as_secs_f64());
    stop.cancel();
    stopped.cancelled().await;
    node.shutdown().await;
}

fn key(name: &str) -> SecretKey {
    SecretKey::derive(name.as_bytes())
}

async fn start(data: Data, runtime: &Runtime) -> Node {
    let worker = Executor {
        id: key("worker").identity(),
        name: Name::cut("worker"),
        executor_type: Name::cut("cli"),
        ..Executor::default()
    };
    let founding = Founding {
        owner: key("owner"),
        name: Name::cut("bench"),
        member: Name::cut("node"),
        executors: vec![worker],
        users: Vec::new(),
    };
    let config = NodeConfig {
        key: key("node"),
        data,
        listen: Vec::new(),
        relay: false,
        tls: None,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig {
            id: key("owner").identity(),
            found: Some(founding),
            peers: Vec::new(),
        }],
    };
    Node::start(config, runtime.clone()).await.unwrap()
}

fn work(program: &str) -> Submission {
    let conditions = Conditions { executor_type: Name::cut("cli"), ..Conditions::default() };
    let spec = FunctionSpec { func_name: program.try_into().unwrap(), conditions, ..FunctionSpec::default() };
    Submission { spec, retry_of: None }
}
