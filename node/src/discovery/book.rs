//! Peers worth asking again: those that others were sent to by this node, newest first, a bounded number.
//!
//! Pure: what is remembered, in which form, and who is forgotten first. [`super::file`] keeps it on disk.

use std::collections::BTreeMap;

use colony_protocol::{
    bounded::{List, Text},
    codec,
    model::member::{Address, MemberKey},
    time::Timestamp,
};
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};

use crate::net::{key_of, peer_of};

/// Peers remembered: enough that some are still there after months, few enough to be read at once.
pub(super) const PEERS_MAX: usize = 256;
/// Addresses of each.
const ADDRESSES_MAX: usize = 8;
/// Largest file that is read.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// The first byte of what is written.
const VERSION: u8 = 1;

/// A peer that answered once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    key: MemberKey,
    addresses: List<Address, ADDRESSES_MAX>,
    /// When it was last in the table.
    seen: Timestamp,
}

/// All that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Book {
    peers: BTreeMap<PeerId, Remembered>,
}

impl Book {
    /// A peer is in the table now. Says whether anything but the time is new.
    pub(super) fn saw(&mut self, peer: PeerId, addresses: &[Multiaddr], now: Timestamp) -> bool {
        let Some(key) = key_of(&peer) else { return false };
        let texts = addresses.iter().filter_map(|address| Text::new(address.to_string()).ok());
        let addresses = List::new(texts.take(ADDRESSES_MAX).collect()).unwrap_or_default();
        if addresses.is_empty() {
            return false;
        }
        let known = self.peers.insert(peer, Remembered { key, addresses: addresses.clone(), seen: now });
        if self.peers.len() > PEERS_MAX {
            self.forget_oldest();
        }
        known.is_none_or(|known| known.addresses != addresses)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.peers.iter().min_by_key(|(_, known)| known.seen).map(|(peer, _)| *peer);
        if let Some(oldest) = oldest {
            self.peers.remove(&oldest);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Where to ask, those first that were there last. `skip` leaves out as many: a second try asks others.
    pub(super) fn addresses(&self, skip: usize, take: usize) -> Vec<Multiaddr> {
        let mut peers: Vec<&Remembered> = self.peers.values().collect();
        peers.sort_by_key(|known| std::cmp::Reverse(known.seen));
        let some = peers.into_iter().cycle().skip(skip).take(take.min(self.peers.len()));
        some.flat_map(|known| known.addresses.iter().filter_map(|address| address.parse().ok())).collect()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let peers: Vec<&Remembered> = self.peers.values().collect();
        // Keys, texts and numbers, for which the encoder has no error.
        codec::encode_behind(&[VERSION], codec::ROOM, &peers).unwrap_or_default()
    }

    /// Reads what was written. Whatever cannot be read is as if it had never been known.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let Some((&VERSION, bytes)) = bytes.split_first() else { return Self::default() };
        let peers = codec::decode::<List<Remembered, PEERS_MAX>>(bytes).unwrap_or_default();
        let known = peers.into_iter().filter_map(|known| Some((peer_of(known.key.as_bytes())?, known)));
        Self { peers: known.collect() }
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{identity::SecretKey, time::Span};

    use super::*;

    fn peer(number: usize) -> PeerId {
        peer_of(&SecretKey::derive(&number.to_be_bytes()).public_key()).unwrap()
    }

    fn address(number: usize) -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/{}/p2p/{}", number + 1, peer(number)).parse().unwrap()
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::ZERO.after(Span::from_secs(second))
    }

    #[test]
    fn what_is_written_is_read_and_the_last_seen_come_first() {
        let mut book = Book::default();
        for number in 0..5 {
            assert!(book.saw(peer(number), &[address(number)], at(number as u64)));
        }
        assert!(!book.saw(peer(0), &[address(0)], at(9)), "only the time is new");
        let read = Book::from_bytes(&book.to_bytes());
        assert_eq!(read, book);
        assert_eq!(read.addresses(0, 2), [address(0), address(4)]);
        assert_eq!(
            read.addresses(4, 2),
            [address(1), address(0)],
            "others are asked next, then the first again"
        );
        assert_eq!(Book::default().addresses(3, 2), []);
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let mut book = Book::default();
        for number in 0..PEERS_MAX + 3 {
            book.saw(peer(number), &[address(number)], at(number as u64));
        }
        assert_eq!(book.len(), PEERS_MAX);
        assert!(!book.addresses(0, PEERS_MAX).contains(&address(2)));
        assert!(book.addresses(0, PEERS_MAX).contains(&address(3)));
        assert!(book.to_bytes().len() < BYTES_MAX);
    }

    #[test]
    fn a_damaged_book_is_an_empty_one() {
        let mut book = Book::default();
        book.saw(peer(1), &[address(1)], at(1));
        let bytes = book.to_bytes();
        for damaged in [&b""[..], &[VERSION], &[9; 40], &bytes[..bytes.len() - 1]] {
            assert_eq!(Book::from_bytes(damaged), Book::default());
        }
    }
}
