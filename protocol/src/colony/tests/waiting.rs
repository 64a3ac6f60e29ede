//! What the coordinator announces: kinds of waiting work, and whom it calls.

use super::*;
use crate::{
    announcement::{Listener, WaitingWork},
    model::{Conditions, GpuDemand},
    rendezvous::EVERYBODY,
};

fn waiting(world: &World) -> Vec<WaitingWork> {
    world.colony.waiting(&BTreeSet::new(), Timestamp::ZERO).into_vec()
}

fn listener(byte: u8) -> Listener {
    let executor = id(byte);
    Listener { id: executor, name: text(&format!("e{byte}")), executor_type: text("cli"), row: None }
}

/// Who of the two executors asks at once.
fn called(work: &WaitingWork) -> Vec<u8> {
    let at_once = |byte: &u8| {
        let listener = listener(*byte);
        work.concerns(&listener) && work.delay(&listener, false, Span::from_millis(100)) == Span::ZERO
    };
    [E2, E3].into_iter().filter(at_once).collect()
}

#[test]
fn as_many_are_called_as_there_is_work() {
    let mut world = World::new();
    assert_eq!(waiting(&world), []);
    world.submit(spec());
    let one = waiting(&world);
    assert_eq!((one.len(), one[0].count), (1, 1));
    assert_eq!(called(&one[0]).len(), 1);

    world.submit(spec());
    let two = waiting(&world);
    assert_eq!((two.len(), two[0].count), (1, 2));
    assert_eq!(called(&two[0]), [E2, E3]);
    assert!(two[0].wave > one[0].wave, "new work is another wave");
}

#[test]
fn what_is_promised_already_is_not_announced() {
    let mut world = World::new();
    let first = world.submit(spec());
    let second = world.submit(spec());
    let left = |reserved: &[ProcessId]| -> u64 {
        let reserved = reserved.iter().map(|id| id.number()).collect();
        world.colony.waiting(&reserved, Timestamp::ZERO).iter().map(|work| work.count).sum()
    };
    assert_eq!([left(&[]), left(&[first]), left(&[first, second])], [2, 1, 0]);
}

#[test]
fn work_that_nobody_can_do_wakes_nobody() {
    let mut world = World::new();
    let wanting = |conditions: Conditions| {
        let conditions = Conditions { executor_type: text("cli"), ..conditions };
        FunctionSpec { conditions, ..spec() }
    };
    let gpu = GpuDemand { count: 1, ..Default::default() };
    world.submit(wanting(Conditions { gpu, ..Default::default() }));
    let mut other = spec();
    other.conditions.executor_type = text("other");
    world.submit(other);
    assert_eq!(waiting(&world), []);

    let names = List::new(vec![text("e3"), text("x")]).unwrap();
    world.submit(wanting(Conditions { executor_names: names, ..Default::default() }));
    let named = waiting(&world);
    assert_eq!((named.len(), called(&named[0])), (1, vec![E3]));
}

#[test]
fn nobody_is_woken_in_a_paused_colony() {
    let mut world = World::new();
    world.submit(spec());
    world.ok(OWNER, Command::Pause);
    assert_eq!(waiting(&world), []);
    world.ok(OWNER, Command::Resume);
    assert_eq!(waiting(&world).len(), 1);
}

#[test]
fn those_who_were_heard_lately_are_called_and_all_if_none_was() {
    let mut world = World::new();
    world.wait(100);
    world.submit(spec());
    let since = |seconds: u64| Timestamp::from_micros((1_000 + seconds) * 1_000_000);
    let called_since =
        |world: &World, seconds| called(&world.colony.waiting(&BTreeSet::new(), since(seconds))[0]).len();
    assert_eq!(called_since(&world, 50), 1, "nobody was heard: one of all");
    let given = world.assign(E2).unwrap();
    world.close(E2, &given, true, &[]).unwrap();
    world.submit(spec());
    world.submit(spec());
    let work = &world.colony.waiting(&BTreeSet::new(), since(50))[0];
    assert_eq!((work.count, work.reach), (2, EVERYBODY), "one is there, two are wanted");
}

#[test]
fn those_who_run_something_are_called_when_the_idle_do_not_suffice() {
    let mut world = World::new();
    world.submit(spec());
    world.assign(E2).unwrap();
    world.submit(spec());
    let enough = waiting(&world);
    assert_eq!((enough[0].reach, enough[0].reach_busy), (EVERYBODY, 0));
    world.submit(spec());
    let short = waiting(&world);
    assert_eq!((short[0].reach, short[0].reach_busy), (EVERYBODY, EVERYBODY));
}
