//! What a node hears of one colony: judged, remembered, told to those who wait.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use colony_protocol::{
    announcement::{Announcement, SignedAnnouncement},
    identity::Identity,
};
use tokio::sync::{Notify, watch};

use super::judge::{Memory, Office};
use crate::{
    net::{
        PeerId,
        gossip::{Ear, Verdict},
    },
    runtime::Runtime,
};

/// Says who may announce.
pub trait Electorate: fmt::Debug + Send + Sync + 'static {
    /// What somebody is.
    fn office(&self, who: &Identity) -> Office;

    /// The latest term known; `None` where terms are not followed.
    fn term(&self) -> Option<u64>;
}

/// An announcement that was accepted.
#[derive(Debug)]
pub struct Heard {
    /// What was said.
    pub announcement: Announcement,
    /// When it was heard, on the steady clock.
    pub at: Duration,
}

/// The newest announcement, as those who wait see it.
pub type Newest = Option<Arc<Heard>>;

/// Hears one colony's announcements.
#[derive(Debug)]
pub struct Hearing {
    electorate: Arc<dyn Electorate>,
    memory: Mutex<Memory>,
    newest: watch::Sender<Newest>,
    doubt: Notify,
    runtime: Runtime,
}

impl Hearing {
    /// Hears what is said of `colony` by those whom `electorate` names.
    #[must_use]
    pub fn new(colony: Identity, electorate: Arc<dyn Electorate>, runtime: Runtime) -> Self {
        let memory = Mutex::new(Memory::new(colony));
        Self { electorate, memory, newest: watch::Sender::new(None), doubt: Notify::new(), runtime }
    }

    /// The newest announcement, and those that follow.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Newest> {
        self.newest.subscribe()
    }

    /// Completes when somebody announced of whom it is not clear whether it may.
    pub async fn doubt(&self) {
        self.doubt.notified().await;
    }

    /// Takes note of what this node itself announced: its own word does not come back to it.
    pub(super) fn said(&self, announcement: Announcement) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).note(&announcement);
        self.tell(announcement);
    }

    fn judge(&self, message: &[u8]) -> Verdict {
        let Ok((by, announcement)) =
            SignedAnnouncement::from_bytes(message).and_then(|signed| signed.verify())
        else {
            return Verdict::Reject;
        };
        let office = self.electorate.office(&by);
        if office == Office::Unclear {
            self.doubt.notify_one();
        }
        let (term, now) = (self.electorate.term(), self.runtime.now());
        {
            // Nothing that can panic runs under this lock; judged and noted in one step, or an old one could follow.
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let verdict = memory.judge(office, &announcement, term, now);
            if verdict != Verdict::Accept {
                return verdict;
            }
            memory.note(&announcement);
        }
        self.tell(announcement);
        Verdict::Accept
    }

    fn tell(&self, announcement: Announcement) {
        let heard = Arc::new(Heard { announcement, at: self.runtime.elapsed() });
        self.newest.send_if_modified(|newest| {
            // Two may have been judged at once.
            let is_newer =
                newest.as_ref().is_none_or(|known| !known.announcement.supersedes(&heard.announcement));
            if is_newer {
                *newest = Some(heard);
            }
            is_newer
        });
    }
}

impl Ear for Hearing {
    fn hear(&self, _from: PeerId, message: &[u8]) -> Verdict {
        self.judge(message)
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{bounded::List, identity::SecretKey, time::Span};

    use super::*;
    use crate::runtime::Tokio;

    const COLONY: Identity = Identity::from_bytes([1; 32]);

    #[derive(Debug)]
    struct Voters(Vec<Identity>);

    impl Electorate for Voters {
        fn office(&self, who: &Identity) -> Office {
            if self.0.contains(who) { Office::Voter } else { Office::Stranger }
        }

        fn term(&self) -> Option<u64> {
            Some(1)
        }
    }

    fn word(runtime: &Runtime, key: &SecretKey, sequence: u64) -> Vec<u8> {
        let announcement = Announcement {
            colony: COLONY,
            term: 1,
            sequence,
            issued: runtime.now(),
            pause: Span::from_millis(100),
            waiting: List::default(),
        };
        SignedAnnouncement::sign(&announcement, key).unwrap().to_bytes().unwrap()
    }

    #[tokio::test]
    async fn what_is_genuine_is_told_and_what_is_not_is_rejected() {
        let (runtime, voter) = (Runtime::new(Tokio::new()), SecretKey::derive(b"voter"));
        let electorate = Arc::new(Voters(vec![voter.identity()]));
        let hearing = Hearing::new(COLONY, electorate, runtime.clone());
        let (peer, mut newest) = (PeerId::random(), hearing.newest());

        assert_eq!(hearing.hear(peer, b"nonsense"), Verdict::Reject);
        let forged = word(&runtime, &SecretKey::derive(b"stranger"), 1);
        assert_eq!(hearing.hear(peer, &forged), Verdict::Reject);
        let mut altered = word(&runtime, &voter, 1);
        let place = altered.len() / 2;
        altered[place] ^= 1;
        assert_eq!(hearing.hear(peer, &altered), Verdict::Reject);
        assert!(!newest.has_changed().unwrap());

        assert_eq!(hearing.hear(peer, &word(&runtime, &voter, 2)), Verdict::Accept);
        assert_eq!(newest.borrow_and_update().as_ref().unwrap().announcement.sequence, 2);
        assert_eq!(hearing.hear(peer, &word(&runtime, &voter, 1)), Verdict::Ignore);
        assert!(!newest.has_changed().unwrap());
    }
}
