//! What ColonyOS lets through, and what becomes of it here.

use std::sync::Arc;

use super::*;
use crate::{
    bounded::Bytes,
    codec,
    command::{AddChild, ChangeKey},
    entry::{Batch, Item},
    envelope::{Body, Signed},
    identity::{SecretKey, Signature},
    model::{CronId, GeneratorId, NewCron, NewGenerator, Schedule, WorkflowSpec},
    request::{Opened, Request},
};

/// In no way a member.
const STRANGER: u8 = 9;

fn workflow(colony: &str) -> Arc<WorkflowSpec> {
    let node = FunctionSpec { node_name: text("a"), ..spec() };
    let nodes = List::new(vec![node]).unwrap();
    Arc::new(WorkflowSpec { colony_name: text(colony), nodes, ..Default::default() })
}

fn cron(name: &str, colony: &str) -> Command {
    let schedule = Schedule::Interval { every: Span::from_secs(10), random: false };
    let spec = workflow(colony);
    Command::AddCron { cron: NewCron { name: text(name), schedule, wait_for_previous: false, spec } }
}

fn generator(name: &str, trigger: u64, colony: &str) -> Command {
    let spec = workflow(colony);
    Command::AddGenerator { generator: NewGenerator { name: text(name), trigger, timeout: None, spec } }
}

fn pack(generator: GeneratorId) -> Command {
    Command::Pack { generator, args: List::new(vec![Json::string("arg")]).unwrap() }
}

impl World {
    /// One of each, made by the user.
    fn automated(&mut self) -> (CronId, GeneratorId) {
        match (self.ok(USER, cron("c", "")), self.ok(USER, generator("g", 2, ""))) {
            (Reply::CronAdded(cron), Reply::GeneratorAdded(generator)) => (cron, generator),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn hole_1_a_replayed_run_or_pack_has_no_second_effect() {
    let mut world = World::new();
    let (cron, generator) = world.automated();
    for command in [Command::RunCron { cron }, pack(generator)] {
        let call = world.call(E2, command);
        let first = world.apply(&call);
        assert!(first.is_ok());
        let before = (world.colony.last_workflow_number(), world.colony.find_generator("g").unwrap().packed);
        assert_eq!(world.apply(&call), first);
        let after = (world.colony.last_workflow_number(), world.colony.find_generator("g").unwrap().packed);
        assert_eq!(before, after);
        world.wait(5);
    }
}

#[test]
fn hole_2_a_trigger_of_0_is_refused_and_ends_nobody() {
    let mut world = World::new();
    for trigger in [0, u64::MAX] {
        let refused = world.tell(E2, generator("g", trigger, "")).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field, .. } if &**field == "trigger"), "{refused}");
    }
    world.wait(10);
    assert_eq!(world.colony.generators_after(0).count(), 0);
}

#[test]
fn hole_2_a_child_goes_into_its_parents_workflow_or_nowhere() {
    let mut world = World::new();
    let alone = world.submit(spec());
    world.ok(USER, Command::SubmitWorkflow { spec: (*workflow("")).clone(), retry_of: None });
    let held = world.assign_with(E2, Assign { max: 2, ..Default::default() });
    let [single, inner] = held.as_slice() else { panic!("{held:?}") };
    let (single, inner) = if single.id == alone { (single, inner) } else { (inner, single) };
    let child = |parent: &Process, child| {
        let parent = LeaseRef { process: parent.id, token: parent.token };
        let node = FunctionSpec { node_name: text("child"), ..spec() };
        Command::AddChild(AddChild { parent, child, spec: node, insert: true })
    };
    // In ColonyOS each of these made a process whose end ended the server.
    for command in [child(single, None), child(inner, Some(alone))] {
        let refused = world.tell(E2, command);
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{refused:?}");
    }
    let Reply::ChildAdded(added) = world.ok(E2, child(inner, None)) else { panic!("not added") };
    assert_eq!(world.process(added).workflow, inner.workflow);
    for process in [single, inner] {
        world.close(E2, process, true, &[]).unwrap();
    }
    let last = world.assign(E2).unwrap();
    assert_eq!(last.id, added);
    world.close(E2, &last, true, &[]).unwrap();
    assert_eq!(world.colony.live_workflows().count(), 0);
}

#[test]
fn hole_4_nothing_starts_in_another_colony_than_its_own() {
    let mut world = World::new();
    for command in [cron("c", "other"), generator("g", 1, "other")] {
        let refused = world.tell(USER, command).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field, .. } if &**field == "colonyname"), "{refused}");
    }
    // Its own name may stand there, and a node's is replaced by it.
    world.ok(USER, cron("c", "dev"));
    world.wait(10);
    assert_eq!(world.colony.last_workflow_number(), 1);
}

#[test]
fn hole_6_a_strangers_run_is_refused_before_anything_runs() {
    let mut world = World::new();
    let (cron, generator) = world.automated();
    for command in [Command::RunCron { cron }, pack(generator)] {
        let refused = world.tell(STRANGER, command);
        assert!(matches!(refused, Err(Refusal::Denied { .. })), "{refused:?}");
    }
    assert_eq!(world.colony.last_workflow_number(), 0);
    assert_eq!(world.colony.find_generator("g").unwrap().packed, 0);
}

#[test]
fn hole_7_one_member_does_not_remove_what_another_made() {
    let mut world = World::new();
    let (cron, generator) = world.automated();
    for command in [Command::RemoveCron { cron }, Command::RemoveGenerator { generator }] {
        let refused = world.tell(E2, command.clone());
        assert!(matches!(refused, Err(Refusal::Denied { .. })), "{refused:?}");
        world.ok(OWNER, command);
    }
}

#[test]
fn hole_7_one_member_does_not_cancel_or_remove_anothers_work() {
    let mut world = World::new();
    let process = world.submit(spec());
    let spec = (*workflow("")).clone();
    let Reply::WorkflowSubmitted { workflow, .. } =
        world.ok(USER, Command::SubmitWorkflow { spec, retry_of: None })
    else {
        panic!("not submitted")
    };
    let commands =
        || [Command::Cancel { process }, Command::Remove { process }, Command::CancelWorkflow { workflow }];
    for command in commands() {
        let refused = world.tell(E3, command);
        assert!(matches!(refused, Err(Refusal::Denied { .. })), "{refused:?}");
    }
    // Whoever submitted it may, also with the key that it has changed to; and the owner may.
    world.ok(USER, Command::ChangeKey(ChangeKey::User(id(40))));
    assert!(matches!(world.tell(USER, Command::Cancel { process }), Err(Refusal::Denied { .. })));
    world.ok(40, Command::Cancel { process });
    world.ok(OWNER, Command::CancelWorkflow { workflow });
}

#[test]
fn hole_10_what_a_member_asked_can_be_verified_by_anybody_from_the_log_alone() {
    let (member, liar) = (SecretKey::derive(b"member"), SecretKey::derive(b"liar"));
    let body = Body {
        colony: id(OWNER),
        kind: text("pause"),
        audience: id(OWNER),
        request: RequestId::from_bytes([1; 16]),
        issued: Timestamp::ZERO,
        expires: Timestamp::ZERO.after(Span::from_secs(10)),
        grants: List::default(),
        payload: Bytes::new(Command::Pause.encode().unwrap()).unwrap(),
    };
    let bytes = Signed::sign(&body, &member).unwrap().to_bytes().unwrap();
    // An entry as it stands in the log, and is sent to other members: the signed bytes are in it, unchanged.
    let item = |bytes: Vec<u8>, by| Item { by, signed: Arc::new(Request::new(Bytes::new(bytes).unwrap())) };
    let batch =
        Batch { at: Timestamp::ZERO, heard: Vec::new(), items: vec![item(bytes.clone(), member.identity())] };
    let kept: Batch = codec::decode(&codec::encode(&batch).unwrap()).unwrap();
    let read =
        |item: &Item| Opened::verify_by(item.signed.bytes().to_vec(), Signature::recover).map(|(by, _)| by);
    assert_eq!(read(&kept.items[0]).unwrap(), kept.items[0].by);
    // Who says that somebody asked for what it did not ask for has no bytes to show.
    let forged = Signed::sign(&body, &liar).unwrap().to_bytes().unwrap();
    assert_ne!(read(&item(forged, member.identity())).unwrap(), member.identity());
    let mut changed = bytes;
    let last = changed.len() / 2;
    changed[last] ^= 1;
    assert_ne!(read(&item(changed, member.identity())).ok(), Some(member.identity()));
}

#[test]
fn hole_12_a_stranger_does_not_learn_what_there_is() {
    let mut world = World::new();
    let (cron, generator) = world.automated();
    let none = CronId::from_bytes([7; 32]);
    let without = GeneratorId::from_bytes([7; 32]);
    let answers = [
        [Command::RunCron { cron }, Command::RunCron { cron: none }],
        [Command::RemoveCron { cron }, Command::RemoveCron { cron: none }],
        [pack(generator), pack(without)],
        [Command::RemoveGenerator { generator }, Command::RemoveGenerator { generator: without }],
    ];
    for [known, unknown] in answers {
        assert_eq!(world.tell(STRANGER, known), world.tell(STRANGER, unknown));
    }
}

#[test]
fn hole_13_what_waits_in_a_generator_is_bounded() {
    let mut world = World::new();
    let Reply::GeneratorAdded(id) = world.ok(USER, generator("g", 4096, "")) else { panic!("not added") };
    let large = Json::string(&"x".repeat(512 * 1024));
    let command = Command::Pack { generator: id, args: List::new(vec![large; 8]).unwrap() };
    let mut packed = 0;
    while world.tell(USER, command.clone()).is_ok() {
        packed += 8;
        assert!(packed < 100, "without end");
    }
    assert_eq!(world.colony.find_generator("g").unwrap().waiting(), packed);
}

#[test]
fn hole_14_a_name_with_a_colon_is_refused() {
    let mut world = World::new();
    for command in [cron("a:b", ""), generator("a:b", 1, "")] {
        let refused = world.tell(USER, command).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field, .. } if &**field == "name"), "{refused}");
    }
}

#[test]
fn hole_15_a_workflow_that_is_none_is_refused_when_it_is_given_not_when_it_starts() {
    let mut world = World::new();
    let mut lost = spec();
    lost.node_name = text("a");
    lost.conditions.dependencies = List::new(vec![text("not there")]).unwrap();
    let nodes = List::new(vec![lost]).unwrap();
    let lost = Arc::new(WorkflowSpec { nodes, ..Default::default() });
    let schedule = Schedule::Interval { every: Span::from_secs(10), random: false };
    let new = NewCron { name: text("c"), schedule, wait_for_previous: false, spec: lost };
    assert!(matches!(world.tell(USER, Command::AddCron { cron: new }), Err(Refusal::Invalid { .. })));
    world.wait(60);
    assert_eq!((world.colony.live_workflows().count(), world.colony.crons_after(0).count()), (0, 0));
}
