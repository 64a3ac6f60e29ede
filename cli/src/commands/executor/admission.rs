//! How an executor's key becomes a member that may take work.

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    command::Command,
    model::{Executor, ExecutorState},
    refusal::Refusal,
};

use super::all;
use crate::{
    error::{Exit, Failure},
    hint::Hint,
};

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
