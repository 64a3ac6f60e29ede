//! Graphs of work: release, data flow, failure, cancellation, dynamic children.

use super::*;
use crate::{
    command::AddChild,
    model::{GivenNode, Workflow, WorkflowId, WorkflowSpec},
};

fn node(name: &str, parents: &[&str]) -> FunctionSpec {
    let mut node = FunctionSpec { node_name: text(name), ..spec() };
    node.conditions.dependencies = List::new(parents.iter().map(|parent| text(parent)).collect()).unwrap();
    node
}

fn graph(nodes: &[(&str, &[&str])]) -> WorkflowSpec {
    let nodes = nodes.iter().map(|(name, parents)| node(name, parents)).collect();
    WorkflowSpec { nodes: List::new(nodes).unwrap(), ..Default::default() }
}

/// `a` above `b` and `c`, both above `d`.
fn diamond() -> WorkflowSpec {
    graph(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["c", "b"])])
}

fn start(world: &mut World, spec: WorkflowSpec) -> (WorkflowId, Vec<ProcessId>) {
    match world.ok(USER, Command::SubmitWorkflow { spec, retry_of: None }) {
        Reply::WorkflowSubmitted { workflow, processes } => (workflow, processes),
        other => panic!("{other:?}"),
    }
}

fn workflow(world: &World, id: WorkflowId) -> Workflow {
    world.colony.live_workflow(id.number()).cloned().unwrap_or_else(|| {
        let row = &world.archive[&RowKey::ArchivedWorkflow(id.number())];
        crate::colony::decode_workflow(row).unwrap()
    })
}

fn states(world: &World, ids: &[ProcessId]) -> Vec<State> {
    ids.iter().map(|id| world.state(*id)).collect()
}

use State::{Cancelled, Failed, Running, Success, Waiting};

#[test]
fn outputs_flow_to_children_in_the_order_of_their_dependencies() {
    let mut world = World::new();
    let (id, _) = start(&mut world, diamond());
    assert_eq!(workflow(&world, id).state, Waiting);

    // Only the root is ready; its success releases both of its children.
    let a = world.assign(E2).unwrap();
    assert_eq!(world.assign(E3), None);
    assert_eq!(workflow(&world, id).state, Running);
    world.close(E2, &a, true, &["from a"]).unwrap();
    let b = world.assign(E2).unwrap();
    let c = world.assign(E3).unwrap();
    assert_eq!((&b.input, &c.input), (&values(&["from a"]), &values(&["from a"])));

    // The last waits for both, and gets their outputs as it named them: `c` before `b`.
    world.close(E2, &b, true, &["b1", "b2"]).unwrap();
    assert_eq!(world.assign(E2), None);
    world.close(E3, &c, true, &["c"]).unwrap();
    let d = world.assign(E2).unwrap();
    assert_eq!(d.input, values(&["c", "b1", "b2"]));

    // With it the whole succeeds and leaves memory.
    world.events();
    world.close(E2, &d, true, &[]).unwrap();
    assert!(world.events().contains(&Event::Workflow { workflow: id, state: Success }));
    assert!(world.colony.live_workflow(id.number()).is_none());
    assert_eq!(world.colony.live_processes().count(), 0);
    let done = workflow(&world, id);
    assert_eq!((done.state, done.roots.len(), done.processes.len()), (Success, 1, 4));
    assert!(done.started_at.is_some() && done.ended_at.is_some());
    assert_eq!(world.colony.statistics().workflows, [0, 0, 1, 0, 0]);
}

#[test]
fn failure_reaches_descendants_only() {
    let mut world = World::new();
    let nodes: &[(&str, &[&str])] =
        &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b"]), ("e", &["d"]), ("f", &["c"])];
    let (id, ids) = start(&mut world, graph(nodes));
    let a = world.assign(E2).unwrap();
    world.close(E2, &a, true, &["kept"]).unwrap();
    let b = world.assign(E2).unwrap();
    let c = world.assign(E3).unwrap();

    // `b` fails: `d` and `e` below it can never run; `a` above and `c` beside it are not touched.
    world.close(E2, &b, false, &[]).unwrap();
    assert_eq!(states(&world, &ids), [Success, Failed, Running, Failed, Failed, Waiting]);
    assert_eq!(world.process(ids[0]).output, values(&["kept"]));
    assert_eq!(&*world.process(ids[3]).errors[0], "Parent process b failed");
    assert_eq!(&*world.process(ids[4]).errors[0], "Parent process d failed");
    let failed = workflow(&world, id);
    assert_eq!((failed.state, failed.ended_at), (Failed, None));

    // The other branch runs to its end, and only then is the workflow over.
    world.close(E3, &c, true, &[]).unwrap();
    let f = world.assign(E3).unwrap();
    world.close(E3, &f, true, &[]).unwrap();
    assert_eq!(states(&world, &ids), [Success, Failed, Success, Failed, Failed, Success]);
    assert!(workflow(&world, id).ended_at.is_some());
    assert_eq!(world.colony.live_processes().count(), 0);
}

#[test]
fn a_child_that_waits_too_long_for_its_parents_fails_too() {
    let mut world = World::new();
    let mut nodes = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]).nodes.to_vec();
    nodes[1].max_wait_time = seconds(5);
    let spec = WorkflowSpec { nodes: List::new(nodes).unwrap(), ..Default::default() };
    let (_, ids) = start(&mut world, spec);
    world.wait(5);
    assert_eq!(states(&world, &ids), [Waiting, Failed, Failed]);
    assert_eq!(&*world.process(ids[1]).errors[0], "Maximum waiting time limit exceeded");
}

#[test]
fn cancelling_one_process_takes_its_descendants_along_and_cancelling_all_spares_the_finished() {
    let mut world = World::new();
    let (id, ids) = start(&mut world, diamond());
    let a = world.assign(E2).unwrap();
    world.close(E2, &a, true, &[]).unwrap();
    world.ok(USER, Command::Cancel { process: ids[1] });
    assert_eq!(states(&world, &ids), [Success, Cancelled, Waiting, Cancelled]);
    assert_eq!(workflow(&world, id).state, Cancelled);

    // A running member's holder learns that it lost its lease, and its result is refused.
    let c = world.assign(E3).unwrap();
    world.events();
    world.ok(USER, Command::CancelWorkflow { workflow: id });
    assert!(world.events().contains(&Event::LeaseLost { process: ids[2], holder: id_of(E3) }));
    assert!(world.close(E3, &c, true, &[]).is_err());
    assert_eq!(states(&world, &ids), [Success, Cancelled, Cancelled, Cancelled]);
    assert!(world.colony.live_workflow(id.number()).is_none());
}

fn id_of(who: u8) -> Identity {
    super::id(who)
}

#[test]
fn an_invalid_graph_leaves_nothing_behind() {
    let mut world = World::new();
    for nodes in [graph(&[]), graph(&[("a", &["b"]), ("b", &["a"])]), graph(&[("a", &["nowhere"])])] {
        let refused = world.tell(USER, Command::SubmitWorkflow { spec: nodes, retry_of: None });
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{refused:?}");
    }
    assert_eq!((world.colony.last_workflow_number(), world.colony.last_process_number()), (0, 0));
}

#[test]
fn given_nodes_stand_in_for_what_an_earlier_workflow_did() {
    let mut world = World::new();
    let given = GivenNode { node_name: text("old"), output: values(&["known"]) };
    let spec = WorkflowSpec {
        given: List::new(vec![given]).unwrap(),
        ..graph(&[("new", &[]), ("sum", &["new", "old"]), ("only", &["old"])])
    };
    let (_, ids) = start(&mut world, spec);
    // What depends on given nodes alone is ready at once.
    assert_eq!(world.process(ids[2]).input, values(&["known"]));
    let new = world.assign(E2).unwrap();
    assert_eq!(new.id, ids[0]);
    world.close(E2, &new, true, &["fresh"]).unwrap();
    // Given outputs come first, and a second attempt does not get its input twice.
    for attempt in 1..=2 {
        let sum = world.assign_with(E2, Assign { max: 2, ..Default::default() });
        let sum = sum.iter().find(|process| process.id == ids[1]).unwrap();
        assert_eq!((sum.input.clone(), sum.token), (values(&["known", "fresh"]), attempt));
        world.ok(OWNER, Command::RemoveExecutor { name: text("e2") });
        let executor = world.colony.executor(&super::id(E2)).unwrap().clone();
        world.ok(OWNER, Command::AddExecutor { executor, approved: true });
    }
}

fn add_child(world: &mut World, parent: &Process, child: Option<ProcessId>, insert: bool) -> ProcessId {
    let ask = AddChild { parent: lease(parent), child, spec: node("dynamic", &[]), insert };
    match world.ok(E2, Command::AddChild(ask)) {
        Reply::ChildAdded(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dynamic_child_waits_for_its_parent_and_an_inserted_one_takes_over_its_children() {
    let mut world = World::new();
    let (id, ids) = start(&mut world, graph(&[("a", &[]), ("b", &["a"]), ("c", &[])]));
    let a = world.assign(E2).unwrap();

    // Beside the existing child, and above `c`, which was ready until now.
    let beside = add_child(&mut world, &a, Some(ids[2]), false);
    assert!(world.process(ids[2]).waits_for_parents);
    assert_eq!(world.assign(E3), None);
    // Between `a` and all its children.
    let between = add_child(&mut world, &a, None, true);
    assert_eq!(*world.process(a.id).children, [between]);
    assert_eq!(*world.process(ids[1]).parents, [between]);
    assert_eq!(*world.process(beside).parents, [between]);

    // So they run one after the other, and outputs go the new way.
    world.close(E2, &a, true, &["a"]).unwrap();
    for (expected, input) in [(between, "a"), (ids[1], "x"), (beside, "x"), (ids[2], "x")] {
        let next = world.assign(E2).unwrap();
        assert_eq!((next.id, next.input.clone()), (expected, values(&[input])));
        world.close(E2, &next, true, &["x"]).unwrap();
    }
    assert_eq!(workflow(&world, id).state, Success);
    assert_eq!(workflow(&world, id).processes.len(), 5);
}

#[test]
fn children_are_added_only_by_the_holder_and_only_within_its_workflow() {
    let mut world = World::new();
    let (_, ids) = start(&mut world, graph(&[("a", &[]), ("b", &["a"])]));
    let (_, others) = start(&mut world, graph(&[("x", &[])]));
    let alone = world.submit(spec());
    let held = world.assign_with(E2, Assign { max: 3, ..Default::default() });
    let parent = held.iter().find(|process| process.id == ids[0]).unwrap();
    let ask = |parent: LeaseRef, child| {
        Command::AddChild(AddChild { parent, child, spec: node("n", &[]), insert: false })
    };

    let refused = world.tell(E3, ask(lease(parent), None));
    assert!(matches!(refused, Err(Refusal::Denied { .. })), "{refused:?}");
    for child in [others[0], parent.id] {
        let refused = world.tell(E2, ask(lease(parent), Some(child)));
        assert!(matches!(refused, Err(Refusal::Invalid { .. } | Refusal::WrongState { .. })), "{refused:?}");
    }
    let single = held.iter().find(|process| process.id == alone).unwrap();
    let refused = world.tell(E2, ask(lease(single), None));
    assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{refused:?}");
    assert_eq!(world.colony.last_process_number(), 4);
}

#[test]
fn outputs_too_large_to_pass_on_fail_the_child_instead_of_the_colony() {
    let mut world = World::new();
    let names: Vec<String> = (0..20).map(|n| format!("n{n}")).collect();
    let mut nodes: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), [].as_slice())).collect();
    let parents: Vec<&str> = names.iter().map(String::as_str).collect();
    nodes.push(("sum", &parents));
    let (id, ids) = start(&mut world, graph(&nodes));
    let large = "x".repeat(250_000);
    for process in world.assign_with(E2, Assign { max: 20, ..Default::default() }) {
        world.close(E2, &process, true, &[&large]).unwrap();
    }
    let sum = world.process(ids[20]);
    assert_eq!(sum.state, Failed);
    assert!(sum.errors[0].starts_with("The outputs of its parents are too large"), "{:?}", sum.errors);
    assert_eq!(workflow(&world, id).state, Failed);
}
