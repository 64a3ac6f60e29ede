//! How an executor's key becomes a member that may take work.

use std::time::Duration;

use colony_node::{
    client::{Client, ClientError},
    runtime::Runtime,
};
use colony_protocol::{
    command::Command,
    model::{Executor, ExecutorState},
    query::Query,
    refusal::Refusal,
    reply::Answer,
};

use super::all;
use crate::{
    error::{Exit, Failure},
    hint::Hint,
    output,
};

/// How often an executor that waits for approval looks whether it has it.
const LOOK: Duration = Duration::from_secs(2);

/// With the owner's key at hand it is let in at once; else somebody who has it must, and this waits.
pub(in crate::commands) async fn let_in(
    owner: Option<&Client>,
    client: &Client,
    executor: Executor,
    runtime: &Runtime,
) -> Result<(), Failure> {
    if let Some(owner) = owner {
        return admit(owner, executor).await;
    }
    let mut told = false;
    loop {
        match approval(client, &executor).await? {
            ExecutorState::Approved => return Ok(()),
            state if !told => {
                told = true;
                output::note(&format!("{} waits to be let in by the colony's owner", executor.name));
                output::report(&Failure::new("").hint(way_in(&executor, state)), &[]);
            }
            _ => {}
        }
        runtime.sleep(LOOK).await;
    }
}

/// Where an executor stands. One that may not even ask is none yet.
async fn approval(client: &Client, executor: &Executor) -> Result<ExecutorState, Failure> {
    match client.query(&Query::Executors).await {
        Ok(Answer::Executors(all)) => {
            let known = all.iter().find(|known| known.id == executor.id);
            Ok(known.map_or(ExecutorState::Unregistered, |known| known.state))
        }
        Ok(_) => Err(ClientError::Unexpected("to executors").into()),
        Err(ClientError::Refused(Refusal::Denied { .. })) => Ok(ExecutorState::Unregistered),
        Err(error) => Err(error.into()),
    }
}

fn way_in(executor: &Executor, state: ExecutorState) -> Hint {
    if state != ExecutorState::Unregistered {
        return Hint::Approve(executor.name.to_string());
    }
    Hint::AddExecutor {
        name: executor.name.to_string(),
        kind: executor.executor_type.to_string(),
        id: executor.id.to_hex(),
    }
}

/// Adds and approves an executor with the owner's key. One that is there already is left as it is.
pub(in crate::commands) async fn admit(owner: &Client, executor: Executor) -> Result<(), Failure> {
    let known = all(owner).await?.into_iter().find(|known| known.name == executor.name);
    match known.map(|known| (known.id == executor.id, known.state)) {
        Some((true, ExecutorState::Approved)) => Ok(()),
        Some((true, ExecutorState::Pending)) => {
            let approved = Command::ApproveExecutor { name: executor.name };
            owner.command(&approved).await.map(drop).map_err(Failure::from)
        }
        Some((true, ExecutorState::Rejected)) => {
            Err(Failure::new(format!("the colony's owner refused the executor {}", executor.name))
                .exit(Exit::DENIED)
                .hint(Hint::Approve(executor.name.to_string())))
        }
        Some((false, state)) if state != ExecutorState::Unregistered => {
            Err(Failure::new(format!("the name {} is taken by another executor's key", executor.name))
                .hint(Hint::Executors))
        }
        _ => add(owner, executor).await,
    }
}

async fn add(owner: &Client, executor: Executor) -> Result<(), Failure> {
    match owner.command(&Command::AddExecutor { executor, approved: true }).await {
        // Somebody was faster with the same name and key.
        Ok(_) | Err(ClientError::Refused(Refusal::Exists { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
