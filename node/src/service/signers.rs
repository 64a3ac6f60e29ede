//! Who signed what a peer sent last: whoever asks again and again is checked in half the time.
//!
//! A connection usually belongs to one member, so its next request is held against the key of its last ones first. That
//! is a guess and nothing else: if it is wrong the signer is recovered as for everybody.
//!
//! What may never happen: an identity that recovery would not have given; memory or time that grows with the number of
//! peers. A table is made only for a key that signed several requests in a row, so who changes keys gains nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::identity::{Digest, Identity, IdentityError, KnownSigner, Signature, Signer};

use crate::net::PeerId;

/// Peers remembered: 31 MB if each is one of the busy ones. The one silent for longest makes room.
const PEERS: usize = 256;
/// Signatures in a row after which a key's table is made: it takes as long as ten recoveries.
const ENOUGH: u32 = 20;

/// The last signers of the last peers.
#[derive(Debug, Default)]
pub(super) struct Signers(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    peers: BTreeMap<PeerId, Last>,
    /// Counts requests, to tell who was silent for longest.
    clock: u64,
}

/// Who signed a peer's last request.
#[derive(Debug)]
struct Last {
    signer: Identity,
    /// How often in a row, up to [`ENOUGH`].
    times: u32,
    known: Option<Arc<KnownSigner>>,
    /// By [`Recent::clock`].
    at: u64,
}

impl Signers {
    /// Who made this signature, which `peer` sent.
    pub(super) fn recover(
        &self,
        peer: PeerId,
        signature: &Signature,
        digest: &Digest,
    ) -> Result<Identity, IdentityError> {
        if let Some(known) = self.lock().known(&peer)
            && known.signed(digest, signature)
        {
            return Ok(known.identity());
        }
        let signer = signature.signer(digest)?;
        self.learn(peer, &signer);
        Ok(signer.identity())
    }

    fn learn(&self, peer: PeerId, signer: &Signer) {
        if self.lock().count(peer, signer.identity()) < ENOUGH {
            return;
        }
        // Takes a while: nothing is locked.
        let known = Arc::new(KnownSigner::new(signer));
        if let Some(last) = self.lock().peers.get_mut(&peer)
            && last.signer == known.identity()
        {
            last.known = Some(known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn known(&mut self, peer: &PeerId) -> Option<Arc<KnownSigner>> {
        let at = self.tick();
        let last = self.peers.get_mut(peer)?;
        last.at = at;
        last.known.clone()
    }

    /// Counts a signature; says how many in a row it makes.
    fn count(&mut self, peer: PeerId, signer: Identity) -> u32 {
        let at = self.tick();
        if !self.peers.contains_key(&peer) && self.peers.len() >= PEERS {
            self.forget_one();
        }
        let last = self.peers.entry(peer).or_insert(Last { signer, times: 0, known: None, at });
        if last.signer != signer {
            *last = Last { signer, times: 0, known: None, at };
        }
        last.times = last.times.saturating_add(1);
        last.times
    }

    fn forget_one(&mut self) {
        let silent = self.peers.iter().min_by_key(|(_, last)| last.at).map(|(peer, _)| *peer);
        if let Some(silent) = silent {
            self.peers.remove(&silent);
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::identity::SecretKey;

    use super::*;

    fn ask(signers: &Signers, peer: PeerId, key: &SecretKey, number: u32) -> Identity {
        let digest = Digest::of(&[&number.to_be_bytes()]);
        signers.recover(peer, &key.sign(&digest), &digest).unwrap()
    }

    fn is_known(signers: &Signers, peer: PeerId) -> bool {
        signers.lock().known(&peer).is_some()
    }

    #[test]
    fn who_signs_again_and_again_becomes_known_and_is_told_from_others() {
        let (signers, peer) = (Signers::default(), PeerId::random());
        let (one, other) = (SecretKey::derive(b"one"), SecretKey::derive(b"other"));
        for number in 0..ENOUGH {
            assert!(!is_known(&signers, peer));
            assert_eq!(ask(&signers, peer, &one, number), one.identity());
        }
        assert!(is_known(&signers, peer));
        assert_eq!(ask(&signers, peer, &one, 99), one.identity());
        // Another member over the same connection is found all the same, and the guess given up.
        assert_eq!(ask(&signers, peer, &other, 100), other.identity());
        assert!(!is_known(&signers, peer));
        assert_eq!(ask(&signers, peer, &one, 101), one.identity());
    }

    #[test]
    fn a_forged_signature_is_refused_whoever_is_known() {
        let (signers, peer) = (Signers::default(), PeerId::random());
        let key = SecretKey::derive(b"one");
        for number in 0..=ENOUGH {
            ask(&signers, peer, &key, number);
        }
        let digest = Digest::of(&[b"what was signed"]);
        let mut forged = key.sign(&digest);
        forged.0[40] ^= 1;
        assert_ne!(signers.recover(peer, &forged, &digest).ok(), Some(key.identity()));
    }

    #[test]
    fn peers_without_end_take_no_memory_without_end() {
        let (signers, busy) = (Signers::default(), PeerId::random());
        let key = SecretKey::derive(b"one");
        for number in 0..ENOUGH {
            ask(&signers, busy, &key, number);
        }
        for _ in 0..2 * PEERS {
            signers.lock().count(PeerId::random(), key.identity());
            ask(&signers, busy, &key, 7);
        }
        assert_eq!(signers.lock().peers.len(), PEERS);
        assert!(is_known(&signers, busy), "who keeps asking is not forgotten");
    }
}
