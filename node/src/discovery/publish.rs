//! One colony on one node: says where the colony is while this node votes in it, and looks for the colony when this node
//! has lost it.
//!
//! What may never happen: a node that does not vote says that it serves the colony; a colony's charter grows old while one
//! of its voters that may speak for it is up.

use std::time::Duration;

use colony_protocol::identity::{Identity, SecretKey};
use colony_store::ColonyView;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Discovery,
    charters::{Word, votes, word},
};
use crate::{
    consensus::Consensus,
    node::KnownPeer,
    peers::{Peers, Wanted},
    runtime::Runtime,
};

/// A charter is made anew this often, although nothing has changed: long before the last one is too old.
const RENEW: Duration = Duration::from_secs(3600);
/// How often this task looks whether more peers can keep the charter than kept it last.
const LOOK: Duration = Duration::from_secs(5);
/// As many as a charter is given to at once: with so many there is nothing to gain.
const ENOUGH: usize = 20;
/// After this long without any other node of the colony the network is asked where they are.
const LOST: Duration = Duration::from_secs(15);
/// Between two such searches.
const SEARCH_AGAIN: Duration = Duration::from_secs(60);

/// What the task works with.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// This node.
    pub(crate) me: Identity,
    /// Signs as this node.
    pub(crate) key: SecretKey,
    /// The colony.
    pub(crate) colony: Identity,
    /// Its applied state.
    pub(crate) view: ColonyView,
    /// Who takes part in its group.
    pub(crate) consensus: Consensus,
    /// Changes when its members do.
    pub(crate) news: watch::Receiver<u64>,
    /// The other nodes.
    pub(crate) peers: Peers,
    /// The network.
    pub(crate) discovery: Discovery,
    /// Time.
    pub(crate) runtime: Runtime,
}

/// A handle to the task; dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Publishing {
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Publishing {
    /// Completes when the task has ended.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What was last said, and how far it got.
#[derive(Debug, Default)]
struct Said {
    provides: bool,
    word: Option<Word>,
    at: Duration,
    /// Peers in the table when it was said.
    peers: usize,
}

/// Since when no other node has been there, and what was done about it.
#[derive(Debug, Default)]
struct Lost {
    since: Option<Duration>,
    searched: Option<Duration>,
    /// Keeps those connected that were found.
    wanted: Vec<Wanted>,
}

impl Publisher {
    /// Starts the task.
    pub(crate) fn start(self) -> Publishing {
        let publishing = Publishing { stop: CancellationToken::new(), stopped: CancellationToken::new() };
        let (stop, stopped) = (publishing.stop.clone(), publishing.stopped.clone().drop_guard());
        let runtime = self.runtime.clone();
        runtime.spawn("publish", async move {
            let (discovery, colony) = (self.discovery.clone(), self.colony);
            stop.run_until_cancelled_owned(self.run()).await;
            discovery.handle().withdraw(colony).await;
            drop(stopped);
        });
        publishing
    }

    async fn run(mut self) {
        let mut said = Said::default();
        let mut lost = Lost::default();
        loop {
            self.news.mark_unchanged();
            self.say(&mut said).await;
            self.look_for_others(&mut lost).await;
            tokio::select! {
                biased;
                changed = self.news.changed() => if changed.is_err() { return },
                () = self.runtime.sleep(LOOK) => {}
            }
        }
    }

    /// Says where the colony is, if that is new, or old, or could not be said to enough.
    async fn say(&self, said: &mut Said) {
        let Some((is_voter, word)) = self.looked_at() else { return };
        let handle = self.discovery.handle();
        if said.provides && !is_voter {
            handle.withdraw(self.colony).await;
            *said = Said::default();
        }
        if !is_voter {
            return;
        }
        let peers = handle.health().await.peers_in_table;
        let has_more = peers > said.peers && said.peers < ENOUGH;
        if !said.provides || has_more {
            handle.provide(self.colony).await;
            said.provides = true;
        }
        let now = self.runtime.elapsed();
        let is_old = now.saturating_sub(said.at) >= RENEW;
        let is_new = word != said.word;
        if let Some(word) = word.filter(|_| is_new || is_old || has_more)
            && self.publish(&word).await
        {
            said.word = Some(word);
            said.at = now;
        }
        said.peers = peers;
    }

    /// Whether this node votes, and what it may say.
    fn looked_at(&self) -> Option<(bool, Option<Word>)> {
        // A state that cannot be trusted says nothing.
        let colony = self.view.colony().ok()?;
        Some((votes(&colony, &self.me), word(&colony, &self.me)))
    }

    async fn publish(&self, word: &Word) -> bool {
        let Ok((applied, _)) = self.view.applied() else { return false };
        let sequence = applied.map_or(0, |id| id.index);
        let (word, key, now) = (word.clone(), self.key.clone(), self.runtime.now());
        let Ok(signed) = self.runtime.compute(move || word.sign(sequence, now, &key)).await else {
            return false;
        };
        match signed {
            Ok(signed) => {
                let kept = self.discovery.handle().publish(self.colony, &signed).await;
                tracing::debug!(colony = %self.colony.to_hex(), kept, "the charter is published");
                true
            }
            Err(error) => {
                tracing::warn!(colony = %self.colony.to_hex(), %error, "the charter cannot be made");
                false
            }
        }
    }

    /// When no other node of the colony is there for long, all of them may have moved: the network knows where to.
    async fn look_for_others(&self, lost: &mut Lost) {
        let now = self.runtime.elapsed();
        let others: Vec<Identity> =
            self.consensus.members().into_iter().map(|(id, _)| id).filter(|id| *id != self.me).collect();
        let reachable = self.peers.reachable().borrow().clone();
        if others.is_empty() || others.iter().any(|other| reachable.contains(other)) {
            *lost = Lost::default();
            return;
        }
        let since = *lost.since.get_or_insert(now);
        let is_due = lost.searched.is_none_or(|searched| now.saturating_sub(searched) >= SEARCH_AGAIN);
        if now.saturating_sub(since) < LOST || !is_due {
            return;
        }
        lost.searched = Some(now);
        match self.discovery.find(self.colony).await {
            Ok(found) => {
                // Whoever says that it serves the colony is believed only if it is a member; its key proves that.
                let all = found.nodes.iter().chain(&found.servers).map(KnownPeer::info);
                let known = all.filter(|(id, _)| others.contains(id));
                lost.wanted = known.filter_map(|(id, info)| self.peers.want(id, &info)).collect();
            }
            Err(error) => {
                tracing::debug!(colony = %self.colony.to_hex(), %error, "the other nodes are not found");
            }
        }
    }
}
