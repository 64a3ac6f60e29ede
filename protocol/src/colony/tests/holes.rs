//! What ColonyOS lets through with crons, generators and workflows, and what becomes of it here.

use std::sync::Arc;

use super::*;
use crate::model::{CronId, GeneratorId, NewCron, NewGenerator, Schedule, WorkflowSpec};

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
