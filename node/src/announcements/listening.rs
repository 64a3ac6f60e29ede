//! Listening without a replica: an executor's endpoint asks a node who votes, and believes announcements of those; and
//! who else listens, and hears them from those.
//!
//! Nodes are neighbours of last resort: they are called when there are too few executors to hear from, or when those
//! that were named were of no use. A thousand executors that all called them would have nothing from it, because each
//! node passes its word on to a few.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    hearing::{Electorate, Hearing},
    hints::{Hints, Post},
    judge::Office,
};
use crate::{
    client::Client,
    net::{Multiaddr, PeerId, discovery::address::peer_at, gossip},
    runtime::Runtime,
};
use colony_protocol::{announcement::Listener, identity::Identity, query::Query, reply::Answer};

/// How long an answer about who votes counts against whoever spoke before it was asked for, and is not named.
const COMPLETE_FOR: Duration = Duration::from_secs(60);
/// Most of those who spoke and of whom is asked: forgers have as many keys as they like.
const DOUBTED_MAX: usize = 64;
/// Between two such questions, whatever is heard.
const ASK_GAP: Duration = Duration::from_secs(30);
/// How often it is asked anyway, so that a quorum that moved on is known before it speaks.
const ASK_AGAIN: Duration = Duration::from_secs(900);
/// Before a question that was not answered is asked again.
const RETRY: Duration = Duration::from_secs(5);
/// Neighbours with which nobody looks for more. With fewer, it is asked ever more rarely who else there is.
const ENOUGH: usize = 3;

/// Takes part in a colony's announcements over a swarm without a replica; the hints are for `listener`. `client` is
/// asked who votes, and who else listens; `nodes` are called where that brings too few.
pub async fn listen(
    gossip: &gossip::Handle,
    client: Client,
    listener: Listener,
    nodes: Vec<(PeerId, Vec<Multiaddr>)>,
) -> Hints {
    let (colony, runtime) = (client.colony(), client.runtime().clone());
    let electorate = Arc::new(Told { answer: Mutex::default(), runtime: runtime.clone() });
    let hearing = Arc::new(Hearing::new(colony, Arc::clone(&electorate) as _, runtime.clone()));
    let newest = hearing.newest();
    let seat = gossip.join(colony, Arc::clone(&hearing) as _).await;
    let inquiry = Inquiry { client, gossip: gossip.clone(), nodes, electorate, hearing };
    let told = Arc::new(seat);
    let held = Arc::downgrade(&told);
    runtime.spawn("voters", async move {
        let mut round = 0;
        // As long as somebody listens.
        while held.strong_count() > 0 {
            inquiry.ask(round).await;
            round = round.saturating_add(1);
        }
    });
    Hints::new(listener, newest, runtime).at(Post { gossip: gossip.clone(), colony, _seat: told })
}

/// Asks who votes, and who else listens.
struct Inquiry {
    client: Client,
    gossip: gossip::Handle,
    /// Neighbours of last resort.
    nodes: Vec<(PeerId, Vec<Multiaddr>)>,
    electorate: Arc<Told>,
    hearing: Arc<Hearing>,
}

impl Inquiry {
    /// One round of questions, and the time until the next.
    async fn ask(&self, round: u32) {
        let runtime = self.client.runtime();
        let doubted = self.electorate.doubted();
        match self.client.query_stale(&Query::Status).await {
            Ok(Answer::Status(status)) => {
                self.electorate.learn(status.voters.into_iter().collect(), &doubted);
                self.look_for_neighbours(round).await;
                runtime.sleep(ASK_GAP).await;
                self.rest(round).await;
            }
            answer => {
                tracing::debug!(?answer, "nobody says who votes");
                self.introduce(self.nodes.clone()).await;
                runtime.sleep(RETRY).await;
            }
        }
    }

    async fn look_for_neighbours(&self, round: u32) {
        if self.mesh().await >= ENOUGH {
            return;
        }
        let question = Query::Listeners { key: self.client.member_key() };
        let others = match self.client.query_stale(&question).await {
            Ok(Answer::Listeners(addresses)) => by_peer(addresses.iter().map(|address| &**address)),
            answer => {
                tracing::debug!(?answer, "nobody says who else listens");
                Vec::new()
            }
        };
        let few = others.len() < ENOUGH || round > 0;
        self.introduce(others).await;
        if few {
            self.introduce(self.nodes.clone()).await;
        }
    }

    /// Until there is a reason to ask again: somebody spoke of whom it is not clear whether it may, or there is nobody
    /// to hear from, or time has passed.
    async fn rest(&self, round: u32) {
        let runtime = self.client.runtime();
        let begun = runtime.elapsed();
        let is_over = |pause: Duration| runtime.elapsed().saturating_sub(begun) >= pause;
        loop {
            let pause = pause(self.mesh().await, round);
            if is_over(pause) || runtime.timeout(ASK_GAP, self.hearing.doubt()).await.is_some() {
                return;
            }
        }
    }

    async fn introduce(&self, peers: Vec<(PeerId, Vec<Multiaddr>)>) {
        if !peers.is_empty() {
            self.gossip.introduce(self.client.colony(), peers).await;
        }
    }

    async fn mesh(&self) -> usize {
        self.gossip.neighbourhood(self.client.colony()).await.mesh
    }
}

/// Until the next round, beyond [`ASK_GAP`], with so many neighbours after so many rounds. Who has none asks at once;
/// where there are few, because there are few, asking does not change that.
fn pause(mesh: usize, round: u32) -> Duration {
    match mesh {
        0 => Duration::ZERO,
        ENOUGH.. => ASK_AGAIN,
        _ => ASK_GAP.saturating_mul(2_u32.saturating_pow(round)).min(ASK_AGAIN),
    }
}

/// Addresses by the peers at their ends.
fn by_peer<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(PeerId, Vec<Multiaddr>)> {
    let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
    for address in texts.filter_map(|text| text.parse::<Multiaddr>().ok()) {
        if let Some(peer) = peer_at(&address) {
            peers.entry(peer).or_default().push(address);
        }
    }
    peers.into_iter().collect()
}

/// Who votes, as a node said.
#[derive(Debug)]
struct Told {
    answer: Mutex<Answered>,
    runtime: Runtime,
}

/// The last answer, and who spoke that it does not name.
#[derive(Debug, Default)]
struct Answered {
    voters: BTreeSet<Identity>,
    /// When it came.
    at: Option<Duration>,
    /// Who spoke before it was asked for: whoever coordinated by then would be named.
    strangers: BTreeSet<Identity>,
    /// Who spoke since: it may have been let in and elected since.
    doubted: BTreeSet<Identity>,
}

impl Told {
    /// Those of whom is asked now.
    fn doubted(&self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.answer().doubted)
    }

    /// These vote, as was said when `doubted` had spoken.
    fn learn(&self, voters: BTreeSet<Identity>, doubted: &BTreeSet<Identity>) {
        let strangers = doubted.difference(&voters).copied().collect();
        let mut answer = self.answer();
        answer.at = Some(self.runtime.elapsed());
        (answer.voters, answer.strangers) = (voters, strangers);
    }

    fn answer(&self) -> MutexGuard<'_, Answered> {
        // Nothing that can panic runs under this lock.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Electorate for Told {
    fn office(&self, who: &Identity) -> Office {
        let mut answer = self.answer();
        if answer.voters.contains(who) {
            return Office::Voter;
        }
        let age = answer.at.map(|at| self.runtime.elapsed().saturating_sub(at));
        if age.is_some_and(|age| age <= COMPLETE_FOR) && answer.strangers.contains(who) {
            return Office::Stranger;
        }
        if answer.doubted.len() < DOUBTED_MAX {
            answer.doubted.insert(*who);
        }
        Office::Unclear
    }

    fn term(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    #[test]
    fn who_hears_enough_asks_rarely_and_who_hears_nobody_asks_at_once() {
        assert_eq!((pause(0, 9), pause(ENOUGH, 0)), (Duration::ZERO, ASK_AGAIN));
        assert_eq!((pause(1, 0), pause(1, 1), pause(1, 40)), (ASK_GAP, ASK_GAP * 2, ASK_AGAIN));
    }

    #[test]
    fn addresses_that_name_no_peer_are_of_no_use() {
        let peer = PeerId::random();
        let texts = [
            "/ip4/8.8.8.8/tcp/1".to_owned(),
            format!("/ip4/8.8.8.8/tcp/1/p2p/{peer}"),
            "nonsense".to_owned(),
            format!("/ip4/8.8.4.4/tcp/1/p2p/{peer}"),
        ];
        let known = by_peer(texts.iter().map(String::as_str));
        assert_eq!(known.iter().map(|(peer, all)| (*peer, all.len())).collect::<Vec<_>>(), [(peer, 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_named_is_a_stranger_only_if_it_spoke_before_and_while_the_answer_is_fresh() {
        let runtime = Runtime::new(Tokio::new());
        let [voter, other] = [1, 2].map(|byte| Identity::from_bytes([byte; 32]));
        let told = Told { answer: Mutex::default(), runtime: runtime.clone() };
        assert_eq!(told.office(&voter), Office::Unclear);
        told.learn(BTreeSet::from([voter]), &told.doubted());
        // It may have been elected after the answer: it is asked about.
        assert_eq!((told.office(&voter), told.office(&other)), (Office::Voter, Office::Unclear));
        told.learn(BTreeSet::from([voter]), &told.doubted());
        assert_eq!((told.office(&voter), told.office(&other)), (Office::Voter, Office::Stranger));
        runtime.sleep(COMPLETE_FOR.saturating_mul(2)).await;
        assert_eq!((told.office(&voter), told.office(&other)), (Office::Voter, Office::Unclear));
    }
}
