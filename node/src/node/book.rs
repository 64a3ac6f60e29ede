//! The colonies of a node: opened, made, closed and forgotten while it runs.
//!
//! The node owns them; whoever else may make one, as the door for ColonyOS's clients, has this. It holds the store open,
//! so it is dropped before the node shuts down.
//!
//! What may never happen: a colony open twice; one forgotten here that other nodes believe to be kept here.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::{
    bounded::Text,
    command::{ChangeKey, Command},
    identity::{Identity, SecretKey},
    model::Name,
};
use colony_store::ForgetError;

use super::{
    ANSWER_PATIENCE, FORGET_RETRY,
    config::{ColonyConfig, Founding, StartError},
    replica::{Ground, Replica},
};

/// What this node is called in a colony that it made for somebody else.
const FIRST: &str = "node-1";

/// How often a colony that is held is tried to be forgotten, each time for [`ANSWER_PATIENCE`]: a subscription lasts
/// hardly longer than ten minutes.
const FORGET_ATTEMPTS: usize = 240;

/// All colonies of a node.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    /// What they share.
    pub(super) ground: Ground,
    /// Those that are open.
    pub(super) replicas: Arc<Mutex<BTreeMap<Identity, Replica>>>,
}

/// Why a colony is not forgotten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    /// It is not open here.
    #[error("the colony is not open here")]
    Unknown,
    /// Others have it too.
    #[error(
        "other nodes keep this colony too: its owner removes them with `colony members remove`, and this one with \
         `colony leave`"
    )]
    Shared,
    /// The store failed, or somebody holds on to it.
    #[error(transparent)]
    Forget(#[from] ForgetError),
}

impl Book {
    /// Opens a colony, and makes it first if it has a founding.
    pub(super) async fn open(&self, config: &ColonyConfig) -> Result<(), StartError> {
        super::check_owner(config)?;
        let replica = Replica::start(&self.ground, config).await?;
        if let Some(founding) = &config.found
            && let Err(error) = replica.found(&self.ground, founding).await
        {
            self.ground.peers.forget(&config.id);
            self.ground.neighbours.leave(&config.id);
            replica.stop().await;
            return Err(error);
        }
        self.ground.service.serve(config.id, replica.served(&self.ground));
        self.replicas().insert(config.id, replica);
        Ok(())
    }

    /// Serves a colony no more. Says whether it was open.
    pub(super) async fn close(&self, colony: &Identity) -> bool {
        self.ground.service.forget(colony);
        let replica = self.replicas().remove(colony);
        match replica {
            Some(replica) => {
                self.ground.peers.forget(colony);
                self.ground.neighbours.leave(colony);
                replica.stop().await;
                true
            }
            None => false,
        }
    }

    /// Serves a colony no more, and forgets all that is stored of it.
    pub(super) async fn forget(&self, colony: &Identity) -> Result<(), ForgetError> {
        self.close(colony).await;
        let begun = self.ground.runtime.elapsed();
        loop {
            match self.ground.store.forget(*colony).await {
                // Tasks that were told to end hold it until they are next polled.
                Err(ForgetError::Open)
                    if self.ground.runtime.elapsed().saturating_sub(begun) < ANSWER_PATIENCE =>
                {
                    self.ground.runtime.sleep(FORGET_RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Makes a colony of this one node for somebody whose key is elsewhere, and gives it away: a key made for that
    /// founds it, hands it over and is forgotten. `server` owns this node's server in it. Returns the colony's id.
    pub(crate) async fn found_for(
        &self,
        name: Name,
        owner: Identity,
        server: Identity,
    ) -> Result<Identity, StartError> {
        let first = SecretKey::derive(&self.ground.runtime.random::<32>());
        let id = first.identity();
        let founding = Founding {
            owner: first.clone(),
            name,
            member: Text::cut(FIRST),
            executors: Vec::new(),
            users: Vec::new(),
        };
        self.open(&ColonyConfig { id, found: Some(founding), peers: Vec::new() }).await?;
        let given = self.give(id, first, owner, server).await;
        if let Err(error) = given {
            if let Err(error) = self.forget(&id).await {
                tracing::warn!(colony = %id, %error, "a colony that nobody owns is left in the store");
            }
            return Err(error);
        }
        Ok(id)
    }

    async fn give(
        &self,
        id: Identity,
        first: SecretKey,
        owner: Identity,
        server: Identity,
    ) -> Result<(), StartError> {
        let node = self.ground.identity;
        if server != node {
            let change = ChangeKey::Server { node, owner: server };
            self.ground.client(id, self.ground.key.clone()).command(&Command::ChangeKey(change)).await?;
        }
        self.ground.client(id, first).command(&Command::ChangeKey(ChangeKey::Owner(owner))).await?;
        Ok(())
    }

    /// Forgets a colony that nobody else keeps.
    pub(crate) async fn remove(&self, colony: &Identity) -> Result<(), RemoveError> {
        let replica = self.replicas().get(colony).cloned().ok_or(RemoveError::Unknown)?;
        if replica.consensus.members().iter().any(|(member, _)| *member != self.ground.identity) {
            return Err(RemoveError::Shared);
        }
        drop(replica);
        match self.forget(colony).await {
            // Somebody still watches it, and ends in a while. Until then it is served to nobody.
            Err(ForgetError::Open) => {
                let (book, colony) = (self.clone(), *colony);
                self.ground.runtime.spawn("forget-colony", async move { book.forget_later(colony).await });
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Forgets what nobody holds any more. Whatever holds it has an end of its own.
    async fn forget_later(&self, colony: Identity) {
        for _ in 0..FORGET_ATTEMPTS {
            match self.forget(&colony).await {
                Err(ForgetError::Open) => {}
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%colony, %error, "what is stored of a colony is not forgotten");
                    return;
                }
            }
        }
        tracing::warn!(%colony, "what is stored of a colony is not forgotten: somebody holds it");
    }

    /// Transactions of the node's store, since it started.
    pub(crate) fn commits(&self) -> u64 {
        self.ground.store.commits()
    }

    /// How often the node's store was looked at, since it started.
    pub(crate) fn reads(&self) -> u64 {
        self.ground.store.reads()
    }

    pub(super) fn replicas(&self) -> MutexGuard<'_, BTreeMap<Identity, Replica>> {
        // Nothing that can panic runs under this lock.
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
