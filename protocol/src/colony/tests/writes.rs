//! What holders say about what they run, and how processes are cancelled and forgotten.

use super::*;
use crate::colony::Archived;
use crate::model::{Attribute, AttributeKind, LogLine, LogStream};

fn attribute(key: &str, kind: AttributeKind) -> Attribute {
    Attribute { key: text(key), value: text("value"), kind }
}

fn lines(texts: &[&str]) -> List<LogLine, 1000> {
    let line = |message: &&str| LogLine { stream: LogStream::Out, message: text(message) };
    List::new(texts.iter().map(line).collect()).unwrap()
}

#[test]
fn intermediate_output_stays_unless_the_result_has_its_own() {
    let mut world = World::new();
    for (last, expected) in [(&[] as &[&str], "early"), (&["late"], "late")] {
        let process = world.submit(spec());
        let held = world.assign(E2).unwrap();
        world.ok(E2, Command::SetOutput { lease: lease(&held), output: values(&["early"]) });
        world.ok(E2, Command::SetOutput { lease: lease(&held), output: values(&[]) });
        world.close(E2, &held, true, last).unwrap();
        assert_eq!(world.process(process).output, values(&[expected]));
    }
}

#[test]
fn an_attribute_is_set_once_and_never_over_an_environment_variable() {
    let mut world = World::new();
    let env = crate::bounded::Map::new(BTreeMap::from([(text("HOME"), text("/"))])).unwrap();
    let process = world.submit(FunctionSpec { env, ..spec() });
    let held = world.assign(E2).unwrap();
    let add = |attribute| Command::AddAttribute { lease: lease(&held), attribute };
    world.ok(E2, add(attribute("k", AttributeKind::Out)));
    world.ok(E2, add(attribute("k", AttributeKind::Err)));
    for taken in [attribute("k", AttributeKind::Out), attribute("HOME", AttributeKind::Env)] {
        let refused = world.tell(E2, add(taken));
        assert!(matches!(refused, Err(Refusal::Exists { .. })), "{refused:?}");
    }

    // A result whose attributes are refused is refused whole.
    let twice = List::new(vec![attribute("k", AttributeKind::Out)]).unwrap();
    let item = Closing { attributes: twice, lines: lines(&["lost"]), ..closing(&held, true) };
    let answer = world.ok(E2, Command::Close { items: List::new(vec![item]).unwrap() });
    assert!(matches!(answer, Reply::Closed(items) if matches!(items[..], [Err(Refusal::Exists { .. })])));
    let running = world.process(process);
    assert_eq!((running.state, running.log_lines, running.attributes.len()), (State::Running, 0, 2));
}

#[test]
fn log_lines_are_numbered_across_attempts_and_kept_outside_the_core() {
    let mut world = World::new();
    let process = world.submit(FunctionSpec { max_exec_time: seconds(5), max_retries: 1, ..spec() });
    let first = world.assign(E2).unwrap();
    world.events();
    world.ok(E2, Command::AddLog { lease: lease(&first), lines: lines(&["one\n", "two\n"]) });
    assert_eq!(world.events(), [Event::Log { process }]);
    world.wait(5);

    // The late holder cannot write any more; the next one goes on where the log stands.
    let late = world.tell(E2, Command::AddLog { lease: lease(&first), lines: lines(&["late"]) });
    assert!(matches!(late, Err(Refusal::WrongState { state: State::Waiting, .. })), "{late:?}");
    let second = world.assign(E3).unwrap();
    let item = Closing { lines: lines(&["three\n"]), ..closing(&second, true) };
    world.ok(E3, Command::Close { items: List::new(vec![item]).unwrap() });
    assert_eq!(world.process(process).log_lines, 3);
    let line = |number| {
        let row = &world.archive[&RowKey::LogLine(process.number(), number)];
        let line = crate::colony::decode_log_line(row).unwrap();
        (line.line, line.executor_name.to_string(), line.message.to_string())
    };
    assert_eq!(line(1), (1, "e2".to_owned(), "two\n".to_owned()));
    assert_eq!(line(2), (2, "e3".to_owned(), "three\n".to_owned()));
}

#[test]
fn an_attempt_leaves_no_output_to_the_next() {
    let mut world = World::new();
    let process = world.submit(FunctionSpec { max_exec_time: seconds(5), max_retries: 1, ..spec() });
    let first = world.assign(E2).unwrap();
    world.ok(E2, Command::SetOutput { lease: lease(&first), output: values(&["half"]) });
    world.ok(
        E2,
        Command::AddAttribute { lease: lease(&first), attribute: attribute("k", AttributeKind::Out) },
    );
    world.wait(5);
    let second = world.assign(E3).unwrap();
    assert!(second.output.is_empty() && second.attributes.is_empty());
    world.close(E3, &second, true, &[]).unwrap();
    assert_eq!(world.process(process).output, values(&[]));
}

#[test]
fn each_item_of_a_close_is_decided_on_its_own() {
    let mut world = World::new();
    for _ in 0..3 {
        world.submit(spec());
    }
    let held = world.assign_with(E2, Assign { max: 3, ..Default::default() });
    let mut stale = closing(&held[1], true);
    stale.lease.token = 7;
    let items = vec![closing(&held[0], true), stale, closing(&held[2], false), closing(&held[0], true)];
    let close = world.call(E2, Command::Close { items: List::new(items).unwrap() });
    let Ok(Reply::Closed(answers)) = world.apply(&close) else { panic!("not closed") };
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[1], Err(Refusal::Stale { given: 7, current: 1 }));
    assert_eq!(answers[2], Ok(()));
    assert!(matches!(answers[3], Err(Refusal::NotFound { .. })), "its process has ended");
    assert_eq!(world.colony.statistics().processes, [0, 1, 1, 1, 0]);

    // The same request again gets the same answers.
    assert_eq!(world.apply(&close), Ok(Reply::Closed(answers)));
    assert_eq!(world.colony.statistics().processes, [0, 1, 1, 1, 0]);
}

#[test]
fn only_the_holder_writes() {
    let mut world = World::new();
    world.submit(spec());
    let held = world.assign(E2).unwrap();
    for by in [E3, USER, OWNER] {
        let refused = world.tell(by, Command::SetOutput { lease: lease(&held), output: values(&["x"]) });
        assert!(matches!(refused, Err(Refusal::Denied { .. })), "{refused:?}");
    }
}

#[test]
fn cancelling_takes_the_lease_away_and_is_done_once() {
    let mut world = World::new();
    let process = world.submit(spec());
    let held = world.assign(E2).unwrap();
    world.events();
    world.ok(USER, Command::Cancel { process });
    assert_eq!(
        world.events(),
        [Event::LeaseLost { process, holder: id(E2) }, Event::Process { process, state: State::Cancelled }]
    );
    assert!(matches!(world.close(E2, &held, true, &[]), Err(Refusal::NotFound { .. })));
    assert!(matches!(world.tell(USER, Command::Cancel { process }), Err(Refusal::NotFound { .. })));
    assert_eq!(world.state(process), State::Cancelled);
}

#[test]
fn a_waiting_process_fails_when_its_patience_ends_and_zero_means_no_limit() {
    let mut world = World::new();
    let patient =
        world.submit(FunctionSpec { max_wait_time: seconds(0), max_exec_time: seconds(0), ..spec() });
    let hasty = world.submit(FunctionSpec { max_wait_time: seconds(3), ..spec() });
    world.wait(2);
    assert_eq!(world.state(hasty), State::Waiting);
    world.wait(1);
    let failed = world.process(hasty);
    assert_eq!((failed.state, &*failed.errors[0]), (State::Failed, "Maximum waiting time limit exceeded"));
    world.wait(1_000_000);
    assert!(world.assign(E2).is_some());
    world.wait(1_000_000);
    assert_eq!(world.state(patient), State::Running);
}

#[test]
fn time_never_runs_backwards() {
    let mut world = World::new();
    let before = world.colony.now();
    world.colony.begin(Timestamp::from_micros(5), &[], &mut world.out);
    assert_eq!(world.colony.now(), before);
}

#[test]
fn what_waits_or_is_finished_can_be_forgotten_but_nothing_that_runs() {
    let mut world = World::new();
    let finished = world.submit(spec());
    let running = world.submit(spec());
    let waiting = world.submit(spec());
    let held = world.assign_with(E2, Assign { max: 2, ..Default::default() });
    world.close(E2, &held[0], true, &[]).unwrap();
    world.ok(USER, Command::Remove { process: waiting });
    assert!(world.colony.live_process(waiting.number()).is_none());
    let refused = world.tell(USER, Command::Remove { process: running });
    assert!(matches!(refused, Err(Refusal::WrongState { state: State::Running, .. })), "{refused:?}");

    // The archive is the store's; the core only passes the wish on, as often as it is uttered.
    let remove = world.call(USER, Command::Remove { process: finished });
    world.colony.apply(&remove, &mut world.out).unwrap();
    assert!(world.out.changes.contains(&Change::Removed(Archived::Process(finished), id(USER))));
    world.ok(USER, Command::Remove { process: finished });
    let never = ProcessId::make(&id(OWNER), &id(USER), &RequestId::from_bytes([0; 16]), 77);
    assert!(matches!(world.tell(USER, Command::Remove { process: never }), Err(Refusal::NotFound { .. })));
}

#[test]
fn a_whole_state_is_forgotten_at_once_and_no_longer_counted() {
    let mut world = World::new();
    for _ in 0..4 {
        world.submit(spec());
    }
    for process in world.assign_with(E2, Assign { max: 2, ..Default::default() }) {
        world.close(E2, &process, true, &[]).unwrap();
    }
    let remove = world.call(OWNER, Command::RemoveAll { state: State::Success });
    assert_eq!(world.colony.apply(&remove, &mut world.out), Ok(Reply::Removed(2)));
    assert!(world.out.changes.contains(&Change::ForgottenState(State::Success)));
    assert_eq!(world.ok(OWNER, Command::RemoveAll { state: State::Waiting }), Reply::Removed(2));
    assert_eq!(world.colony.statistics().processes, [0; 5]);
    assert!(world.tell(OWNER, Command::RemoveAll { state: State::Running }).is_err());
}

#[test]
fn a_submission_is_taken_whole_or_not_at_all() {
    let mut world = World::new();
    let mut foreign = spec();
    foreign.conditions.colony_name = text("other");
    let too_urgent = FunctionSpec { priority: 50_001, ..spec() };
    for (bad, field) in
        [(foreign, "functionspecs[1].conditions.colonyname"), (too_urgent, "functionspecs[1].priority")]
    {
        let items = [spec(), bad].map(|spec| Submission { spec, retry_of: None });
        let refused = world.tell(USER, Command::Submit { items: List::new(items.to_vec()).unwrap() });
        assert!(matches!(&refused, Err(Refusal::Invalid { field: f, .. }) if **f == *field), "{refused:?}");
    }
    let none = world.tell(USER, Command::Submit { items: List::default() });
    assert!(matches!(none, Err(Refusal::Invalid { .. })));
    assert_eq!(world.colony.last_process_number(), 0);
}
