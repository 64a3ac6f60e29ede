//! Listening without a replica: an executor's endpoint asks a node who votes, and believes announcements of those.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use super::{
    hearing::{Electorate, Hearing},
    hints::{Hints, Post},
    judge::Office,
};
use crate::{
    client::Client,
    net::{Multiaddr, PeerId, gossip},
    runtime::Runtime,
};
use colony_protocol::{announcement::Listener, identity::Identity, query::Query, reply::Answer};

/// How long an answer about who votes is taken to be complete: a new voter does not coordinate sooner.
const COMPLETE_FOR: Duration = Duration::from_secs(60);
/// Between two such questions, whatever is heard.
const ASK_GAP: Duration = Duration::from_secs(30);
/// How often it is asked anyway, so that a quorum that moved on is known before it speaks.
const ASK_AGAIN: Duration = Duration::from_secs(900);
/// Before a question that was not answered is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// Takes part in a colony's announcements over a swarm without a replica; the hints are for `listener`. `client` is
/// asked who votes; `neighbours` are peers that may listen too.
pub async fn listen(
    gossip: &gossip::Handle,
    client: Client,
    listener: Listener,
    neighbours: Vec<(PeerId, Vec<Multiaddr>)>,
) -> Hints {
    let (colony, runtime) = (client.colony(), client.runtime().clone());
    let electorate = Arc::new(Told { voters: RwLock::default(), runtime: runtime.clone() });
    let hearing = Arc::new(Hearing::new(colony, Arc::clone(&electorate) as _, runtime.clone()));
    let newest = hearing.newest();
    let seat = gossip.join(colony, Arc::clone(&hearing) as _).await;
    gossip.introduce(colony, neighbours).await;
    let inquiry = Inquiry { client, electorate, hearing };
    let told = Arc::new(seat);
    let held = Arc::downgrade(&told);
    runtime.spawn("voters", async move {
        // As long as somebody listens.
        while held.strong_count() > 0 {
            inquiry.ask().await;
        }
    });
    Hints::new(listener, newest, runtime).at(Post { gossip: gossip.clone(), colony, _seat: told })
}

/// Asks who votes.
struct Inquiry {
    client: Client,
    electorate: Arc<Told>,
    hearing: Arc<Hearing>,
}

impl Inquiry {
    /// One question, and the time until the next.
    async fn ask(&self) {
        let runtime = self.client.runtime();
        match self.client.query_stale(&Query::Status).await {
            Ok(Answer::Status(status)) => {
                self.electorate.learn(status.voters.into_iter().collect());
                runtime.sleep(ASK_GAP).await;
                runtime.timeout(ASK_AGAIN, self.hearing.doubt()).await;
            }
            answer => {
                tracing::debug!(?answer, "nobody says who votes");
                runtime.sleep(RETRY).await;
            }
        }
    }
}

/// Who votes, as a node said.
#[derive(Debug)]
struct Told {
    voters: RwLock<(BTreeSet<Identity>, Option<Duration>)>,
    runtime: Runtime,
}

impl Told {
    fn learn(&self, voters: BTreeSet<Identity>) {
        let told = (voters, Some(self.runtime.elapsed()));
        *self.voters.write().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Electorate for Told {
    fn office(&self, who: &Identity) -> Office {
        let told = self.voters.read().unwrap_or_else(PoisonError::into_inner);
        let (voters, at) = &*told;
        if voters.contains(who) {
            return Office::Voter;
        }
        let age = at.map(|at| self.runtime.elapsed().saturating_sub(at));
        if age.is_some_and(|age| age <= COMPLETE_FOR) { Office::Stranger } else { Office::Unclear }
    }

    fn term(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test(start_paused = true)]
    async fn who_is_not_named_is_a_stranger_only_while_the_answer_is_fresh() {
        let runtime = Runtime::new(Tokio::new());
        let [voter, other] = [1, 2].map(|byte| Identity::from_bytes([byte; 32]));
        let told = Told { voters: RwLock::default(), runtime: runtime.clone() };
        assert_eq!(told.office(&voter), Office::Unclear);
        told.learn(BTreeSet::from([voter]));
        assert_eq!((told.office(&voter), told.office(&other)), (Office::Voter, Office::Stranger));
        runtime.sleep(COMPLETE_FOR.saturating_mul(2)).await;
        assert_eq!((told.office(&voter), told.office(&other)), (Office::Voter, Office::Unclear));
    }
}
