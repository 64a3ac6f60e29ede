//! One colony's announcements on one of its nodes: heard while another coordinates, made while this one does.

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    announcement::{
        Announcement, AnnouncementError, KINDS_MAX, Publisher, SignedAnnouncement, Speak, WaitingWork,
    },
    bounded::List,
    identity::{Identity, SecretKey},
    time::Span,
};
use colony_store::{ColonyView, MemberInfo};
use tokio::sync::watch;

use super::{
    hearing::{Electorate, Hearing},
    judge::Office,
};
use crate::{
    consensus::{Consensus, Standing, Timing},
    coordinator::Coordinator,
    net::{Multiaddr, PeerId, gossip, peer_of},
    runtime::Runtime,
};

/// Between two looks at what waits: many entries a second may change it, and a look takes the colony's lock.
const LOOK_GAP: Duration = Duration::from_millis(10);
/// An executor that was heard within this time is taken to be there: it asks at least every half minute, and what is
/// heard is recorded every quarter of one.
const THERE_FOR: Span = Span::from_secs(90);

/// What an announcer works with.
#[derive(Debug)]
pub struct Parts {
    /// This node.
    pub me: Identity,
    /// Its key: it signs what this node announces.
    pub key: SecretKey,
    /// The colony.
    pub colony: Identity,
    /// Applied state.
    pub view: ColonyView,
    /// Says who coordinates, and who may.
    pub consensus: Consensus,
    /// Knows what is promised already.
    pub coordinator: Coordinator,
    /// Carries the word.
    pub gossip: gossip::Handle,
    /// Time.
    pub runtime: Runtime,
}

/// Hears and makes one colony's announcements.
#[derive(Debug)]
pub struct Announcer {
    parts: Parts,
    hearing: Arc<Hearing>,
    publisher: Publisher,
    /// The last announcement's number.
    sequence: u64,
    /// When it last looked.
    looked: Duration,
}

impl Announcer {
    /// Starts the task; it ends with the coordinator's. What is returned hears what others announce.
    pub fn start(parts: Parts, members: watch::Receiver<u64>) -> Arc<Hearing> {
        let electorate =
            Replicated { me: parts.me, consensus: parts.consensus.clone(), view: parts.view.clone() };
        let hearing = Arc::new(Hearing::new(parts.colony, Arc::new(electorate), parts.runtime.clone()));
        let runtime = parts.runtime.clone();
        let announcer = Self {
            parts,
            hearing: Arc::clone(&hearing),
            publisher: Publisher::default(),
            sequence: 0,
            looked: Duration::ZERO,
        };
        runtime.spawn("announcer", announcer.run(members));
        hearing
    }

    async fn run(mut self, mut members: watch::Receiver<u64>) {
        let coordinator = self.parts.coordinator.clone();
        let _seat = self.parts.gossip.join(self.parts.colony, Arc::clone(&self.hearing) as _).await;
        let mut standing = self.parts.consensus.standing();
        self.introduce().await;
        loop {
            let office = {
                let standing = standing.borrow_and_update();
                office(&standing)
            };
            let next = match office {
                Some(term) => self.look(term).await,
                None => {
                    self.publisher.forget();
                    None
                }
            };
            let now = self.parts.runtime.elapsed();
            let early = next.map(|next| next.saturating_sub(now));
            tokio::select! {
                biased;
                () = coordinator.stopping() => return,
                changed = standing.changed() => if changed.is_err() { return },
                changed = members.changed() => {
                    if changed.is_err() { return }
                    self.introduce().await;
                }
                () = coordinator.board().news(), if office.is_some() && early.is_none() => {
                    self.rest().await;
                }
                () = self.parts.runtime.sleep(early.unwrap_or(Duration::MAX)), if early.is_some() => {}
            }
        }
    }

    /// Looks at what waits, and says it if that is worth it; else when to look again, if it is too early.
    async fn look(&mut self, term: u64) -> Option<Duration> {
        let now = self.parts.runtime.elapsed();
        self.looked = now;
        let waiting = self.waiting()?;
        match self.publisher.look(now, &waiting) {
            Speak::Never => None,
            Speak::At(next) => Some(next),
            Speak::Now => {
                self.speak(term, waiting.clone()).await;
                self.publisher.said(now, waiting.into_vec());
                None
            }
        }
    }

    fn waiting(&self) -> Option<List<WaitingWork, KINDS_MAX>> {
        let reserved = self.parts.coordinator.board().promised();
        let colony = self.parts.view.colony().ok()?;
        let heard_since = self.parts.runtime.now().before(THERE_FOR);
        Some(colony.waiting(&reserved, heard_since))
    }

    async fn speak(&mut self, term: u64, waiting: List<WaitingWork, KINDS_MAX>) {
        let issued = self.parts.runtime.now();
        // A coordinator that restarts in its term goes on where it was, by its clock.
        self.sequence = self.sequence.saturating_add(1).max(issued.as_micros());
        let announcement = Announcement {
            colony: self.parts.colony,
            term,
            sequence: self.sequence,
            issued,
            pause: span(self.publisher.pause(pause(self.parts.consensus.timing()))),
            waiting,
        };
        let key = self.parts.key.clone();
        let signing = self.parts.runtime.compute(move || sign(announcement, &key)).await;
        match signing {
            Ok(Ok((announcement, bytes))) => {
                self.hearing.said(announcement);
                self.parts.gossip.publish(self.parts.colony, bytes).await;
            }
            Ok(Err(error)) => tracing::warn!(%error, "waiting work is not announced"),
            // The next change is announced; until then executors ask now and then.
            Err(busy) => tracing::debug!(%busy, "waiting work is not announced"),
        }
    }

    /// Tells the swarm where the colony's other nodes are.
    async fn introduce(&self) {
        let me = self.parts.me;
        let members = self.parts.consensus.members();
        let others = members.iter().filter(|(member, _)| *member != me);
        let peers: Vec<_> = others.filter_map(|(_, info)| acquaintance(info)).collect();
        if !peers.is_empty() {
            self.parts.gossip.introduce(self.parts.colony, peers).await;
        }
    }

    /// Lets some time pass since the last look; after a silence, none.
    async fn rest(&self) {
        let since = self.parts.runtime.elapsed().saturating_sub(self.looked);
        if let Some(left) = LOOK_GAP.checked_sub(since) {
            self.parts.runtime.sleep(left).await;
        }
    }
}

/// The term this node may announce in, if it coordinates.
fn office(standing: &Standing) -> Option<u64> {
    (standing.leads && standing.ended.is_none()).then_some(standing.term)
}

/// How long executors that were not called hold back at least: a round trip to the coordinator, a [`GAP`](colony_protocol::announcement::GAP), and
/// the way of the next announcement.
const fn pause(timing: Timing) -> Duration {
    match timing {
        Timing::Local => Duration::from_millis(200),
        Timing::Internet => Duration::from_millis(500),
    }
}

fn span(duration: Duration) -> Span {
    Span::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Signs, and drops kinds from the end while they do not fit.
fn sign(
    mut announcement: Announcement,
    key: &SecretKey,
) -> Result<(Announcement, Vec<u8>), AnnouncementError> {
    loop {
        let signed = SignedAnnouncement::sign(&announcement, key).and_then(|signed| signed.to_bytes());
        match signed {
            Err(AnnouncementError::TooLarge) if !announcement.waiting.is_empty() => {
                let mut kinds = announcement.waiting.into_vec();
                kinds.truncate(kinds.len() / 2);
                announcement.waiting = List::new(kinds).unwrap_or_default();
            }
            signed => return signed.map(|bytes| (announcement, bytes)),
        }
    }
}

fn acquaintance(info: &MemberInfo) -> Option<(PeerId, Vec<Multiaddr>)> {
    let peer = peer_of(info.key.as_bytes())?;
    let addresses: Vec<Multiaddr> = info.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    Some((peer, addresses))
}

/// Who may announce, by this node's replica.
#[derive(Debug)]
struct Replicated {
    me: Identity,
    consensus: Consensus,
    view: ColonyView,
}

impl Electorate for Replicated {
    fn office(&self, who: &Identity) -> Office {
        if self.consensus.is_voter(who) {
            return Office::Voter;
        }
        // A replica that does not know itself yet does not know the others either. Who is, or was, a member may vote
        // in a quorum that this replica has not heard of, or not any more.
        match self.view.colony() {
            Ok(colony) if colony.member_by_id(&self.me).is_some() => {
                if colony.member_by_id(who).is_some() {
                    Office::Unclear
                } else {
                    Office::Stranger
                }
            }
            _ => Office::Unclear,
        }
    }

    fn term(&self) -> Option<u64> {
        Some(self.consensus.standing().borrow().term)
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{announcement::ANNOUNCEMENT_MAX, bounded::Text, time::Timestamp};

    use super::*;

    fn announcement(kinds: usize) -> Announcement {
        let long = |text: &str, place: usize| Text::cut(&format!("{place}{}", text.repeat(200)));
        let names: Vec<_> = (0..16).map(|place| long("n", place)).collect();
        let kind = |place| WaitingWork {
            executor_type: long("t", place),
            executor_names: List::new(names.clone()).unwrap(),
            ..Default::default()
        };
        Announcement {
            colony: Identity::NOBODY,
            term: 1,
            sequence: 1,
            issued: Timestamp::ZERO,
            pause: Span::ZERO,
            waiting: List::new((0..kinds).map(kind).collect()).unwrap(),
        }
    }

    #[test]
    fn what_does_not_fit_is_left_for_another_time() {
        let key = SecretKey::derive(b"coordinator");
        let (said, bytes) = sign(announcement(KINDS_MAX), &key).unwrap();
        assert!(bytes.len() <= ANNOUNCEMENT_MAX);
        assert!((1..KINDS_MAX).contains(&said.waiting.len()));
        let heard = SignedAnnouncement::from_bytes(&bytes).unwrap().verify().unwrap();
        assert_eq!(heard, (key.identity(), said));
    }
}
