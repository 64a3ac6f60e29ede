//! Silence that was foretold: what it costs, and what it does not.

use super::*;
use crate::model::{ContactPlan, ExecutorState, Reach, Window};

const fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// Eight minutes of every ninety-five, from second 1,000 on.
fn orbits() -> ContactPlan {
    let windows = (0..6).map(|orbit| 1_000 + orbit * 5_700);
    let windows = windows.map(|start| Window { start: at(start), end: at(start + 480), rate: 0 });
    ContactPlan { windows: List::new(windows.collect()).unwrap(), margin: Span::from_secs(30) }
}

fn declared() -> World {
    let mut world = World::new();
    world.ok(E2, Command::DeclareContacts { plan: orbits() });
    world
}

/// Work taken by `e2` now, under a promise to be heard every ten seconds.
fn taken(world: &mut World) -> Process {
    world.submit(FunctionSpec { max_retries: 1, ..spec() });
    let ask = Assign { max: 1, heartbeat: Some(Span::from_secs(10)), ..Default::default() };
    world.assign_with(E2, ask).pop().unwrap()
}

#[test]
fn a_horizon_costs_no_lease_no_retry_and_no_registration() {
    let mut world = declared();
    world.wait(460);
    let held = taken(&mut world);
    // It sets, rises, is missed once, and comes with its result the time after.
    world.wait(3_000);
    assert_eq!(world.state(held.id), State::Running);
    world.wait(8_040);
    assert_eq!((world.state(held.id), world.process(held.id).retries), (State::Running, 0));
    assert_eq!(world.close(E2, &held, true, &["seen"]), Ok(()));
    assert_eq!(world.colony.executor(&id(E2)).unwrap().state, ExecutorState::Approved);
}

#[test]
fn a_second_missed_window_and_the_margin_end_the_lease() {
    let mut world = declared();
    world.wait(460);
    let held = taken(&mut world);
    let end = at(1_000 + 2 * 5_700 + 480 + 30);
    assert_eq!(world.colony.renew_by(&held.lease.unwrap()), Some(end));
    assert_eq!(held.lease.unwrap().renew_by, Some(end));
    world.wait(2 * 5_700 + 49);
    assert_eq!(world.state(held.id), State::Running);
    world.wait(2);
    assert_eq!((world.state(held.id), world.process(held.id).retries), (State::Waiting, 1));
    assert!(world.close(E2, &held, true, &["late"]).is_err());
}

#[test]
fn within_a_window_the_promise_is_what_counts() {
    let mut world = declared();
    world.wait(60);
    let held = taken(&mut world);
    world.wait(11);
    assert_eq!(world.state(held.id), State::Waiting);
}

#[test]
fn a_plan_that_is_declared_later_or_taken_back_moves_the_leases_there_are() {
    let mut world = World::new();
    let held = taken(&mut world);
    world.ok(
        E2,
        Command::DeclareContacts {
            plan: ContactPlan {
                windows: List::new(vec![Window { start: at(5_000), end: at(6_000), rate: 0 }]).unwrap(),
                margin: Span::ZERO,
            },
        },
    );
    assert_eq!(world.colony.renew_by(&held.lease.unwrap()), Some(at(6_000)));
    world.ok(E2, Command::DeclareContacts { plan: ContactPlan::default() });
    assert_eq!(world.colony.renew_by(&held.lease.unwrap()), Some(at(1_010)));
}

#[test]
fn work_that_could_not_be_back_in_time_is_left_to_others_and_explained() {
    let mut world = declared();
    world.wait(400);
    let process = world.submit(FunctionSpec { max_exec_time: seconds(600), ..spec() });
    assert!(world.assign(E2).is_none());
    let explained = world.colony.explain(&world.process(process));
    let verdict = explained.executors.iter().find(|verdict| &*verdict.name == "e2").unwrap();
    let check = verdict.checks.iter().find(|check| &*check.condition == "return").unwrap();
    assert!(!check.met && check.has.starts_with("next contact 1970-01-01T01:51:40"), "{check:?}");
    assert!(world.assign(E3).is_some());
}

#[test]
fn a_window_gives_no_more_work_than_the_next_can_bring_the_results_of() {
    let mut world = World::new();
    // Four results and a little fit into a later window; the process is small, so any number gets up.
    let slow = |start: u64, rate: u64| Window { start: at(start), end: at(start + 100), rate };
    let windows = vec![slow(1_000, 1_000_000), slow(2_000, 45), slow(3_000, 45)];
    let plan = ContactPlan { windows: List::new(windows).unwrap(), margin: Span::ZERO };
    world.ok(E2, Command::DeclareContacts { plan });
    for _ in 0..6 {
        world.submit(spec());
    }
    let ask = Assign { max: 3, heartbeat: Some(Span::from_secs(10)), ..Default::default() };
    assert_eq!(world.assign_with(E2, ask.clone()).len(), 3);
    let held = world.assign_with(E2, ask);
    assert_eq!(held.len(), 1);
    let waiting = world.submit(spec());
    let explained = world.colony.explain(&world.process(waiting));
    let verdict = explained.executors.iter().find(|verdict| &*verdict.name == "e2").unwrap();
    let check = verdict.checks.iter().find(|check| &*check.condition == "return").unwrap();
    assert!(!check.met && check.has.contains("in the window from"), "{check:?}");
    // What was brought back makes room again.
    assert_eq!(world.close(E2, &held[0], true, &["seen"]), Ok(()));
    assert!(world.assign(E2).is_some());
}

#[test]
fn work_too_large_for_the_rest_of_a_window_waits_and_is_explained() {
    let mut world = World::new();
    let window = |start: u64| Window { start: at(start), end: at(start + 100), rate: 100 };
    let plan =
        ContactPlan { windows: List::new(vec![window(1_000), window(2_000)]).unwrap(), margin: Span::ZERO };
    world.ok(E2, Command::DeclareContacts { plan });
    let process = world.submit(spec());
    world.wait(95);
    assert!(world.assign(E2).is_none());
    let explained = world.colony.explain(&world.process(process));
    let verdict = explained.executors.iter().find(|verdict| &*verdict.name == "e2").unwrap();
    assert!(verdict.checks.iter().any(|check| &*check.condition == "upload" && !check.met), "{verdict:?}");
    assert_eq!(world.colony.silent(at(1_500)), vec![("e2".try_into().unwrap(), at(2_000))]);
    world.wait(905);
    assert!(world.assign(E2).is_some());
}

#[test]
fn a_plan_in_disorder_is_refused_and_only_executors_have_one() {
    let mut world = World::new();
    let windows = vec![Window { start: at(9), end: at(3), rate: 0 }];
    let plan = ContactPlan { windows: List::new(windows).unwrap(), margin: Span::ZERO };
    let refused = world.tell(E2, Command::DeclareContacts { plan });
    assert!(matches!(refused, Err(Refusal::Invalid { field, .. }) if &*field == "windows[0]"));
    assert!(world.tell(USER, Command::DeclareContacts { plan: orbits() }).is_err());
}

#[test]
fn a_plan_survives_a_restart_and_loses_what_is_over() {
    let mut world = World::new();
    world.wait(7_000);
    world.ok(E2, Command::DeclareContacts { plan: orbits() });
    let executor = world.colony.executor(&id(E2)).unwrap().clone();
    assert_eq!(executor.contacts.windows.len(), 4);
    assert_eq!(executor.contacts.reach(at(8_000)), Reach::Silent(at(12_400)));
    let key = RowKey::Executor(id(E2));
    let row = world.colony.row(&key).unwrap();
    let again = Colony::restore(id(OWNER), [(key, row)]).unwrap();
    assert_eq!(again.executor(&id(E2)), Some(&executor));
}
