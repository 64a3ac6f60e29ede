//! Who is in a crowd, and how they come to be members.
//!
//! Each crowd is of a generation and has members of its own: the executors of the one before fall silent for good, so that what
//! they hold without knowing comes back to the queue, and what one crowd was told is told apart from what another was.

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::Text,
    command::Command,
    identity::SecretKey,
    model::{Executor, User},
    refusal::Refusal,
};

/// The type of the executors.
pub const TYPE: &str = "crowd";

/// The key of a user.
pub(super) fn user_key(generation: u64, number: usize) -> SecretKey {
    SecretKey::derive(format!("crowd user {generation}-{number}").as_bytes())
}

/// The key of an executor.
pub(super) fn executor_key(generation: u64, number: usize) -> SecretKey {
    SecretKey::derive(format!("crowd executor {generation}-{number}").as_bytes())
}

/// The owner adds so many of each.
///
/// # Errors
/// What the colony said, unless they are there already.
pub(super) async fn register(
    owner: &Client,
    users: usize,
    executors: usize,
    generation: u64,
) -> Result<(), ClientError> {
    for number in 0..users {
        let name = Text::cut(&format!("user-{generation}-{number}"));
        let user = User { id: user_key(generation, number).identity(), name, ..User::default() };
        unless_there(owner.command(&Command::AddUser { user }).await)?;
    }
    for number in 0..executors {
        let executor = Executor {
            id: executor_key(generation, number).identity(),
            name: Text::cut(&format!("executor-{generation}-{number}")),
            executor_type: Text::cut(TYPE),
            ..Executor::default()
        };
        unless_there(owner.command(&Command::AddExecutor { executor, approved: true }).await)?;
    }
    Ok(())
}

fn unless_there<T>(outcome: Result<T, ClientError>) -> Result<(), ClientError> {
    match outcome {
        Ok(_) | Err(ClientError::Refused(Refusal::Exists { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
