//! Messages that are being judged: so many at once and no more, of one peer and of all.

use std::{collections::BTreeMap, mem, sync::Arc};

use libp2p::gossipsub::MessageId;
use tokio::sync::mpsc;

use super::ear::{Ear, Verdict};
use crate::{net::PeerId, runtime::Runtime};

/// Messages being judged. Each takes a tenth of a millisecond of a processor.
const UNDER_WAY_MAX: usize = 256;
/// The same of one peer.
const OF_PEER_MAX: usize = 32;

/// A message and what becomes of it.
#[derive(Debug)]
pub(in crate::net) struct Judged {
    /// The message.
    pub(super) id: MessageId,
    /// Who passed it on.
    pub(super) from: PeerId,
    /// What becomes of it.
    pub(super) verdict: Verdict,
}

/// The messages under way, and where the verdicts arrive.
#[derive(Debug)]
pub(super) struct Judging {
    runtime: Runtime,
    verdicts: mpsc::Receiver<Judged>,
    told: mpsc::Sender<Judged>,
    of_peers: BTreeMap<PeerId, usize>,
    count: usize,
}

/// A message under way. However its judgement ends, it ends with a verdict.
struct Case {
    id: MessageId,
    from: PeerId,
    verdict: Verdict,
    told: mpsc::Sender<Judged>,
}

impl Case {
    /// The first ear's verdict; what it accepts, the others hear.
    fn judge(mut self, ears: &[Arc<dyn Ear>], message: &[u8]) {
        let Some((first, others)) = ears.split_first() else { return };
        self.verdict = first.hear(self.from, message);
        if self.verdict == Verdict::Accept {
            for other in others {
                other.hear(self.from, message);
            }
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let id = mem::replace(&mut self.id, MessageId(Vec::new()));
        // There is a place for each that is under way.
        self.told.try_send(Judged { id, from: self.from, verdict: self.verdict }).ok();
    }
}

impl Judging {
    pub(super) fn new(runtime: Runtime) -> Self {
        let (told, verdicts) = mpsc::channel(UNDER_WAY_MAX);
        Self { runtime, verdicts, told, of_peers: BTreeMap::new(), count: 0 }
    }

    /// Lets ears judge a message; says no if there is no room.
    pub(super) fn begin(
        &mut self,
        id: MessageId,
        from: PeerId,
        message: Vec<u8>,
        ears: Vec<Arc<dyn Ear>>,
    ) -> bool {
        let of_peer = self.of_peers.get(&from).copied().unwrap_or_default();
        if self.count >= UNDER_WAY_MAX || of_peer >= OF_PEER_MAX {
            return false;
        }
        self.of_peers.insert(from, of_peer.saturating_add(1));
        self.count = self.count.saturating_add(1);
        let case = Case { id, from, verdict: Verdict::Ignore, told: self.told.clone() };
        // If the pool is too busy, the case is dropped, and so ends.
        self.runtime.try_offload(move || case.judge(&ears, &message)).ok();
        true
    }

    /// The next verdict.
    pub(super) async fn next(&mut self) -> Option<Judged> {
        self.verdicts.recv().await
    }

    /// Gives the place of a message free.
    pub(super) fn end(&mut self, judged: &Judged) {
        self.count = self.count.saturating_sub(1);
        if let Some(of_peer) = self.of_peers.get_mut(&judged.from) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                self.of_peers.remove(&judged.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::runtime::Tokio;

    /// Says what it is told to say, once it may.
    #[derive(Debug)]
    struct Slow(Mutex<()>, Verdict);

    impl Ear for Slow {
        fn hear(&self, _from: PeerId, message: &[u8]) -> Verdict {
            drop(self.0.lock());
            assert_ne!(message, b"panic", "as told");
            self.1
        }
    }

    fn begin(judging: &mut Judging, number: usize, from: PeerId, message: &[u8], ear: &Arc<Slow>) -> bool {
        let ears: Vec<Arc<dyn Ear>> = vec![Arc::clone(ear) as _];
        judging.begin(MessageId::new(&number.to_be_bytes()), from, message.to_vec(), ears)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_peer_that_floods_takes_its_own_places_only_and_gets_them_back() {
        let mut judging = Judging::new(Runtime::new(Tokio::new()));
        let ear = Arc::new(Slow(Mutex::new(()), Verdict::Reject));
        let (flood, other) = (PeerId::random(), PeerId::random());
        {
            let _held = ear.0.lock().unwrap();
            assert!((0..OF_PEER_MAX).all(|number| begin(&mut judging, number, flood, b"", &ear)));
            assert!(!begin(&mut judging, OF_PEER_MAX, flood, b"", &ear));
            assert!(begin(&mut judging, OF_PEER_MAX, other, b"", &ear));
        }
        for _ in 0..=OF_PEER_MAX {
            let judged = judging.next().await.unwrap();
            judging.end(&judged);
        }
        assert!(judging.of_peers.is_empty() && judging.count == 0);
        assert!(begin(&mut judging, 0, flood, b"", &ear));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_ear_that_breaks_leaves_the_message_where_it_is() {
        let mut judging = Judging::new(Runtime::new(Tokio::new()));
        let ear = Arc::new(Slow(Mutex::new(()), Verdict::Accept));
        assert!(begin(&mut judging, 1, PeerId::random(), b"panic", &ear));
        assert_eq!(judging.next().await.unwrap().verdict, Verdict::Ignore);
        assert!(begin(&mut judging, 2, PeerId::random(), b"word", &ear));
        assert_eq!(judging.next().await.unwrap().verdict, Verdict::Accept);
    }
}
