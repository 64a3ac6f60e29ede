//! Submit, assign, close; leases, deadlines and retries.

use super::*;
use crate::reply::LeaseStatus;

#[test]
fn work_goes_in_is_given_out_and_comes_back_done() {
    let mut world = World::new();

    // A submit puts the process into the queue and wakes whoever waits for its type.
    let p1 = world.submit(spec());
    assert_eq!(p1.number(), 1);
    assert_eq!(
        world.events(),
        [
            Event::Process { process: p1, state: State::Waiting },
            Event::Ready { process: p1, executor_type: text("cli") }
        ]
    );

    // An executor gets it with a lease.
    let held = world.assign(E2).unwrap();
    assert_eq!((held.id, held.state, held.token), (p1, State::Running, 1));
    assert_eq!(held.lease.unwrap().holder, id(E2));
    assert_eq!(world.assign(E3), None, "nobody else gets it");

    // Its result ends the process, which leaves memory for the archive.
    assert_eq!(world.close(E2, &held, true, &["done"]), Ok(()));
    assert!(world.colony.live_process(1).is_none());
    let done = world.process(p1);
    assert_eq!((done.state, done.output, done.lease), (State::Success, values(&["done"]), None));
    assert_eq!(world.colony.statistics().processes, [0, 0, 1, 0, 0]);
}

#[test]
fn the_queue_is_ordered_by_submission_and_a_day_per_step_of_priority() {
    let mut world = World::new();
    let old = world.submit(spec());
    world.wait(10);
    let new = world.submit(spec());
    let urgent = world.submit(FunctionSpec { priority: 1, ..spec() });
    world.wait(86_400 - 10 + 1);
    // Submitted more than a day after `old`, one step of priority does not overtake it.
    let late = world.submit(FunctionSpec { priority: 1, ..spec() });
    let queue: Vec<ProcessId> = world.colony.queue().map(|process| process.id).collect();
    assert_eq!(queue, [urgent, old, late, new]);
    for expected in queue {
        assert_eq!(world.assign(E2).unwrap().id, expected);
    }
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_has_no_second_effect() {
    let mut world = World::new();
    let items = List::new(vec![Submission { spec: spec(), retry_of: None }]).unwrap();
    let submit = world.call(USER, Command::Submit { items });
    let first = world.apply(&submit);
    world.wait(30);
    assert_eq!(world.apply(&submit), first);
    assert_eq!(world.colony.last_process_number(), 1);

    // An assign that was answered gives the same lease again, not the next process.
    world.submit(spec());
    let assign = world.call(E2, Command::Assign(Assign { max: 1, ..Default::default() }));
    let held = world.apply(&assign);
    assert_eq!(world.apply(&assign), held);
    assert_eq!(world.colony.statistics().processes, [1, 1, 0, 0, 0]);

    // After its time the request is refused for its age, remembered or not.
    world.wait(31);
    assert!(matches!(world.apply(&submit), Err(Refusal::Envelope(_))));
}

#[test]
fn a_process_that_ran_too_long_goes_back_until_its_retries_are_used_up() {
    let mut world = World::new();
    let limited = FunctionSpec { max_exec_time: seconds(5), max_retries: 1, ..spec() };
    let p1 = world.submit(limited);
    let first = world.assign(E2).unwrap();
    assert_eq!(world.colony.next_deadline(), Some(Timestamp::from_micros(1_005_000_000)));

    // The first time it returns to the queue, and the late holder is fenced off.
    world.events();
    world.wait(5);
    let ready = Event::Ready { process: p1, executor_type: text("cli") };
    let events = world.events();
    assert!(events.contains(&Event::LeaseLost { process: p1, holder: id(E2) }));
    assert!(events.contains(&ready));
    let waiting = world.process(p1);
    assert_eq!((waiting.state, waiting.retries, waiting.assigned_to), (State::Waiting, 1, None));
    let second = world.assign(E3).unwrap();
    assert_eq!(second.token, 2);
    assert_eq!(world.close(E2, &first, true, &[]), Err(Refusal::Stale { given: 1, current: 2 }));

    // The second time it fails.
    world.wait(5);
    let failed = world.process(p1);
    assert_eq!(failed.state, State::Failed);
    assert_eq!(&*failed.errors[0], "Maximum execution time limit exceeded");
    assert_eq!(world.colony.next_deadline(), None);
}

#[test]
fn a_silent_holder_loses_its_lease_and_any_call_counts_as_a_sign_of_life() {
    let mut world = World::new();
    let p1 = world.submit(FunctionSpec { max_retries: -1, ..spec() });
    let ask = Assign { max: 1, heartbeat: Some(Span::from_secs(10)), ..Default::default() };
    let held = world.assign_with(E2, ask).pop().unwrap();

    // A renewal moves the deadline; so does being heard by the coordinator without a command of one's own.
    world.wait(9);
    let leases = List::new(vec![lease(&held)]).unwrap();
    let until = |seconds: u64| LeaseStatus::Live(Some(Timestamp::from_micros(seconds * 1_000_000)));
    let renewed = world.ok(E2, Command::Renew { leases: leases.clone() });
    assert_eq!(renewed, Reply::Renewed(vec![until(1_019)]));
    world.now += 9;
    let at = Timestamp::from_micros(world.now * 1_000_000);
    world.colony.begin(at, &[id(E2)], &mut world.out);
    assert_eq!(world.colony.next_deadline(), Some(Timestamp::from_micros(1_028_000_000)));

    // Silence ends it.
    world.wait(10);
    assert_eq!(world.state(p1), State::Waiting);
    assert_eq!(world.ok(E2, Command::Renew { leases }), Reply::Renewed(vec![LeaseStatus::Lost]));
}
