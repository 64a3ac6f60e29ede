//! Executors that do nothing but take and close, made for one run.

use std::{sync::Arc, time::Duration};

use colony_node::client::Client;
use colony_protocol::{
    bounded::{List, Text},
    command::{Assign, Closing, Command, LeaseRef},
    identity::SecretKey,
    model::{Errors, Executor, Name, Process, Values},
    time::Span,
};

use super::{Load, News, Phase};
use crate::{connect, error::Failure, output};

/// How long one request for work waits.
const WAIT: Span = Span::from_secs(5);
/// The promise to be heard.
const HEARTBEAT: Span = Span::from_secs(30);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    name: Name,
    key: SecretKey,
}

/// Makes keys and has the owner let them in.
pub(super) async fn admit(owner: &Client, load: &Load, count: u16) -> Result<Vec<Worker>, Failure> {
    let runtime = &load.session.app.runtime;
    let mut workers = Vec::new();
    for index in 0..count {
        let key = SecretKey::derive(&runtime.random::<32>());
        let name: Name = Text::cut(&format!("{}-{index}", load.kind));
        let executor = Executor {
            id: key.identity(),
            name: name.clone(),
            executor_type: load.kind.clone(),
            ..Executor::default()
        };
        owner.command(&Command::AddExecutor { executor, approved: true }).await?;
        workers.push(Worker { name, key });
    }
    Ok(workers)
}

/// Has the owner remove them again.
pub(super) async fn remove(owner: &Client, workers: &[Worker]) {
    for worker in workers {
        if let Err(error) = owner.command(&Command::RemoveExecutor { name: worker.name.clone() }).await {
            output::note(&format!("cannot remove the executor {}: {error}", worker.name));
        }
    }
}

/// Starts them.
pub(super) fn start(load: &Arc<Load>, workers: &[Worker]) {
    for worker in workers {
        let (load, key) = (Arc::clone(load), worker.key.clone());
        let runtime = load.session.app.runtime.clone();
        runtime.spawn("bench executor", async move {
            let outcome = tokio::select! {
                biased;
                () = load.stop.cancelled() => Ok(()),
                outcome = work(&load, key) => outcome,
            };
            if let Err(failure) = outcome {
                load.news.send(News::Failed(failure)).await.ok();
            }
        });
    }
}

async fn work(load: &Load, key: SecretKey) -> Result<(), Failure> {
    let context = &load.session.chosen.context;
    let runtime = &load.session.app.runtime;
    let client = connect::client(&context.nodes, context.colony_id, key, runtime)?;
    loop {
        let ask = Assign { max: load.batch, wait: WAIT, heartbeat: Some(HEARTBEAT), ..Assign::default() };
        let begun = runtime.elapsed();
        let processes = client.assign(ask).await?;
        if processes.is_empty() {
            continue;
        }
        tell(load, Phase::Assign, runtime.elapsed().saturating_sub(begun), processes.len()).await;
        load.news.send(News::Queued(processes.iter().map(queued).collect())).await.ok();
        let begun = runtime.elapsed();
        let outcomes = client.close(processes.iter().map(success).collect()).await?;
        if let Some(refusal) = outcomes.into_iter().find_map(Result::err) {
            return Err(refusal.into());
        }
        tell(load, Phase::Close, runtime.elapsed().saturating_sub(begun), processes.len()).await;
    }
}

async fn tell(load: &Load, phase: Phase, took: Duration, count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    load.news.send(News::Done(phase, took, count)).await.ok();
}

/// How long a process was in the queue.
fn queued(process: &Process) -> Duration {
    process.started_at.unwrap_or_default().since(process.submitted_at).to_std()
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
