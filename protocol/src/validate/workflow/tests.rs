use super::*;
use crate::{
    bounded::{List, Text},
    model::{FunctionSpec, GivenNode},
};

/// A workflow of nodes, each a name and the names it depends on.
fn spec(nodes: &[(&str, &[&str])]) -> WorkflowSpec {
    let nodes = nodes.iter().map(|(name, dependencies)| {
        let mut node = FunctionSpec { node_name: Text::cut(name), ..Default::default() };
        node.conditions.dependencies =
            List::new(dependencies.iter().map(|name| Text::cut(name)).collect()).unwrap();
        node
    });
    WorkflowSpec { nodes: List::new(nodes.collect()).unwrap(), ..Default::default() }
}

fn message(spec: &WorkflowSpec) -> String {
    workflow(spec).unwrap_err().to_string()
}

#[test]
fn a_diamond_is_planned_parents_first_with_parents_in_dependency_order() {
    let plan = workflow(&spec(&[("d", &["c", "b"]), ("b", &["a"]), ("c", &["a"]), ("a", &[])])).unwrap();
    assert_eq!(plan.order, [3, 1, 2, 0]);
    assert_eq!(plan.nodes[0].parents, [Parent::Node(2), Parent::Node(1)]);
    assert_eq!(plan.nodes[3].children, [1, 2]);
}

#[test]
fn separate_parts_are_one_workflow_in_the_order_of_the_spec() {
    assert_eq!(workflow(&spec(&[("a", &[]), ("b", &[]), ("c", &[])])).unwrap().order, [0, 1, 2]);
}

#[test]
fn an_empty_workflow_is_refused() {
    assert_eq!(message(&spec(&[])), "functionspecs: a workflow needs at least one node");
}

#[test]
fn a_node_needs_a_name_of_its_own() {
    assert_eq!(
        message(&spec(&[("a", &[]), ("", &[])])),
        "functionspecs[1].nodename: every node of a workflow needs a name"
    );
    assert_eq!(
        message(&spec(&[("a", &[]), ("b", &[]), ("a", &[])])),
        "functionspecs[2].nodename: `a` is already the name of functionspecs[0]"
    );
}

#[test]
fn a_dependency_must_be_known_and_stand_once() {
    assert_eq!(
        message(&spec(&[("a", &[]), ("b", &["a", "x"])])),
        "functionspecs[1].conditions.dependencies[1]: no node of this workflow is named `x`"
    );
    assert_eq!(
        message(&spec(&[("a", &[]), ("b", &["a", "a"])])),
        "functionspecs[1].conditions.dependencies[1]: `a` stands at dependencies[0] already"
    );
}

#[test]
fn a_cycle_is_named_without_the_nodes_that_only_hang_on_it() {
    // `c` waits for the cycle but is not part of it, and `r` is fine.
    let spec = spec(&[("c", &["a"]), ("r", &[]), ("a", &["r", "b"]), ("b", &["a"])]);
    assert_eq!(
        message(&spec),
        "functionspecs[2].conditions.dependencies: a cycle, each waits for the next: a -> b -> a"
    );
}

#[test]
fn a_node_that_waits_for_itself_is_a_cycle() {
    assert!(message(&spec(&[("a", &["a"])])).ends_with("a -> a"));
}

#[test]
fn a_given_node_is_a_parent_that_is_already_done() {
    let mut spec = spec(&[("sum", &["one", "two"]), ("two", &[])]);
    let one = GivenNode { node_name: Text::cut("one"), output: List::default() };
    spec.given = List::new(vec![one.clone()]).unwrap();
    let plan = workflow(&spec).unwrap();
    assert_eq!(plan.nodes[0].parents, [Parent::Given(0), Parent::Node(1)]);
    assert_eq!(plan.order, [1, 0]);

    // Its name is taken like any other.
    let two = GivenNode { node_name: Text::cut("two"), output: List::default() };
    spec.given = List::new(vec![one, two]).unwrap();
    assert_eq!(message(&spec), "given[1].nodename: `two` is already the name of functionspecs[1]");
}

#[test]
fn an_invalid_node_is_named_with_its_place() {
    let mut nodes = spec(&[("a", &[]), ("b", &[])]).nodes.to_vec();
    nodes[1].priority = 60_000;
    let spec = WorkflowSpec { nodes: List::new(nodes).unwrap(), ..Default::default() };
    assert!(message(&spec).starts_with("functionspecs[1].priority:"));
}

/// A chain of the largest size, in the order that would make recursion deepest.
fn longest(close: bool) -> WorkflowSpec {
    let name = |index: usize| format!("n{index}");
    let nodes = (0..NODES_MAX).map(|index| {
        let mut node = FunctionSpec { node_name: Text::cut(&name(index)), ..Default::default() };
        let parent = if index + 1 < NODES_MAX { Some(index + 1) } else { close.then_some(0) };
        node.conditions.dependencies =
            List::new(parent.map(|p| Text::cut(&name(p))).into_iter().collect()).unwrap();
        node
    });
    WorkflowSpec { nodes: List::new(nodes.collect()).unwrap(), ..Default::default() }
}

#[test]
fn the_longest_chain_is_planned_and_the_longest_cycle_is_named_at_both_ends() {
    let plan = workflow(&longest(false)).unwrap();
    assert_eq!((plan.order[0], plan.order[NODES_MAX - 1]), (NODES_MAX - 1, 0));

    let text = message(&longest(true));
    assert!(text.contains("n0 -> n1 -> "), "{text}");
    assert!(text.ends_with("-> n9999 -> n0"), "{text}");
}

#[test]
fn a_node_has_no_more_children_than_a_process_row_holds() {
    let fan = |width: usize| {
        let child = |index: usize| {
            let mut node = FunctionSpec { node_name: Text::cut(&format!("n{index}")), ..Default::default() };
            node.conditions.dependencies = List::new(vec![Text::cut("root")]).unwrap();
            node
        };
        let root = FunctionSpec { node_name: Text::cut("root"), ..Default::default() };
        let nodes = std::iter::once(root).chain((0..width).map(child)).collect();
        WorkflowSpec { nodes: List::new(nodes).unwrap(), ..Default::default() }
    };
    assert_eq!(workflow(&fan(CHILDREN_MAX)).unwrap().nodes[0].children.len(), CHILDREN_MAX);
    assert_eq!(
        message(&fan(CHILDREN_MAX + 1)),
        "functionspecs[4097].conditions.dependencies[0]: more than 4096 nodes depend on `root`"
    );
}
