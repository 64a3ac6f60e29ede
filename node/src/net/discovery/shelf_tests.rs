use colony_protocol::{
    bounded::{List, Text},
    charter::{Charter, Delegation, SignedDelegation},
    identity::SecretKey,
    time::Timestamp,
};

use super::*;
use crate::runtime::Tokio;

fn shelf() -> (PeerId, Shelf) {
    let me = PeerId::random();
    (me, Shelf::new(me, Runtime::new(Tokio::new())))
}

fn key(number: usize) -> SecretKey {
    SecretKey::derive(&number.to_be_bytes())
}

/// A charter of the `number`-th colony.
fn record(number: usize, sequence: u64, from: PeerId) -> Record {
    let owner = key(number);
    let colony = owner.identity();
    let speakers = List::new(vec![colony]).unwrap();
    let delegation = Delegation { colony, sequence: 1, issued: Timestamp::ZERO, speakers };
    let delegation = SignedDelegation::sign(&delegation, &owner).unwrap();
    let name = Text::cut("dev");
    let charter = Charter { colony, name, sequence, issued: Timestamp::ZERO, voters: List::default() };
    let charter = SignedCharter::sign(&charter, &delegation, &owner).unwrap();
    let mut record = Record::new(Subject::Charter(colony).key(), charter.to_bytes().unwrap());
    record.publisher = Some(from);
    record
}

fn server(number: usize, provider: PeerId) -> ProviderRecord {
    ProviderRecord::new(Subject::Serves(key(number).identity()).key(), provider, Vec::new())
}

#[test]
fn a_key_says_what_it_is_about() {
    let colony = key(1).identity();
    for subject in [Subject::Charter(colony), Subject::Serves(colony)] {
        assert_eq!(Subject::of(&subject.key()), Some(subject));
    }
    for other in [&b""[..], b"/colony/charter/", b"/pk/abc", &[0; 48]] {
        assert_eq!(Subject::of(&RecordKey::from(other.to_vec())), None);
    }
}

#[tokio::test]
async fn the_newest_charter_stays() {
    let (_, mut shelf) = shelf();
    let peer = PeerId::random();
    let (old, new) = (record(1, 1, peer), record(1, 2, peer));
    shelf.put(old.clone()).unwrap();
    shelf.put(new.clone()).unwrap();
    assert!(shelf.put(old).is_err());
    assert_eq!(shelf.get(&new.key).unwrap().value, new.value);
    assert!(shelf.holds(&new.key, &new.value));
    assert_eq!(shelf.records().count(), 1);
}

#[tokio::test]
async fn what_is_no_charter_is_not_kept() {
    let (_, mut shelf) = shelf();
    let good = record(1, 1, PeerId::random());
    assert!(shelf.put(Record { value: b"poison".to_vec(), ..good.clone() }).is_err());
    assert!(shelf.put(Record { value: vec![0; CHARTER_MAX + 1], ..good }).is_err());
}

#[tokio::test]
async fn one_peer_cannot_fill_the_shelf() {
    let (_, mut shelf) = shelf();
    let flooder = PeerId::random();
    let kept = (0..CHARTERS_PER_PEER + 10).filter(|number| shelf.put(record(*number, 1, flooder)).is_ok());
    assert_eq!(kept.count(), CHARTERS_PER_PEER);
    shelf.put(record(5000, 1, PeerId::random())).unwrap();
    // It may still bring a newer one of those it brought.
    shelf.put(record(3, 2, flooder)).unwrap();

    let served =
        (0..SERVED_PER_PEER + 10).filter(|number| shelf.add_provider(server(*number, flooder)).is_ok());
    assert_eq!(served.count(), SERVED_PER_PEER);
    shelf.add_provider(server(5000, PeerId::random())).unwrap();
}

#[tokio::test]
async fn one_colony_has_only_so_many_servers_and_a_full_shelf_keeps_what_is_near() {
    let (me, mut shelf) = shelf();
    let known = (0..SERVERS + 5).filter(|_| shelf.add_provider(server(1, PeerId::random())).is_ok());
    assert_eq!(known.count(), SERVERS);
    shelf.add_provider(server(1, me)).unwrap();
    assert_eq!(shelf.providers(&Subject::Serves(key(1).identity()).key()).len(), SERVERS + 1);
    assert_eq!(shelf.provided().count(), 1);
    assert_eq!(shelf.own(), 1);

    for number in 0..CHARTERS + 50 {
        shelf.put(record(number, 1, PeerId::random())).ok();
    }
    assert_eq!(shelf.records().count(), CHARTERS);
    // A node always keeps what it says itself.
    shelf.put(record(9999, 1, me)).unwrap();
    assert_eq!(shelf.records().count(), CHARTERS);
    let distance = |key: &RecordKey| KBucketKey::from(me).distance(&KBucketKey::new(key.to_vec()));
    let farthest = shelf.records().map(|record| distance(&record.key)).max().unwrap();
    let newcomer = record(10_000, 1, PeerId::random());
    assert_eq!(shelf.put(newcomer.clone()).is_ok(), distance(&newcomer.key) < farthest);
}

#[tokio::test]
async fn who_serves_no_more_is_forgotten() {
    let (me, mut shelf) = shelf();
    let peer = PeerId::random();
    for provider in [peer, me] {
        shelf.add_provider(server(1, provider)).unwrap();
    }
    shelf.remove_provider(&Subject::Serves(key(1).identity()).key(), &peer);
    assert_eq!(shelf.providers(&Subject::Serves(key(1).identity()).key()).len(), 1);
}
