//! Making a colony: its name, its first node, executors and users, signed by its owner.
//!
//! Each step is an ordinary signed command, refused if its effect is there already. So founding again changes nothing,
//! and a crash half-way is mended by the next start.

use std::collections::BTreeSet;

use colony_protocol::{
    command::Command,
    identity::Identity,
    model::{
        Executor, ExecutorState, User,
        member::{NewMember, Role},
    },
    query::Query,
    refusal::Refusal,
    reply::Answer,
    time::Timestamp,
};

use super::config::Founding;
use crate::{
    client::{Client, ClientError},
    discovery::delegate,
};

/// Makes what is not there yet. `owner` signs with the owner's key.
pub(super) async fn found(
    owner: &Client,
    founding: &Founding,
    member: NewMember,
    now: Timestamp,
) -> Result<(), ClientError> {
    existing_is_fine(owner.command(&Command::Found { name: founding.name.clone() }).await)?;
    let role = Role::Voter;
    existing_is_fine(owner.command(&Command::AddMember { member, role }).await)?;
    delegate(owner, &founding.owner, now).await?;
    add_executors(owner, &founding.executors).await?;
    add_users(owner, &founding.users).await
}

async fn add_executors(owner: &Client, wanted: &[Executor]) -> Result<(), ClientError> {
    let Answer::Executors(present) = owner.query(&Query::Executors).await? else {
        return Err(ClientError::Unexpected("to executors"));
    };
    for executor in wanted {
        let known = present.iter().find(|known| known.id == executor.id);
        let command = match known.map(|known| known.state) {
            Some(ExecutorState::Pending) => Command::ApproveExecutor { name: executor.name.clone() },
            // What the owner decided about an executor since stays decided.
            Some(_) => continue,
            None => Command::AddExecutor { executor: executor.clone(), approved: true },
        };
        existing_is_fine(owner.command(&command).await)?;
    }
    Ok(())
}

async fn add_users(owner: &Client, wanted: &[User]) -> Result<(), ClientError> {
    let Answer::Users(present) = owner.query(&Query::Users).await? else {
        return Err(ClientError::Unexpected("to users"));
    };
    let present: BTreeSet<Identity> = present.iter().map(|user| user.id).collect();
    for user in wanted.iter().filter(|user| !present.contains(&user.id)) {
        existing_is_fine(owner.command(&Command::AddUser { user: user.clone() }).await)?;
    }
    Ok(())
}

fn existing_is_fine<T>(outcome: Result<T, ClientError>) -> Result<(), ClientError> {
    match outcome {
        Ok(_) | Err(ClientError::Refused(Refusal::Exists { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
