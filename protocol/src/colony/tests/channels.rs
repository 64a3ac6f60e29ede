//! Channels: what submitter and executor say to each other, and nobody else.

use super::super::ChannelEnds;
use super::*;
use crate::{
    bounded::Bytes,
    command::Append,
    model::channel::{
        BURST, ENTRIES_MAX, Entry, KEPT_AFTER_END, MESSAGE_MAX, NewEntry, PIECE_MAX, Piece, RATE,
    },
};

fn say(process: ProcessId, words: &[&str], token: u64) -> Command {
    let entry = |(sequence, word): (i64, &&str)| NewEntry {
        sequence,
        payload: Bytes::new(word.as_bytes()).unwrap(),
        ..NewEntry::default()
    };
    let entries = List::new((1..).zip(words).map(entry).collect()).unwrap();
    Command::Append(Append { process, channel: text("c"), token, entries })
}

fn submit(world: &mut World) -> ProcessId {
    let channels = List::new(vec![text("c")]).unwrap();
    world.submit(FunctionSpec { channels, ..spec() })
}

fn said(world: &World, process: ProcessId) -> Vec<(u64, Identity, String)> {
    let entries = world
        .archive
        .iter()
        .filter(|(key, _)| matches!(key, RowKey::ChannelEntry(number, 0, _) if *number == process.number()));
    let entry = |row: &Vec<u8>| -> Entry { super::super::decode_entry(row).unwrap() };
    let told =
        |entry: Entry| (entry.place, entry.sender, String::from_utf8(entry.said.payload.to_vec()).unwrap());
    entries.map(|(_, row)| told(entry(row))).collect()
}

#[test]
fn submitter_and_executor_talk_in_the_order_in_which_they_spoke() {
    let mut world = World::new();
    let process = submit(&mut world);
    assert_eq!(world.ok(USER, say(process, &["a", "b"], 0)), Reply::Appended(2));
    assert!(matches!(world.tell(E2, say(process, &["x"], 0)), Err(Refusal::Denied { .. })), "not yet");
    let held = world.assign(E2).unwrap();
    assert_eq!(world.ok(E2, say(process, &["c"], held.token)), Reply::Appended(3));
    let words = said(&world, process);
    let expected = [(0, USER, "a"), (1, USER, "b"), (2, E2, "c")];
    assert_eq!(words, expected.map(|(place, by, word)| (place, id(by), word.to_owned())));

    for by in [E3, OWNER] {
        assert!(matches!(world.tell(by, say(process, &["x"], 0)), Err(Refusal::Denied { .. })));
        assert!(world.colony.channel(&id(by), &process, "c").is_err());
    }
    assert!(matches!(world.colony.channel(&id(USER), &process, "d"), Err(Refusal::NotFound { .. })));
}

#[test]
fn a_channel_ends_with_its_process_and_can_be_read_for_a_while() {
    let mut world = World::new();
    let process = submit(&mut world);
    let held = world.assign(E2).unwrap();
    world.ok(E2, say(process, &["a"], 0));
    assert!(!world.colony.channel(&id(USER), &process, "c").unwrap().closed);
    world.events();
    world.close(E2, &held, true, &[]).unwrap();
    assert!(world.events().contains(&Event::Channel { process }), "readers are woken");
    for by in [USER, E2] {
        let ends = world.colony.channel(&id(by), &process, "c").unwrap();
        assert_eq!((ends.length, ends.closed), (1, true));
    }
    assert!(matches!(world.tell(USER, say(process, &["late"], 0)), Err(Refusal::NotFound { .. })));

    let kept = KEPT_AFTER_END.as_micros() / 1_000_000;
    world.wait(kept - 1);
    assert!(world.colony.channel(&id(USER), &process, "c").is_ok());
    world.wait(1);
    assert!(world.colony.channel(&id(USER), &process, "c").is_err());
    assert_eq!(world.colony.next_deadline(), None);
}

#[test]
fn a_channel_where_nothing_was_said_tells_of_its_end_too() {
    let mut world = World::new();
    let process = submit(&mut world);
    world.ok(USER, Command::Cancel { process });
    let ends = world.colony.channel(&id(USER), &process, "c").unwrap();
    assert_eq!((ends.length, ends.closed), (0, true));
}

#[test]
fn an_earlier_attempt_is_not_heard_any_more() {
    let mut world = World::new();
    let process = submit(&mut world);
    let first = world.assign(E2).unwrap();
    world.ok(OWNER, Command::RejectExecutor { name: text("e2") });
    world.ok(OWNER, Command::ApproveExecutor { name: text("e2") });
    assert!(matches!(world.tell(E2, say(process, &["x"], 0)), Err(Refusal::Denied { .. })));
    let second = world.assign(E2).unwrap();
    let late = world.tell(E2, say(process, &["x"], first.token));
    assert!(matches!(late, Err(Refusal::Stale { .. })), "{late:?}");
    world.ok(E2, say(process, &["y"], second.token));
    assert_eq!(said(&world, process).len(), 1);
}

#[test]
fn channels_are_bounded_in_rate_and_in_length() {
    let mut world = World::new();
    let process = submit(&mut world);
    let burst = vec!["x"; BURST as usize];
    world.ok(USER, say(process, &burst, 0));
    let refused = world.tell(USER, say(process, &["x"], 0));
    assert!(matches!(&refused, Err(Refusal::Busy(why)) if why.starts_with("rate limit exceeded")));
    world.wait(1);
    world.ok(USER, say(process, &vec!["x"; usize::try_from(RATE).unwrap()], 0));
    assert!(world.tell(USER, say(process, &["x"], 0)).is_err());
    loop {
        world.wait(5);
        match world.tell(USER, say(process, &burst, 0)) {
            Ok(Reply::Appended(length)) => assert!(length <= ENTRIES_MAX),
            Err(Refusal::Busy(why)) => break assert!(why.starts_with("channel log is full"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// What the archive has of a channel, in order.
fn rows(world: &World, process: ProcessId, channel: u32) -> Vec<Entry> {
    let number = process.number();
    let of = |key: &RowKey| matches!(key, RowKey::ChannelEntry(n, c, _) if (*n, *c) == (number, channel));
    let rows = world.archive.iter().filter(|(key, _)| of(key));
    rows.map(|(_, row)| super::super::decode_entry(row).unwrap()).collect()
}

fn whole(world: &World, process: ProcessId) -> Vec<Vec<u8>> {
    let message = |entry: Entry| match entry.before {
        Some(before) => {
            let pieces = rows(world, process, ChannelEnds::pieces(before.message));
            entry.whole(&pieces[..before.pieces as usize]).unwrap().said.payload.to_vec()
        }
        None => entry.said.payload.to_vec(),
    };
    rows(world, process, 0).into_iter().map(message).collect()
}

fn large(byte: u8, len: usize) -> NewEntry {
    let bytes: Vec<u8> = (0..len).map(|at| byte.wrapping_add((at / PIECE_MAX) as u8)).collect();
    NewEntry { payload: Bytes::new(bytes).unwrap(), ..NewEntry::default() }
}

fn append(process: ProcessId, entry: NewEntry) -> Command {
    Command::Append(Append {
        process,
        channel: text("c"),
        token: 0,
        entries: List::new(vec![entry]).unwrap(),
    })
}

#[test]
fn a_message_in_pieces_is_one_entry_whoever_speaks_meanwhile() {
    let mut world = World::new();
    let process = submit(&mut world);
    world.assign(E2).unwrap();
    let (one, other) = (large(1, MESSAGE_MAX), large(100, PIECE_MAX + 1));
    let mut pieces = one.clone().pieces().into_iter();
    assert_eq!(pieces.len(), MESSAGE_MAX / PIECE_MAX);
    assert_eq!(world.ok(USER, append(process, pieces.next().unwrap())), Reply::Appended(0), "not yet");
    for piece in other.clone().pieces() {
        world.ok(E2, append(process, piece));
    }
    world.ok(E2, say(process, &["small"], 0));
    let last = pieces.map(|piece| world.ok(USER, append(process, piece))).last();
    assert_eq!(last, Some(Reply::Appended(3)));
    let said = [other.payload.to_vec(), b"small".to_vec(), one.payload.to_vec()];
    assert!(whole(&world, process) == said, "each is what its sender said");
    let info = world.colony.channels(&id(USER), &process).unwrap();
    assert_eq!((info[0].entries, info[0].bytes), (3, (MESSAGE_MAX + PIECE_MAX + 1 + 5) as u64));
}

#[test]
fn who_begins_a_message_again_is_not_heard_twice() {
    let mut world = World::new();
    let process = submit(&mut world);
    let one = large(7, 3 * PIECE_MAX);
    let pieces = one.clone().pieces();
    for piece in pieces[..2].iter().chain(&pieces) {
        world.ok(USER, append(process, piece.clone()));
    }
    assert!(whole(&world, process) == [one.payload.to_vec()]);
    // Its pieces are no beginning of another one.
    assert!(matches!(world.tell(USER, append(process, pieces[1].clone())), Err(Refusal::Invalid { .. })));
}

#[test]
fn a_piece_that_does_not_fit_is_refused() {
    let mut world = World::new();
    let process = submit(&mut world);
    let pieces = large(7, 3 * PIECE_MAX).pieces();
    let with = |piece: Piece, payload: &[u8]| {
        let payload = Bytes::new(payload).unwrap();
        append(process, NewEntry { payload, piece: Some(piece), ..NewEntry::default() })
    };
    let first = Piece { message: 1, index: 0, last: false };
    world.ok(USER, append(process, pieces[0].clone()));
    for (wrong, why) in [
        (append(process, pieces[2].clone()), "one is missing"),
        (append(process, pieces[0].clone().piece.map(|_| large(1, PIECE_MAX + 1)).unwrap()), "too large"),
        (with(first, b"short"), "only the last may be short"),
        (with(Piece { index: 1, ..first }, b""), "nothing was begun"),
    ] {
        assert!(matches!(world.tell(USER, wrong), Err(Refusal::Invalid { .. })), "{why}");
    }
    let full = vec![0; PIECE_MAX];
    let most = (MESSAGE_MAX / PIECE_MAX) as u32;
    for index in 0..most {
        world.ok(USER, with(Piece { index, ..first }, &full));
    }
    let over = world.tell(USER, with(Piece { index: most, last: true, ..first }, b"x"));
    assert!(matches!(over, Err(Refusal::Invalid { .. })), "larger than a message may be");
}

#[test]
fn few_messages_are_under_way_and_who_gave_up_makes_place() {
    let mut world = World::new();
    let process = submit(&mut world);
    let begin = |byte| append(process, large(byte, 2 * PIECE_MAX).pieces().remove(0));
    for byte in 0..8 {
        world.ok(USER, begin(byte));
    }
    assert!(matches!(world.tell(USER, begin(8)), Err(Refusal::Busy(_))));
    world.wait(61);
    world.ok(USER, begin(8));
}
