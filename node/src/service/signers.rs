//! Who signed what a peer sent last: whoever asks again and again is checked in half the time.
//!
//! A connection usually belongs to one member, so its next request is held against the key of its last ones first. That
//! is a guess and nothing else: if it is wrong the signer is recovered as for everybody. What a peer is, is up to whom it
//! asks: an identity on the network of nodes, a connection at the gateway.
//!
//! What may never happen: an identity that recovery would not have given; memory or time that grows with the number of
//! peers. A table is made only for a key that signed several requests in a row, so who changes keys gains nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::identity::{Digest, Identity, IdentityError, KnownSigner, Signature, Signer};

/// Peers remembered: 31 MB if each is one of the busy ones. The one silent for longest makes room.
const PEERS: usize = 256;
/// Signatures in a row after which a key's table is made: it takes as long as ten recoveries.
const ENOUGH: u32 = 20;

/// The last signers of the last peers.
#[derive(Debug)]
pub(crate) struct Signers<P>(Mutex<Recent<P>>);

#[derive(Debug)]
struct Recent<P> {
    peers: BTreeMap<P, Last>,
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

impl<P> Default for Signers<P> {
    fn default() -> Self {
        Self(Mutex::new(Recent { peers: BTreeMap::new(), clock: 0 }))
    }
}

impl<P: Copy + Ord> Signers<P> {
    /// Who made this signature, which `peer` sent.
    pub(crate) fn recover(
        &self,
        peer: P,
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

    fn learn(&self, peer: P, signer: &Signer) {
        if self.lock().count(peer, signer.identity()) < ENOUGH {
            return;
        }
        let elsewhere = self.lock().of(signer.identity());
        // Takes a while: nothing is locked.
        let known = elsewhere.unwrap_or_else(|| Arc::new(KnownSigner::new(signer)));
        if let Some(last) = self.lock().peers.get_mut(&peer)
            && last.signer == known.identity()
        {
            last.known = Some(known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent<P>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Copy + Ord> Recent<P> {
    fn known(&mut self, peer: &P) -> Option<Arc<KnownSigner>> {
        let at = self.tick();
        let last = self.peers.get_mut(peer)?;
        last.at = at;
        last.known.clone()
    }

    /// The table of somebody who is known through another peer.
    fn of(&self, signer: Identity) -> Option<Arc<KnownSigner>> {
        self.peers.values().find_map(|last| last.known.clone().filter(|known| known.identity() == signer))
    }

    /// Counts a signature; says how many in a row it makes.
    fn count(&mut self, peer: P, signer: Identity) -> u32 {
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
    use crate::net::PeerId;

    fn ask(signers: &Signers<PeerId>, peer: PeerId, key: &SecretKey, number: u32) -> Identity {
        let digest = Digest::of(&[&number.to_be_bytes()]);
        signers.recover(peer, &key.sign(&digest), &digest).unwrap()
    }

    fn is_known(signers: &Signers<PeerId>, peer: PeerId) -> bool {
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
    fn who_is_known_through_one_peer_takes_no_second_table() {
        let (signers, peers) = (Signers::default(), [PeerId::random(), PeerId::random()]);
        let key = SecretKey::derive(b"one");
        for number in 0..ENOUGH {
            for peer in peers {
                ask(&signers, peer, &key, number);
            }
        }
        let [one, other] = peers.map(|peer| signers.lock().known(&peer).unwrap());
        assert!(Arc::ptr_eq(&one, &other));
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
