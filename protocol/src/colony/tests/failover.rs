//! What a change of coordinator does to leases: nothing. Time comes from the log, and the log never goes back.

use super::*;

/// Begins an entry of a coordinator whose clock shows this second.
fn begin(world: &mut World, second: u64, heard: &[u8]) {
    let heard: Vec<Identity> = heard.iter().map(|byte| id(*byte)).collect();
    world.colony.begin(Timestamp::from_micros(second * 1_000_000), &heard, &mut world.out);
    world.keep();
}

/// A process that may run 60 seconds, taken by `e2` at second 1,000 under a promise to be heard every 20.
fn running(world: &mut World) -> Process {
    let mut work = spec();
    work.max_exec_time = seconds(60);
    work.max_retries = 0;
    world.submit(work);
    let ask = Assign { max: 1, heartbeat: Some(Span::from_secs(20)), ..Default::default() };
    world.assign_with(E2, ask).pop().unwrap()
}

fn at(second: u64) -> Option<Timestamp> {
    Some(Timestamp::from_micros(second * 1_000_000))
}

#[test]
fn a_coordinator_whose_clock_is_behind_does_not_move_time_back() {
    let mut world = World::new();
    let held = running(&mut world);
    begin(&mut world, 1_010, &[E2]);
    for second in [0, 400, 1_009] {
        begin(&mut world, second, &[]);
        assert_eq!(Some(world.colony.now()), at(1_010));
        assert_eq!(world.colony.renew_by(&held.lease.unwrap()), at(1_030));
    }
    // Its clock reaches the time of the log at last.
    begin(&mut world, 1_011, &[]);
    assert_eq!(Some(world.colony.now()), at(1_011));

    // A request that was too late stays too late, whatever the new clock shows.
    let mut late = world.call(USER, Command::Cancel { process: held.id });
    late.expires = Timestamp::from_micros(1_005_000_000);
    begin(&mut world, 1_001, &[]);
    assert!(matches!(world.apply(&late), Err(Refusal::Envelope(_))));
}

#[test]
fn a_lease_keeps_its_remaining_time_through_changes_of_coordinator() {
    let mut world = World::new();
    let held = running(&mut world);
    let lease = held.lease.unwrap();
    assert_eq!((lease.term, lease.hard_deadline), (1, at(1_060)));

    // Two elections, the second winner's clock far behind. Both renew whom they cannot have heard, as coordinators do.
    for (term, second) in [(2, 1_015), (3, 900)] {
        begin(&mut world, second, &[E2]);
        let renew = Command::Renew { leases: List::new(vec![super::lease(&held)]).unwrap() };
        let call = Call { term, ..world.call(E2, renew) };
        world.apply(&call).unwrap();
        let now = world.process(held.id);
        assert_eq!((now.lease, now.token, now.started_at), (held.lease, held.token, held.started_at));
    }
    assert_eq!(world.colony.renew_by(&lease), at(1_035));
    begin(&mut world, 1_034, &[E2]);
    begin(&mut world, 1_053, &[E2]);

    // Neither election gave it a moment more to run.
    assert_eq!(world.colony.next_deadline(), at(1_060));
    begin(&mut world, 1_059, &[]);
    assert_eq!(world.state(held.id), State::Running);
    begin(&mut world, 1_060, &[]);
    assert_eq!(world.state(held.id), State::Failed);
}

#[test]
fn a_lease_granted_later_carries_the_later_term_and_a_higher_token() {
    let mut world = World::new();
    let mut work = spec();
    work.max_exec_time = seconds(10);
    work.max_retries = 1;
    world.submit(work);
    let ask = |term, by, world: &mut World| {
        let call = world.call(by, Command::Assign(Assign { max: 1, ..Default::default() }));
        match world.apply(&Call { term, ..call }) {
            Ok(Reply::Assigned { mut processes, .. }) => processes.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let first = ask(1, E2, &mut world);
    world.wait(10);
    let second = ask(4, E3, &mut world);
    assert_eq!((second.lease.unwrap().term, second.token), (4, first.token + 1));
    // What the first holder learnt from the deposed coordinator is worth nothing now.
    assert_eq!(world.close(E2, &first, true, &[]), Err(Refusal::Stale { given: 1, current: 2 }));
}
