use super::*;
use crate::bounded::Text;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn owner() -> SecretKey {
    SecretKey::derive(b"owner")
}

fn voter() -> SecretKey {
    SecretKey::derive(b"voter")
}

fn delegation(sequence: u64, speakers: &[&SecretKey]) -> SignedDelegation {
    let speakers = List::new(speakers.iter().map(|key| key.identity()).collect()).unwrap();
    let delegation = Delegation { colony: owner().identity(), sequence, issued: NOW, speakers };
    SignedDelegation::sign(&delegation, &owner()).unwrap()
}

fn charter() -> Charter {
    let node = CharterNode {
        key: MemberKey::of(&voter()),
        addresses: List::new(vec![Text::cut("/ip4/192.0.2.1/tcp/4001/p2p/16Uiu2HAm")]).unwrap(),
    };
    Charter {
        colony: owner().identity(),
        name: Text::cut("dev"),
        sequence: 7,
        issued: NOW,
        voters: List::new(vec![node]).unwrap(),
    }
}

fn signed() -> SignedCharter {
    SignedCharter::sign(&charter(), &delegation(1, &[&voter()]), &voter()).unwrap()
}

/// A charter signed by `key`, whether it may or not.
fn put_under(delegation: SignedDelegation, charter: &Charter, key: &SecretKey) -> SignedCharter {
    let bytes = Bytes::new(codec::encode(charter).unwrap()).unwrap();
    let signature = key.sign(&digest(&delegation, &bytes));
    SignedCharter { delegation, bytes, signature }
}

#[test]
fn a_charter_proves_itself_to_somebody_who_knows_only_the_colonys_id() {
    let bytes = signed().to_bytes().unwrap();
    let proven = SignedCharter::from_bytes(&bytes).unwrap().verify().unwrap();
    assert_eq!(proven.charter, charter());
    assert_eq!(proven.by, voter().identity());
    assert_eq!(proven.rank, Rank { delegation: 1, sequence: 7, issued: NOW });
    assert_eq!(proven.charter.check(&owner().identity(), NOW), Ok(()));
}

#[test]
fn an_altered_charter_is_nobodys_word() {
    let good = signed();
    for place in 0..good.bytes.len() {
        let mut bytes = good.bytes.to_vec();
        bytes[place] ^= 1;
        let forged = SignedCharter { bytes: Bytes::new(bytes).unwrap(), ..good.clone() };
        assert!(forged.verify().is_err(), "byte {place} of the charter");
    }
    for place in 0..good.delegation.bytes.len() {
        let mut bytes = good.delegation.bytes.to_vec();
        bytes[place] ^= 1;
        let delegation = SignedDelegation { bytes: Bytes::new(bytes).unwrap(), ..good.delegation.clone() };
        assert!(
            SignedCharter { delegation, ..good.clone() }.verify().is_err(),
            "byte {place} of the delegation"
        );
    }
}

#[test]
fn only_those_whom_the_owner_named_speak_for_the_colony() {
    let mallory = SecretKey::derive(b"mallory");
    let by = mallory.identity();
    let stranger = put_under(delegation(1, &[&voter()]), &charter(), &mallory);
    assert_eq!(stranger.verify(), Err(CharterError::NotASpeaker { by }));
    // A delegation of one's own making does not help: it is signed by no owner, or by that of another colony.
    let speakers = List::new(vec![by]).unwrap();
    let own = Delegation { colony: owner().identity(), sequence: 9, issued: NOW, speakers };
    let own = SignedDelegation::sign(&own, &mallory).unwrap();
    assert_eq!(put_under(own, &charter(), &mallory).verify(), Err(CharterError::Forged));
    let speakers = List::new(vec![by]).unwrap();
    let other = Delegation { colony: by, sequence: 9, issued: NOW, speakers };
    let other = SignedDelegation::sign(&other, &mallory).unwrap();
    assert_eq!(put_under(other, &charter(), &mallory).verify(), Err(CharterError::WrongColony));
    // Nor does one make it by mistake.
    let refused = SignedCharter::sign(&charter(), &delegation(1, &[&voter()]), &mallory);
    assert_eq!(refused, Err(CharterError::NotASpeaker { by }));
}

#[test]
fn a_charter_cannot_be_moved_under_a_later_delegation() {
    // Whoever was sent away may not raise the rank of an old charter, not even of one by a voter that stayed.
    let moved = SignedCharter { delegation: delegation(2, &[&voter()]), ..signed() };
    assert!(moved.verify().is_err());
}

#[test]
fn a_later_delegation_outweighs_any_sequence_and_a_later_state_any_clock() {
    let proven = |delegated: u64, sequence: u64, issued: Timestamp| {
        let charter = Charter { sequence, issued, ..charter() };
        SignedCharter::sign(&charter, &delegation(delegated, &[&voter()]), &voter())
            .unwrap()
            .verify()
            .unwrap()
    };
    let later = NOW.after(Span::from_secs(1));
    let order = [
        proven(1, 7, NOW),
        proven(1, 7, later),
        proven(1, 8, NOW),
        proven(1, u64::MAX, later),
        proven(2, 0, NOW),
    ];
    for (place, one) in order.iter().enumerate() {
        for (other_place, other) in order.iter().enumerate() {
            assert_eq!(one.supersedes(other), place > other_place);
        }
    }
}

#[test]
fn a_charter_counts_for_its_colony_and_in_its_time() {
    let check = |colony: &Identity, now| charter().check(colony, now);
    let (colony, second) = (owner().identity(), Span::from_secs(1));
    assert_eq!(check(&voter().identity(), NOW), Err(CharterError::WrongColony));
    assert_eq!(check(&colony, NOW.after(LIFE)), Ok(()));
    let late = NOW.after(LIFE).after(second);
    assert_eq!(check(&colony, late), Err(CharterError::Stale { age: late.since(NOW) }));
    assert_eq!(check(&colony, NOW.before(AHEAD_MAX)), Ok(()));
    let early = NOW.before(AHEAD_MAX).before(second);
    assert!(matches!(check(&colony, early), Err(CharterError::FromTheFuture { .. })));
}

#[test]
fn a_signature_made_for_another_purpose_is_a_forgery() {
    let good = signed();
    for domain in [&b""[..], b"colony/envelope/1\n", b"colony/charter/2\n"] {
        let hash = Digest::of(&[&good.delegation.bytes]).0;
        let signature = voter().sign(&Digest::of(&[domain, &hash, &good.bytes]));
        assert!(SignedCharter { signature, ..good.clone() }.verify().is_err());
    }
    // What the owner signed as a ticket names no speakers.
    let signature = owner().sign(&Digest::of(&[crate::ticket::DOMAIN, &good.delegation.bytes]));
    let delegation = SignedDelegation { signature, ..good.delegation.clone() };
    assert_eq!(SignedCharter { delegation, ..good }.verify(), Err(CharterError::Forged));
}

#[test]
fn a_charter_larger_than_its_limit_is_neither_made_nor_read() {
    let address = || Text::cut(&"x".repeat(256));
    let addresses = || List::new((0..NODE_ADDRESSES_MAX).map(|_| address()).collect()).unwrap();
    let node = || CharterNode { key: MemberKey::of(&voter()), addresses: addresses() };
    let large =
        Charter { voters: List::new((0..VOTERS_MAX).map(|_| node()).collect()).unwrap(), ..charter() };
    let refused = SignedCharter::sign(&large, &delegation(1, &[&voter()]), &voter());
    assert_eq!(refused, Err(CharterError::TooLarge));
    assert_eq!(SignedCharter::from_bytes(&vec![0; CHARTER_MAX + 1]), Err(CharterError::TooLarge));
}

#[test]
fn a_full_quorum_with_ordinary_addresses_fits() {
    let key = "16Uiu2HAmGH9uSyuVA9fwUKRBNMVcCwKBDaQFcYeKzhrFSUQEkK6N";
    let address = |port: usize| {
        Text::cut(&format!("/ip6/2001:db8:1234:5678:9abc:def0:1234:{port}/udp/40001/quic-v1/p2p/{key}"))
    };
    let node = || CharterNode {
        key: MemberKey::of(&voter()),
        addresses: List::new((0..NODE_ADDRESSES_MAX).map(address).collect()).unwrap(),
    };
    let full = Charter { voters: List::new((0..5).map(|_| node()).collect()).unwrap(), ..charter() };
    let signed = SignedCharter::sign(&full, &delegation(1, &[&voter()]), &voter()).unwrap();
    assert!(signed.to_bytes().unwrap().len() <= CHARTER_MAX);
}
