//! Channels: what submitter and executor say to each other, and nobody else.

use super::*;
use crate::{
    bounded::Bytes,
    command::Append,
    model::channel::{BURST, ENTRIES_MAX, Entry, KEPT_AFTER_END, NewEntry, RATE},
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
