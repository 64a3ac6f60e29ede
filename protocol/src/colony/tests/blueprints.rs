//! Blueprints, their generations, and the rounds in which their handler is asked.

use super::*;
use crate::{
    command::BlueprintsCommand,
    model::{
        Name,
        blueprint::{Blueprint, Handler, NewBlueprint, NewDefinition},
    },
    query::BlueprintsQuery,
    reply::Answer,
};

fn json(text: &str) -> Json {
    Json::new(text).unwrap()
}

fn definition(interval: i64) -> NewDefinition {
    let handler = Handler {
        executor_type: text("cli"),
        function_name: text("reconcile"),
        reconcile_interval: interval,
    };
    NewDefinition {
        name: text("devices"),
        kind: text("Device"),
        schema: Some(json(r#"{"required":["power"],"properties":{"power":{"type":"boolean"}}}"#)),
        handler: Some(handler),
        ..NewDefinition::default()
    }
}

fn blueprint(name: &str, spec: &str) -> NewBlueprint {
    NewBlueprint {
        name: text(name),
        kind: text("Device"),
        location_name: text("home"),
        metadata: Default::default(),
        generation: 0,
        spec: json(spec),
        status: None,
    }
}

/// A colony with a definition whose handler is asked every `interval` seconds.
fn world(interval: i64) -> World {
    let mut world = World::new();
    let definition = definition(interval);
    world.ok(OWNER, Command::Blueprints(BlueprintsCommand::AddDefinition { definition }));
    world
}

fn tell(world: &mut World, command: BlueprintsCommand) -> Result<Reply, Refusal> {
    world.tell(USER, Command::Blueprints(command))
}

fn add(world: &mut World, name: &str, spec: &str) -> Result<Reply, Refusal> {
    tell(world, BlueprintsCommand::Add { blueprint: blueprint(name, spec) })
}

fn get(world: &World, name: &str) -> Blueprint {
    let query = BlueprintsQuery::Blueprint { name: text(name) };
    match world.colony.blueprints_answer(&query, 1 << 20) {
        Ok(Answer::Blueprints(mut found)) => found.pop().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What waits in the queue: the function and what it is told.
fn asked(world: &World) -> Vec<(String, Vec<String>)> {
    let told = |process: &Process| {
        let told = process.spec.kwargs.iter().map(|(key, value)| format!("{key}={}", value.to_plain()));
        (process.spec.func_name.to_string(), told.collect())
    };
    world.colony.queue().map(told).collect()
}

fn finish_all(world: &mut World) {
    // The executors are somewhere else: this one is not.
    let waiting: Vec<ProcessId> = world.colony.queue().map(|process| process.id).collect();
    for process in waiting {
        world.ok(OWNER, Command::Cancel { process });
    }
}

#[test]
fn a_spec_must_satisfy_its_definition() {
    let mut world = world(60);
    assert!(matches!(add(&mut world, "b", "{}"), Err(Refusal::Invalid { .. })));
    let mut unknown = blueprint("b", "{}");
    unknown.kind = text("Unknown");
    let refused = tell(&mut world, BlueprintsCommand::Add { blueprint: unknown });
    assert!(matches!(refused, Err(Refusal::NotFound { .. })));
    assert_eq!(world.colony.locations().count(), 0, "nothing was changed");
    add(&mut world, "b", r#"{"power":true}"#).unwrap();
    assert_eq!(world.colony.locations().count(), 1, "its location exists now");
    assert!(matches!(add(&mut world, "b", r#"{"power":true}"#), Err(Refusal::Exists { .. })));
}

#[test]
fn a_generation_begins_when_what_is_wanted_changes_and_only_then() {
    let mut world = world(60);
    add(&mut world, "b", r#"{"power":true,"x":1}"#).unwrap();
    let update = |world: &mut World, spec: &str, force_generation| {
        let blueprint = blueprint("b", spec);
        tell(world, BlueprintsCommand::Update { blueprint, force_generation }).unwrap();
        get(world, "b").blueprint.generation
    };
    assert_eq!(update(&mut world, r#"{"x":1,"power":true}"#, false), 0, "the order of keys is no change");
    assert_eq!(update(&mut world, r#"{"power":false}"#, false), 1);
    assert_eq!(update(&mut world, r#"{"power":false}"#, true), 2);
    let status = json(r#"{"ok":true}"#);
    tell(&mut world, BlueprintsCommand::SetStatus { name: text("b"), status: status.clone() }).unwrap();
    let now = get(&world, "b");
    assert_eq!((now.blueprint.generation, now.blueprint.status), (2, Some(status)));
    tell(&mut world, BlueprintsCommand::Reconcile { name: text("b"), force: true }).unwrap();
    assert_eq!(get(&world, "b").blueprint.generation, 3);
    // Made, changed, changed by force; a status and a question leave no trace.
    assert_eq!(get(&world, "b").changes, 3);
    let remembered = world.archive.keys().filter(|key| matches!(key, RowKey::BlueprintChange(..)));
    assert_eq!(remembered.count(), 3);
    tell(&mut world, BlueprintsCommand::Remove { name: text("b") }).unwrap();
    assert!(!world.archive.keys().any(|key| matches!(key, RowKey::BlueprintChange(..))));
}

#[test]
fn the_handler_is_asked_at_once_and_then_at_its_own_interval() {
    let mut world = world(5);
    add(&mut world, "b", r#"{"power":true}"#).unwrap();
    let first = ("reconcile".to_owned(), vec!["blueprintName=b".to_owned(), "kind=Device".to_owned()]);
    assert_eq!(asked(&world), [first]);
    finish_all(&mut world);

    world.wait(4);
    assert!(asked(&world).is_empty());
    world.wait(1);
    let round = ("reconcile".to_owned(), vec!["kind=Device".to_owned()]);
    assert_eq!(asked(&world), std::slice::from_ref(&round));
    // It still works on that: nothing is added, however long it takes.
    world.wait(60);
    assert_eq!(asked(&world), std::slice::from_ref(&round));
    finish_all(&mut world);
    world.wait(5);
    assert_eq!(asked(&world), [round]);
    finish_all(&mut world);

    tell(&mut world, BlueprintsCommand::Remove { name: text("b") }).unwrap();
    assert_eq!(asked(&world)[0].0, "cleanup");
    finish_all(&mut world);
    world.wait(60);
    assert!(asked(&world).is_empty(), "nobody is asked about what is gone");
    assert!(world.colony.next_deadline().is_none());
}

#[test]
fn a_definition_stays_as_long_as_a_blueprint_needs_it() {
    let mut world = world(60);
    add(&mut world, "b", r#"{"power":true}"#).unwrap();
    let remove = |world: &mut World| {
        let name: Name = text("devices");
        world.tell(OWNER, Command::Blueprints(BlueprintsCommand::RemoveDefinition { name }))
    };
    assert!(matches!(remove(&mut world), Err(Refusal::Invalid { .. })));
    tell(&mut world, BlueprintsCommand::Remove { name: text("b") }).unwrap();
    assert_eq!(remove(&mut world), Ok(Reply::Done));
    assert!(matches!(remove(&mut world), Err(Refusal::NotFound { .. })));
}

#[test]
fn hole_05_definitions_of_one_colony_are_unknown_in_another() {
    let here = world(60);
    let query = BlueprintsQuery::Definition { name: text("devices") };
    assert!(here.colony.blueprints_answer(&query, 1 << 20).is_ok());
    let mut elsewhere = World::new();
    assert!(elsewhere.colony.blueprints_answer(&query, 1 << 20).is_err());
    assert!(matches!(add(&mut elsewhere, "b", r#"{"power":true}"#), Err(Refusal::NotFound { .. })));
}
