use super::*;
use crate::bounded::Text;

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
        member_name: None,
        uses: 1,
        issued: NOW,
        expires: NOW.after(Span::from_secs(3_600)),
        member_until: None,
        nodes: List::new(vec![Text::cut("/ip4/192.0.2.1/udp/4001/quic-v1/p2p/16Uiu2HAm")]).unwrap(),
    }
}

fn signed() -> SignedTicket {
    SignedTicket::sign(&ticket(), &owner()).unwrap()
}

#[test]
fn a_ticket_is_one_word_that_survives_shouting_and_mail() {
    let word = signed().to_string();
    assert!(word.starts_with("colony1"));
    assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{word}");
    let (front, back) = word.split_at(60);
    for copy in [word.clone(), word.to_uppercase(), format!("  {word}\n"), format!("{front}\r\n  {back}")] {
        let read: SignedTicket = copy.parse().unwrap();
        assert_eq!(read, signed());
        assert_eq!(read.verify(), Ok(ticket()));
    }
}

#[test]
fn an_ordinary_ticket_is_short_enough_to_copy() {
    let length = signed().to_string().len();
    assert!(length <= 360, "{length} characters");
}

#[test]
fn a_typing_error_is_told_apart_from_a_forgery() {
    let word = signed().to_string();
    for at in PREFIX_LEN..word.len() {
        let mut typo = word.clone().into_bytes();
        typo[at] = if typo[at] == b'a' { b'b' } else { b'a' };
        let typo = String::from_utf8(typo).unwrap();
        assert_eq!(typo.parse::<SignedTicket>(), Err(TicketError::Damaged), "character {at}");
        let short = &word[..at];
        assert_eq!(short.parse::<SignedTicket>(), Err(TicketError::Damaged), "cut at {at}");
    }
    // Somebody who knows how words are made, but not the owner's key.
    let forged = SignedTicket::sign(&ticket(), &SecretKey::derive(b"mallory")).unwrap();
    let read: SignedTicket = forged.to_string().parse().unwrap();
    assert_eq!(read.verify(), Err(TicketError::Forged));
}

/// Where the encoded part begins.
const PREFIX_LEN: usize = word::PREFIX.len();

#[test]
fn other_text_is_no_ticket() {
    for text in ["", "colony", "colony2abc", "colonz1aaaa", "https://example.org", "ö", "colonyö1"] {
        assert_eq!(text.parse::<SignedTicket>(), Err(TicketError::NotATicket), "{text}");
    }
    for text in ["colony1", "colony1aaaa", "colony1!", "colony1ö", "colony1a=======", "colony1\0"] {
        assert_eq!(text.parse::<SignedTicket>(), Err(TicketError::Damaged), "{text}");
    }
}

#[test]
fn the_largest_ticket_that_can_be_signed_can_be_read_and_a_larger_one_neither() {
    let address = |length: usize| Text::new("x".repeat(length)).unwrap();
    let with = |lengths: &[usize]| {
        let nodes = List::new(lengths.iter().map(|length| address(*length)).collect()).unwrap();
        SignedTicket::sign(&Ticket { nodes, ..ticket() }, &owner())
    };
    let sizes: Vec<usize> = vec![256, 256, 256, 256, 256, 256, 256];
    let base = with(&sizes).unwrap().bytes.len();
    // One more address up to the limit: its head takes one byte up to 23 characters, two up to 255, three above.
    let room = TICKET_MAX - base - 2;
    let full = with(&[sizes.clone(), vec![room]].concat()).unwrap();
    assert_eq!(full.bytes.len(), TICKET_MAX);
    assert_eq!(full.to_string().parse(), Ok(full));
    assert_eq!(with(&[sizes, vec![room + 1]].concat()), Err(TicketError::TooLarge));
    assert_eq!("colony1".repeat(2_000).parse::<SignedTicket>(), Err(TicketError::TooLarge));
}

#[test]
fn a_signature_made_for_another_purpose_is_a_forgery() {
    let good = signed();
    for domain in [&b""[..], b"colony/envelope/1\n", b"colony/ticket/2\n"] {
        let signature = owner().sign(&Digest::of(&[domain, &good.bytes]));
        assert_eq!(SignedTicket { signature, ..good.clone() }.verify(), Err(TicketError::Forged));
    }
}

#[test]
fn a_ticket_counts_for_its_colony_and_in_its_time() {
    let check = |ticket: Ticket, now| ticket.check(&owner().identity(), now);
    assert_eq!(check(ticket(), NOW), Ok(()));
    assert_eq!(check(ticket(), ticket().expires), Ok(()));
    let second = Span::from_secs(1);
    let late = ticket().expires.after(second);
    assert_eq!(check(ticket(), late), Err(TicketError::Expired { late: second }));
    let early = NOW.before(SKEW_MAX).before(second);
    assert!(matches!(check(ticket(), early), Err(TicketError::FromTheFuture { .. })));
    let over = Ticket { member_until: Some(NOW), ..ticket() };
    assert_eq!(check(over, NOW), Err(TicketError::MembershipOver));
    let other = ticket().check(&Identity::from_bytes([9; 32]), NOW);
    assert_eq!(other, Err(TicketError::WrongColony { name: Text::cut("dev") }));
}
