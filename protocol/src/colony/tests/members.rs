//! Who may do what: the owner, users, executors in each of their states, strangers.

use super::*;
use crate::model::{Capabilities, ExecutorState, Hardware};

/// Nobody the colony knows.
const STRANGER: u8 = 9;

fn executor(byte: u8, name: &str) -> Executor {
    Executor { id: id(byte), name: text(name), executor_type: text("cli"), ..Default::default() }
}

fn denied(answer: &Result<Reply, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Denied { .. }))
}

fn exists(answer: &Result<Reply, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Exists { .. }))
}

fn submission() -> Command {
    Command::Submit { items: List::new(vec![Submission { spec: spec(), retry_of: None }]).unwrap() }
}

fn one() -> Command {
    Command::Assign(Assign { max: 1, ..Default::default() })
}

#[test]
fn a_colony_is_founded_once_and_by_its_own_key() {
    let mut world = World::new();
    let mut colony = Colony::new(id(OWNER));
    let found = |world: &mut World, by| world.call(by, Command::Found { name: text("x") });

    // Before, nothing else is accepted.
    let early = world.call(OWNER, Command::Pause);
    assert!(matches!(colony.apply(&early, &mut Outbox::default()), Err(Refusal::NotFound { .. })));
    let other = found(&mut world, USER);
    assert!(denied(&colony.apply(&other, &mut Outbox::default())));
    let own = found(&mut world, OWNER);
    assert_eq!(colony.apply(&own, &mut Outbox::default()), Ok(Reply::Done));
    assert!(colony.is_founded() && &**colony.name() == "x");
    let second = found(&mut world, OWNER);
    assert!(exists(&colony.apply(&second, &mut Outbox::default())));
}

#[test]
fn members_submit_and_cancel_executors_take_work_and_strangers_do_nothing() {
    let mut world = World::new();
    for by in [OWNER, USER, E2] {
        let Reply::Submitted(ids) = world.ok(by, submission()) else { panic!("not submitted") };
        assert!(world.colony.may_read(&id(by)).is_ok());
        assert!(denied(&world.tell(E3, Command::Cancel { process: ids[0] })));
        world.ok(by, Command::Cancel { process: ids[0] });
    }
    let p4 = world.submit(spec());
    for command in [submission(), one(), Command::Cancel { process: p4 }, Command::Pause] {
        assert!(denied(&world.tell(STRANGER, command)));
    }
    assert!(world.colony.may_read(&id(STRANGER)).is_err());
    assert!(denied(&world.tell(USER, one())), "users take no work");
    assert!(denied(&world.tell(OWNER, one())), "nor does the owner");
}

#[test]
fn only_the_owner_governs() {
    let mut world = World::new();
    let governing = || {
        [
            Command::AddExecutor { executor: executor(7, "e7"), approved: true },
            Command::ApproveExecutor { name: text("e2") },
            Command::RejectExecutor { name: text("e2") },
            Command::RemoveExecutor { name: text("e2") },
            Command::AddUser { user: User { id: id(8), name: text("u8"), ..Default::default() } },
            Command::RemoveUser { name: text("u4") },
            Command::RemoveAll { state: State::Success },
            Command::Pause,
            Command::Resume,
        ]
    };
    for by in [USER, E3, STRANGER] {
        for command in governing() {
            let kind = command.kind();
            assert!(denied(&world.tell(by, command)), "{by} {kind}");
        }
    }
    for command in governing() {
        world.ok(OWNER, command);
    }
}

#[test]
fn an_executor_takes_work_only_while_it_is_approved() {
    let mut world = World::new();
    world.submit(spec());
    world.ok(OWNER, Command::AddExecutor { executor: executor(7, "e7"), approved: false });
    assert!(denied(&world.tell(7, one())));
    world.ok(OWNER, Command::ApproveExecutor { name: text("e7") });
    let held = world.assign(7).unwrap();

    // Rejected, it loses what it runs; no retry is counted, and its late result is refused.
    world.ok(OWNER, Command::RejectExecutor { name: text("e7") });
    let back = world.process(held.id);
    assert_eq!((back.state, back.retries), (State::Waiting, 0));
    let items = List::new(vec![closing(&held, true)]).unwrap();
    assert!(denied(&world.tell(7, Command::Close { items })));
}

#[test]
fn a_removed_executor_gives_its_work_and_its_name_back_and_may_return() {
    let mut world = World::new();
    let p1 = world.submit(spec());
    let held = world.assign(E2).unwrap();
    world.ok(
        E2,
        Command::AddFunction { func_name: text("echo"), description: text(""), arguments: List::default() },
    );
    world.events();

    // It may leave by itself.
    world.ok(E2, Command::RemoveExecutor { name: text("e2") });
    let ready = Event::Ready { process: p1, executor_type: text("cli") };
    assert!(world.events().contains(&ready));
    assert_eq!(world.colony.functions().count(), 0);
    assert_eq!(world.colony.executor(&id(E2)).unwrap().state, ExecutorState::Unregistered);

    // The same key comes back under its name only; then its old lease is stale.
    assert!(exists(
        &world.tell(OWNER, Command::AddExecutor { executor: executor(E2, "new"), approved: true })
    ));
    world.ok(OWNER, Command::AddExecutor { executor: executor(E2, "e2"), approved: true });
    let again = world.assign(E2).unwrap();
    assert_eq!(again.token, 2);
    assert_eq!(world.close(E2, &held, true, &[]), Err(Refusal::Stale { given: 1, current: 2 }));

    // Another key may take the name once it is free.
    assert!(exists(&world.tell(OWNER, Command::AddExecutor { executor: executor(7, "e2"), approved: true })));
    world.ok(OWNER, Command::RemoveExecutor { name: text("e2") });
    world.ok(OWNER, Command::AddExecutor { executor: executor(7, "e2"), approved: true });
    assert!(exists(
        &world.tell(OWNER, Command::AddExecutor { executor: executor(E2, "e2"), approved: true })
    ));
}

#[test]
fn names_are_needed_unique_and_without_colons() {
    let mut world = World::new();
    for name in ["", "a:b", "a\0"] {
        let bad = world.tell(OWNER, Command::AddExecutor { executor: executor(7, name), approved: true });
        assert!(matches!(bad, Err(Refusal::Invalid { .. })), "{bad:?}");
        let user = User { id: id(8), name: text(name), ..Default::default() };
        assert!(matches!(world.tell(OWNER, Command::AddUser { user }), Err(Refusal::Invalid { .. })));
    }
    // A user may bear an executor's name, but not another user's.
    let user = |byte, name| User { id: id(byte), name: text(name), ..Default::default() };
    world.ok(OWNER, Command::AddUser { user: user(8, "e2") });
    assert!(exists(&world.tell(OWNER, Command::AddUser { user: user(7, "u4") })));
    assert!(exists(&world.tell(OWNER, Command::AddUser { user: user(USER, "other") })));
    world.ok(OWNER, Command::RemoveUser { name: text("u4") });
    assert!(denied(&world.tell(USER, submission())));
}

#[test]
fn a_paused_colony_gives_out_nothing_until_it_is_resumed() {
    let mut world = World::new();
    world.submit(spec());
    world.ok(OWNER, Command::Pause);
    assert!(world.colony.is_paused());
    let answer = world.ok(E2, one());
    assert_eq!(answer, Reply::Assigned { processes: Vec::new(), paused: true });
    world.submit(spec());
    world.events();
    world.ok(OWNER, Command::Resume);
    assert_eq!(world.events(), [Event::Resumed]);
    assert!(world.assign(E2).is_some());
}

#[test]
fn new_hardware_counts_for_the_next_assign() {
    let mut world = World::new();
    let mut large = spec();
    large.conditions.memory = 2_000;
    world.submit(large);
    let hardware = |memory| {
        let hardware = List::new(vec![Hardware { memory, ..Default::default() }]).unwrap();
        Command::UpdateExecutor { capabilities: Capabilities { hardware, ..Default::default() } }
    };
    world.ok(E2, hardware(1_000));
    assert_eq!(world.assign(E2), None);
    world.events();
    world.ok(E2, hardware(4_000));
    assert_eq!(world.events(), [Event::Resumed], "it may be waiting for work it can take only now");
    assert!(world.assign(E2).is_some());
}

#[test]
fn function_statistics_count_successful_runs() {
    let mut world = World::new();
    let offer = || Command::AddFunction {
        func_name: text("echo"),
        description: text("says it"),
        arguments: List::default(),
    };
    assert_eq!(world.ok(E2, offer()), Reply::FunctionAdded(1));
    assert!(exists(&world.tell(E2, offer())));
    assert_eq!(world.ok(E3, offer()), Reply::FunctionAdded(2));
    assert!(denied(&world.tell(USER, offer())));
    for (wait, exec, success) in [(2, 10, true), (4, 20, true), (100, 100, false)] {
        world.submit(spec());
        world.wait(wait);
        let held = world.assign(E2).unwrap();
        world.wait(exec);
        world.close(E2, &held, success, &[]).unwrap();
    }
    let function = world.colony.functions().next().unwrap();
    assert_eq!(function.counter, 2);
    assert_eq!((function.min_wait, function.max_wait, function.sum_wait), (2.0, 4.0, 6.0));
    assert_eq!((function.min_exec, function.max_exec, function.sum_exec), (10.0, 20.0, 30.0));

    // An offer is taken back by who made it, or by the owner.
    assert!(denied(&world.tell(E3, Command::RemoveFunction { number: 1 })));
    world.ok(E2, Command::RemoveFunction { number: 1 });
    world.ok(OWNER, Command::RemoveFunction { number: 2 });
    assert_eq!(world.colony.functions().count(), 0);
}
