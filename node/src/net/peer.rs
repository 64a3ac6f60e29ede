//! A node's key is its colony key: peer ids and identities are two spellings of one public key.

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::member::MemberKey,
};
use libp2p::{
    PeerId,
    identity::{Keypair, secp256k1},
};

/// The code of the multihash that holds its content unhashed.
const IDENTITY_MULTIHASH: u8 = 0x00;
/// Bytes of a secp256k1 key as a peer id holds it.
const LENGTH: u8 = 37;
/// What stands before the 33 bytes of a secp256k1 key in a peer id: the kind of key, and how long it is (libp2p's
/// specification of peer ids). Written out, since libp2p unpacks the point whenever it reads or writes one.
const SECP256K1: [u8; 4] = [0x08, 0x02, 0x12, 0x21];

/// Who a peer is. `None` for a peer whose key is not secp256k1: no member has one.
#[must_use]
pub fn identity_of(peer: &PeerId) -> Option<Identity> {
    key_of(peer).map(|key| key.identity())
}

/// The public key in a peer id. `None` for a peer whose key is not secp256k1: no member has one.
#[must_use]
pub fn key_of(peer: &PeerId) -> Option<MemberKey> {
    let multihash = peer.as_ref();
    if multihash.code() != u64::from(IDENTITY_MULTIHASH) {
        return None;
    }
    MemberKey::try_from(multihash.digest().strip_prefix(&SECP256K1)?).ok()
}

/// The peer id of a public key in SEC1 form (33 or 65 bytes). `None` if the bytes are no point of the curve.
///
/// An identity alone is a hash and does not lead back to a key.
#[must_use]
pub fn peer_of(public_key: &[u8]) -> Option<PeerId> {
    let key = MemberKey::try_from(public_key).ok()?;
    PeerId::from_bytes(&[&[IDENTITY_MULTIHASH, LENGTH][..], &SECP256K1, key.as_bytes()].concat()).ok()
}

/// The same key as libp2p holds it.
#[must_use]
pub fn keypair(key: &SecretKey) -> Option<Keypair> {
    let secret = secp256k1::SecretKey::try_from_bytes(&mut key.to_bytes()).ok()?;
    Some(Keypair::from(secp256k1::Keypair::from(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published developer key of ColonyOS's docker-compose files.
    const DEVELOPER: &str = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05";

    #[test]
    fn a_peer_id_reveals_the_colony_id() {
        let key: SecretKey = DEVELOPER.parse().unwrap();
        let peer = keypair(&key).unwrap().public().to_peer_id();
        assert_eq!(identity_of(&peer), Some(key.identity()));
        assert!(key.identity().to_hex().starts_with("3fc05cf3df4b49"));
        assert_eq!(peer_of(&key.public_key()), Some(peer));
        assert_eq!(key_of(&peer), Some(MemberKey::of(&key)));
    }

    #[test]
    fn other_kinds_of_peers_are_nobody() {
        assert_eq!(identity_of(&PeerId::random()), None);
        assert_eq!(peer_of(&[4; 65]), None);
        assert_eq!(peer_of(b"short"), None);
    }
}
