//! Which executor gets which process.

use super::*;
use crate::model::{Capabilities, Conditions, Gpu, GpuDemand, Hardware};
use crate::reply::Blocker;

fn wanting(conditions: Conditions) -> FunctionSpec {
    FunctionSpec { conditions: Conditions { executor_type: text("cli"), ..conditions }, ..spec() }
}

fn names(names: &[&str]) -> List<crate::model::Name, 256> {
    List::new(names.iter().map(|name| text(name)).collect()).unwrap()
}

fn equip(world: &mut World, hardware: Hardware) {
    let hardware = List::new(vec![hardware]).unwrap();
    world.ok(E2, Command::UpdateExecutor { capabilities: Capabilities { hardware, ..Default::default() } });
}

/// Whether executor `e2` is given such a process; it is cancelled afterwards.
fn takes(world: &mut World, conditions: Conditions, ask: Assign) -> bool {
    let process = world.submit(wanting(conditions));
    let taken = world.assign_with(E2, Assign { max: 1, ..ask });
    world.ok(USER, Command::Cancel { process });
    !taken.is_empty()
}

#[test]
fn the_type_counts_with_case_and_names_restrict_unless_they_say_any() {
    let mut world = World::new();
    let mut other = spec();
    other.conditions.executor_type = text("CLI");
    world.submit(other);
    assert_eq!(world.assign(E2), None);

    let named = |list: &[&str]| Conditions { executor_names: names(list), ..Default::default() };
    assert!(takes(&mut world, named(&[]), Assign::default()));
    assert!(takes(&mut world, named(&["x", "e2", "e2"]), Assign::default()));
    assert!(takes(&mut world, named(&["*"]), Assign::default()));
    assert!(takes(&mut world, named(&["x", "*"]), Assign::default()));
    assert!(!takes(&mut world, named(&["x", "e3"]), Assign::default()));
}

#[test]
fn named_work_and_work_for_anyone_share_one_order() {
    let mut world = World::new();
    let first =
        world.submit(wanting(Conditions { executor_names: names(&["e2", "e3"]), ..Default::default() }));
    let second = world.submit(spec());
    let third = world.submit(wanting(Conditions { executor_names: names(&["e3"]), ..Default::default() }));
    let fourth = world.submit(wanting(Conditions { memory: 1, ..Default::default() }));
    let given: Vec<ProcessId> = world
        .assign_with(E3, Assign { max: 10, ..Default::default() })
        .iter()
        .map(|process| process.id)
        .collect();
    assert_eq!(given, [first, second, third, fourth]);
}

#[test]
fn what_the_executor_says_is_free_limits_cpu_and_memory() {
    let mut world = World::new();
    let conditions = Conditions { cpu_millis: 500, memory: 1_000, ..Default::default() };
    let free = |cpu, memory| Assign { available_cpu: cpu, available_memory: memory, ..Default::default() };
    assert!(takes(&mut world, conditions.clone(), free(None, None)));
    assert!(takes(&mut world, conditions.clone(), free(Some(500), Some(1_000))));
    assert!(!takes(&mut world, conditions.clone(), free(Some(499), None)));
    assert!(!takes(&mut world, conditions, free(None, Some(999))));
}

#[test]
fn a_place_is_compared_without_case() {
    let mut world = World::new();
    let executor = Executor {
        id: id(7),
        name: text("e7"),
        executor_type: text("cli"),
        location_name: text("Umeå"),
        ..Default::default()
    };
    world.ok(OWNER, Command::AddExecutor { executor, approved: true });
    world.submit(wanting(Conditions { location_name: text("UMEÅ"), ..Default::default() }));
    assert_eq!(world.assign(E2), None, "an executor without a place takes no work that has one");
    assert!(world.assign(7).is_some());
    world.submit(spec());
    assert!(world.assign(7).is_some(), "work without a place goes anywhere");
}

#[test]
fn declared_hardware_limits_what_it_states_and_nothing_else() {
    let mut world = World::new();
    let nodes = |nodes| Conditions { nodes, ..Default::default() };
    assert!(takes(&mut world, nodes(100_000), Assign::default()), "unknown hardware, and no limit of 127");
    equip(&mut world, Hardware { nodes: 4, cores: 2, storage: 100, ..Default::default() });
    assert!(takes(&mut world, nodes(4), Assign::default()));
    assert!(!takes(&mut world, nodes(5), Assign::default()));
    let cpu = |cpu_millis| Conditions { cpu_millis, ..Default::default() };
    assert!(takes(&mut world, cpu(2_000), Assign::default()));
    assert!(!takes(&mut world, cpu(2_001), Assign::default()));
    assert!(!takes(&mut world, Conditions { storage: 101, ..Default::default() }, Assign::default()));
    assert!(takes(&mut world, Conditions { memory: u64::MAX, ..Default::default() }, Assign::default()));
}

#[test]
fn an_accelerator_must_be_declared() {
    let mut world = World::new();
    let gpu = |count, name: &str, memory| Conditions {
        gpu: GpuDemand { count, name: text(name), memory, ..Default::default() },
        ..Default::default()
    };
    assert!(!takes(&mut world, gpu(1, "", 0), Assign::default()), "unknown hardware has none");
    let has = Gpu { name: text("A100"), memory: 40, count: 2, node_count: 2 };
    equip(&mut world, Hardware { gpu: has, ..Default::default() });
    assert!(takes(&mut world, gpu(2, "", 0), Assign::default()));
    assert!(takes(&mut world, gpu(1, "a100", 40), Assign::default()));
    assert!(!takes(&mut world, gpu(3, "", 0), Assign::default()));
    assert!(!takes(&mut world, gpu(1, "h100", 0), Assign::default()));
    assert!(!takes(&mut world, gpu(1, "", 41), Assign::default()));
}

#[test]
fn candidates_are_what_an_assign_would_give_without_what_is_reserved() {
    let mut world = World::new();
    let ids: Vec<u64> = (0..5).map(|_| world.submit(spec()).number()).collect();
    let ask = Assign { max: 3, ..Default::default() };
    let candidates = |world: &World, reserved: &[u64], limit| {
        let reserved = reserved.iter().copied().collect();
        world.colony.candidates(&id(E2), &ask, &reserved, limit).unwrap()
    };
    assert_eq!(candidates(&world, &[], 10), ids[..3]);
    assert_eq!(candidates(&world, &[ids[0], ids[2]], 10), [ids[1], ids[3], ids[4]]);
    assert_eq!(candidates(&world, &[], 1), ids[..1]);
    assert!(world.colony.candidates(&id(USER), &ask, &Default::default(), 1).is_err());
    let given = world.assign_with(E2, ask.clone());
    assert_eq!(given.iter().map(Process::number).collect::<Vec<_>>(), ids[..3]);
    world.ok(OWNER, Command::Pause);
    assert_eq!(candidates(&world, &[], 10), [0_u64; 0]);
}

#[test]
fn an_assign_outside_its_bounds_is_refused() {
    let mut world = World::new();
    let beats = |seconds| Some(Span::from_millis(seconds));
    for ask in [
        Assign { max: 0, ..Default::default() },
        Assign { max: 1_001, ..Default::default() },
        Assign { max: 1, wait: Span::from_secs(301), ..Default::default() },
        Assign { max: 1, heartbeat: beats(999), ..Default::default() },
        Assign { max: 1, heartbeat: beats(3_600_001), ..Default::default() },
    ] {
        let refused = world.tell(E2, Command::Assign(ask));
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{refused:?}");
    }
}

#[test]
fn an_explanation_names_what_is_missing_and_puts_the_closest_executor_first() {
    let mut world = World::new();
    equip(&mut world, Hardware { memory: 100, ..Default::default() });
    world.submit(spec());
    let conditions = Conditions {
        memory: 200,
        executor_names: names(&["e2"]),
        location_name: text("moon"),
        ..Default::default()
    };
    let hard = world.submit(wanting(conditions));
    world.ok(OWNER, Command::Pause);
    let explanation = world.colony.explain(&world.process(hard));
    assert_eq!(explanation.blockers, [Blocker::Paused]);
    assert_eq!(explanation.ahead, 1);
    let unmet: Vec<(&str, Vec<&str>)> = explanation
        .executors
        .iter()
        .map(|verdict| {
            let unmet = verdict.checks.iter().filter(|check| !check.met);
            (&*verdict.name, unmet.map(|check| &*check.condition).collect())
        })
        .collect();
    assert_eq!(unmet, [("e2", vec!["location", "memory"]), ("e3", vec!["name", "location"])]);

    // Nobody of that type at all, and a process that does not wait.
    let mut other = spec();
    other.conditions.executor_type = text("gpu");
    let nobody = world.submit(other);
    let explanation = world.colony.explain(&world.process(nobody));
    assert!(explanation.blockers.contains(&Blocker::NoExecutorOfType(text("gpu"))));
    world.ok(USER, Command::Cancel { process: nobody });
    let explanation = world.colony.explain(&world.process(nobody));
    assert_eq!(explanation.blockers, [Blocker::NotWaiting(State::Cancelled)]);
}
