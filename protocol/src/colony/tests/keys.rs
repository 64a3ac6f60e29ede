//! New keys: what stood under the old one stands under the new one, in the same entry.

use super::*;
use crate::{
    command::{Append, ChangeKey, FilesCommand},
    model::file::NewFile,
};

const NEW: u8 = 20;

#[test]
fn an_executor_closes_with_its_new_key_what_it_got_with_the_old_one() {
    let mut world = World::new();
    let process = world.submit(spec());
    let ask = Assign { max: 1, heartbeat: Some(Span::from_secs(10)), ..Default::default() };
    let held = world.assign_with(E2, ask).pop().unwrap();
    world.wait(5);
    world.ok(E2, Command::ChangeKey(ChangeKey::Executor(id(NEW))));
    assert!(matches!(
        world.tell(E2, Command::Renew { leases: List::default() }),
        Err(Refusal::Denied { .. })
    ));
    // Its promise to be heard goes over with the lease.
    world.wait(9);
    assert_eq!(world.state(process), State::Running);
    world.close(NEW, &held, true, &["done"]).unwrap();
    assert_eq!(world.state(process), State::Success);
    assert_eq!(world.process(process).assigned_to, Some(id(NEW)));
    assert!(world.colony.executor(&id(E2)).is_none());
    assert_eq!(world.colony.executor(&id(NEW)).unwrap().name, text("e2"));
}

#[test]
fn a_silent_executor_loses_its_leases_under_the_new_key_too() {
    let mut world = World::new();
    let process = world.submit(spec());
    let ask = Assign { max: 1, heartbeat: Some(Span::from_secs(10)), ..Default::default() };
    assert_eq!(world.assign_with(E2, ask).len(), 1);
    world.ok(E2, Command::ChangeKey(ChangeKey::Executor(id(NEW))));
    world.wait(11);
    assert_ne!(world.state(process), State::Running);
}

#[test]
fn a_user_goes_on_under_a_new_key() {
    let mut world = World::new();
    let channels = List::new(vec![text("c")]).unwrap();
    let process = world.submit(FunctionSpec { channels, ..spec() });
    assert!(matches!(
        world.tell(E2, Command::ChangeKey(ChangeKey::User(id(NEW)))),
        Err(Refusal::Denied { .. })
    ));
    world.ok(USER, Command::ChangeKey(ChangeKey::User(id(NEW))));
    let file = || NewFile { label: text("/d"), name: text("a"), ..NewFile::default() };
    let add = || Command::Files(FilesCommand::Add { file: file() });
    assert!(matches!(world.tell(USER, add()), Err(Refusal::Denied { .. })));
    world.ok(NEW, add());
    // It still talks to what it submitted before.
    let entries = List::new(vec![Default::default()]).unwrap();
    world.ok(NEW, Command::Append(Append { process, channel: text("c"), token: 0, entries }));
}

#[test]
fn who_asks_again_for_a_new_key_is_told_that_it_was_given() {
    let mut world = World::new();
    let call = world.call(E2, Command::ChangeKey(ChangeKey::Executor(id(NEW))));
    assert_eq!(world.apply(&call), Ok(Reply::Done));
    assert_eq!(world.apply(&call), Ok(Reply::Done));
}

#[test]
fn the_owner_changes_its_key_and_the_colony_keeps_its_id() {
    let mut world = World::new();
    world.ok(OWNER, Command::ChangeKey(ChangeKey::Owner(id(NEW))));
    assert!(matches!(world.tell(OWNER, Command::Pause), Err(Refusal::Denied { .. })));
    world.ok(NEW, Command::Pause);
    assert_eq!((world.colony.id(), world.colony.owner_id()), (id(OWNER), id(NEW)));
}

#[test]
fn hole_09_one_key_is_one_member_and_who_was_sent_away_has_no_rights() {
    let mut world = World::new();
    for taken in [OWNER, E2, E3, USER] {
        let change = Command::ChangeKey(ChangeKey::Executor(id(taken)));
        assert!(matches!(world.tell(E2, change), Err(Refusal::Exists { .. })), "{taken}");
    }
    let nobody = Command::ChangeKey(ChangeKey::Executor(Identity::NOBODY));
    assert!(matches!(world.tell(E2, nobody), Err(Refusal::Invalid { .. })));
    world.ok(OWNER, Command::RejectExecutor { name: text("e2") });
    world.ok(OWNER, Command::RemoveExecutor { name: text("e3") });
    for by in [E2, E3] {
        let change = Command::ChangeKey(ChangeKey::Executor(id(NEW)));
        assert!(matches!(world.tell(by, change), Err(Refusal::Denied { .. })));
        assert!(world.colony.may_read(&id(by)).is_err());
    }
}
