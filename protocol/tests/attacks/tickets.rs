//! Tickets that are forged, altered, borrowed from another colony, or no tickets at all.

use colony_protocol::{
    bounded::{Bytes, List, Text},
    codec,
    colony::{Call, Colony, Outbox},
    command::Command,
    envelope::RequestId,
    identity::{Digest, Identity, SecretKey, Signature},
    model::member::{MemberKey, NewMember, Role, StoreId},
    refusal::Refusal,
    reply::Reply,
    ticket::{SignedTicket, TICKET_MAX, Ticket, TicketError},
    time::{Span, Timestamp},
};
use proptest::prelude::*;

use super::bytes::{COST_MAX, decode_as_everything};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn owner() -> SecretKey {
    SecretKey::derive(b"owner")
}

fn ticket() -> Ticket {
    Ticket {
        colony: owner().identity(),
        colony_name: Text::cut("dev"),
        id: [7; 16],
        role: Role::Voter,
        member_name: Some(Text::cut("bob")),
        uses: 1,
        issued: NOW,
        expires: NOW.after(Span::from_secs(3_600)),
        member_until: None,
        nodes: List::new(vec![Text::cut("/ip4/192.0.2.1/udp/4001/quic-v1/p2p/16Uiu2HAm")]).unwrap(),
    }
}

fn good() -> SignedTicket {
    SignedTicket::sign(&ticket(), &owner()).unwrap()
}

/// The owner's colony.
fn colony() -> Colony {
    let mut colony = Colony::new(owner().identity());
    colony.begin(NOW, &[], &mut Outbox::default());
    let found = Command::Found { name: Text::cut("dev") };
    apply(&mut colony, owner().identity(), found).unwrap();
    colony
}

fn apply(colony: &mut Colony, by: Identity, command: Command) -> Result<Reply, Refusal> {
    let request = RequestId::from_bytes([1; 16]);
    let call =
        Call { by, term: 1, request, expires: NOW.after(Span::from_secs(60)), command: command.into() };
    colony.apply(&call, &mut Outbox::default())
}

fn bob() -> NewMember {
    NewMember {
        key: MemberKey::of(&SecretKey::derive(b"bob")),
        name: Text::cut("bob"),
        addresses: List::default(),
        store: StoreId::from_bytes([1; 16]),
        executor: None,
    }
}

/// Asserts that a ticket lets nobody in, neither into the log nor when it is applied, and leaves no trace.
fn lets_nobody_in(ticket: &SignedTicket) {
    let mut colony = colony();
    let by = bob().key.identity();
    let looked = colony.may_join(&by, ticket, &bob(), NOW).unwrap_err();
    assert!(matches!(looked, Refusal::Ticket(_)), "{looked:?}");
    let applied = apply(&mut colony, by, Command::Join { ticket: ticket.clone(), member: bob() });
    assert_eq!(applied, Err(looked));
    assert_eq!(colony.members().count(), 0);
    assert!(!colony.remembers(&by, &RequestId::from_bytes([1; 16])), "strangers fill no memory");
}

#[test]
fn a_good_ticket_lets_its_bearer_in() {
    let mut colony = colony();
    let join = Command::Join { ticket: good(), member: bob() };
    assert!(matches!(apply(&mut colony, bob().key.identity(), join), Ok(Reply::Joined { .. })));
}

#[test]
fn no_changed_bit_of_a_ticket_goes_unnoticed() {
    for at in 0..good().bytes.len() {
        let mut bytes = good().bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let changed = SignedTicket { bytes: Bytes::new(bytes).unwrap(), signature: good().signature };
        assert!(changed.verify().is_err(), "byte {at}");
        lets_nobody_in(&changed);
    }
    for at in 0..good().signature.0.len() {
        let mut signature = good().signature;
        signature.0[at] ^= 1;
        let changed = SignedTicket { bytes: good().bytes, signature };
        assert!(changed.verify().is_err(), "signature byte {at}");
    }
}

#[test]
fn a_ticket_signed_by_anybody_else_is_forged_whatever_it_says() {
    let mallory = SecretKey::derive(b"mallory");
    // The colony's, signed by another key.
    lets_nobody_in(&SignedTicket::sign(&ticket(), &mallory).unwrap());
    // A colony of one's own has good tickets, for itself.
    let own = Ticket { colony: mallory.identity(), ..ticket() };
    let own = SignedTicket::sign(&own, &mallory).unwrap();
    assert!(own.verify().is_ok());
    lets_nobody_in(&own);
    // Another member's request, or ColonyOS's message, that happens to hold a ticket.
    for domain in [&b""[..], b"colony/envelope/1\n", b"colony/announcement/1\n", b"colony/ticket/1"] {
        let bytes = good().bytes;
        let signature = owner().sign(&Digest::of(&[domain, &bytes]));
        lets_nobody_in(&SignedTicket { bytes, signature });
    }
    lets_nobody_in(&SignedTicket { bytes: good().bytes, signature: Signature([0; 65]) });
    // Even the owner's signature makes no ticket of something else.
    for bytes in [vec![], vec![0xf6], vec![0xa0], codec::encode(&bob()).unwrap()] {
        let signature = owner().sign(&Digest::of(&[colony_protocol::ticket::DOMAIN, &bytes]));
        let odd = SignedTicket { bytes: Bytes::new(bytes).unwrap(), signature };
        assert!(matches!(odd.verify(), Err(TicketError::Malformed(_))));
        lets_nobody_in(&odd);
    }
}

#[test]
fn an_oversized_word_or_ticket_is_refused_before_it_costs_anything() {
    let word = format!("colony1{}", "a".repeat(10 * TICKET_MAX));
    let cost = allocation_counter::measure(|| {
        assert_eq!(word.parse::<SignedTicket>(), Err(TicketError::TooLarge));
    });
    assert_eq!(cost.bytes_total, 0);

    // On the wire the bound is the type's.
    let mut long = vec![0xa2, 0x65];
    long.extend_from_slice(b"bytes");
    long.extend(codec::encode(&serde_bytes::ByteBuf::from(vec![0; TICKET_MAX + 1])).unwrap());
    long.extend_from_slice(b"\x69signature");
    long.extend(codec::encode(&good().signature).unwrap());
    assert!(codec::decode::<SignedTicket>(&long).is_err());
}

#[test]
fn numbers_at_their_ends_neither_panic_nor_let_anybody_in() {
    let end = Timestamp::from_micros(u64::MAX);
    for (issued, expires, until) in [
        (end, end, None),
        (Timestamp::ZERO, Timestamp::ZERO, None),
        (end, Timestamp::ZERO, Some(end)),
        (NOW, end, Some(Timestamp::ZERO)),
    ] {
        let ticket = Ticket { issued, expires, member_until: until, ..ticket() };
        lets_nobody_in(&SignedTicket::sign(&ticket, &owner()).unwrap());
    }
    // One that never expires counts, is remembered, and stays used up until the end of time.
    let forever = Ticket { expires: end, member_until: Some(end), uses: u32::MAX, ..ticket() };
    let forever = SignedTicket::sign(&forever, &owner()).unwrap();
    let mut colony = colony();
    let join = Command::Join { ticket: forever, member: bob() };
    assert!(apply(&mut colony, bob().key.identity(), join).is_ok());
    assert_eq!(colony.next_deadline(), Some(end));
    colony.begin(end, &[], &mut Outbox::default());
    assert_eq!(colony.next_deadline(), None);
}

proptest! {
    #[test]
    fn altered_words_never_panic_and_never_pass(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3_u8), 1..6),
    ) {
        let mut word: Vec<char> = good().to_string().chars().collect();
        for (at, character, how) in changes {
            let at = at.index(word.len());
            match how {
                0 => word[at] = character,
                1 => word.insert(at, character),
                _ if word.len() > 1 => drop(word.remove(at)),
                _ => {}
            }
        }
        let word: String = word.into_iter().collect();
        if let Ok(read) = word.parse::<SignedTicket>() {
            // Other white space and other cases are the same word.
            prop_assert_eq!(read, good());
        }
    }

    #[test]
    fn altered_ticket_bytes_cost_little_and_never_pass(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = good().bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(decode_as_everything(&bytes) <= COST_MAX);
        let changed = SignedTicket { bytes: Bytes::new(bytes).unwrap(), signature: good().signature };
        prop_assert!(changed == good() || changed.verify().is_err());
    }
}
