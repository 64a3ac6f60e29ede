//! Who takes part in a round.
//!
//! Each round has executors of its own. Those of the round before fall silent for good, so that what they held without
//! knowing (the answer was lost with the node) comes back to the queue.

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::Text,
    command::Command,
    identity::SecretKey,
    model::{Executor, User},
    refusal::Refusal,
};

/// The type of the executors under load.
pub(crate) const TYPE: &str = "load";
/// Executors in each round.
const EXECUTORS: u64 = 3;

/// The documented key of a development colony's owner.
pub(crate) fn owner() -> SecretKey {
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514".parse().unwrap()
}

/// The members of one round.
pub(crate) struct Members {
    round: u64,
    /// Submits; the same in all rounds.
    pub(crate) submitter: SecretKey,
    /// Take and end work.
    pub(crate) executors: Vec<SecretKey>,
}

impl Members {
    pub(crate) fn of_round(round: u64) -> Self {
        let executor = |place| SecretKey::derive(format!("executor {round}-{place}").as_bytes());
        Self {
            round,
            submitter: SecretKey::derive(b"submitter"),
            executors: (0..EXECUTORS).map(executor).collect(),
        }
    }

    /// The owner adds them.
    pub(crate) async fn register(&self, owner: &Client) {
        let user = User { id: self.submitter.identity(), name: Text::cut("submitter"), ..User::default() };
        match owner.command(&Command::AddUser { user }).await {
            // It stays from round to round.
            Ok(_) | Err(ClientError::Refused(Refusal::Exists { .. })) => {}
            Err(error) => panic!("the submitter was not added: {error}"),
        }
        for (place, key) in self.executors.iter().enumerate() {
            let executor = Executor {
                id: key.identity(),
                name: Text::cut(&format!("executor-{}-{place}", self.round)),
                executor_type: Text::cut(TYPE),
                ..Executor::default()
            };
            owner.command(&Command::AddExecutor { executor, approved: true }).await.unwrap();
        }
    }
}
