//! What a holder gives back is somebody else's at once.

use super::*;
use crate::command::Release;

fn give_back(world: &mut World, by: u8, process: &Process, began: bool) -> Result<(), Refusal> {
    let items = List::new(vec![Release { lease: lease(process), began }]).unwrap();
    match world.ok(by, Command::Release { items }) {
        Reply::Closed(mut items) => items.pop().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn work_that_never_began_goes_back_without_costing_a_try() {
    let mut world = World::new();
    let p1 = world.submit(FunctionSpec { max_retries: 0, ..spec() });
    let held = world.assign(E2).unwrap();
    world.events();
    assert_eq!(give_back(&mut world, E2, &held, false), Ok(()));
    assert_eq!((world.state(p1), world.process(p1).retries), (State::Waiting, 0));
    assert!(world.events().contains(&Event::Ready { process: p1, executor_type: text("cli") }));

    // The next holder has a new token; the old one is fenced off.
    let next = world.assign(E3).unwrap();
    assert_eq!(next.token, 2);
    assert_eq!(give_back(&mut world, E2, &held, false), Err(Refusal::Stale { given: 1, current: 2 }));
    assert_eq!(world.close(E3, &next, true, &[]), Ok(()));
}

#[test]
fn work_that_began_goes_back_as_often_as_it_may_be_tried_and_then_fails() {
    let mut world = World::new();
    let p1 = world.submit(FunctionSpec { max_retries: 1, ..spec() });
    let first = world.assign(E2).unwrap();
    assert_eq!(give_back(&mut world, E2, &first, true), Ok(()));
    assert_eq!((world.state(p1), world.process(p1).retries), (State::Waiting, 1));
    let second = world.assign(E2).unwrap();
    assert_eq!(give_back(&mut world, E2, &second, true), Ok(()));
    assert_eq!(world.state(p1), State::Failed);
    assert_eq!(&*world.process(p1).errors[0], "Executor stopped before the process was done");
}

#[test]
fn only_the_holder_gives_back() {
    let mut world = World::new();
    let p1 = world.submit(spec());
    let held = world.assign(E2).unwrap();
    assert!(matches!(give_back(&mut world, E3, &held, false), Err(Refusal::Denied { .. })));
    assert_eq!(world.state(p1), State::Running);
}
