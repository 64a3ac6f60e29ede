//! Rules for a workflow: its nodes form one acyclic graph of known names. Checking it also finds the order in which
//! its processes can be made, so the core never has to look at names again.

use std::collections::{BTreeMap, VecDeque};

use super::function_spec;
use crate::{
    model::{NODES_MAX, WorkflowSpec},
    refusal::Refusal,
};

/// Most nodes that may depend on one node: the length of a process's list of children.
pub const CHILDREN_MAX: usize = 4096;
/// Names of a cycle that a message shows; a longer cycle is cut in the middle, so both its ends can be seen.
const CYCLE_SHOWN: usize = 16;

/// A checked workflow, by position of its nodes instead of by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// One for each node of the spec, in its order.
    pub nodes: Vec<PlannedNode>,
    /// All positions, parents before children; among those that are free at the same time, in the order of the spec.
    pub order: Vec<usize>,
}

/// A node's place in the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlannedNode {
    /// What it waits for, in the order of its dependencies: the order in which their outputs become its input.
    pub parents: Vec<Parent>,
    /// Positions of the nodes that wait for it, in the order of the spec.
    pub children: Vec<usize>,
}

/// What a dependency names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// Another node, by position in `nodes`.
    Node(usize),
    /// A node whose output is known already, by position in `given`.
    Given(usize),
}

/// Checks a workflow whole and plans it.
///
/// # Errors
/// [`Refusal::Invalid`], naming the field.
pub fn workflow(spec: &WorkflowSpec) -> Result<Plan, Refusal> {
    if spec.nodes.is_empty() {
        return Err(Refusal::invalid("functionspecs", "a workflow needs at least one node"));
    }
    if spec.nodes.len() > NODES_MAX {
        return Err(Refusal::invalid("functionspecs", format!("more than {NODES_MAX} nodes")));
    }
    for (index, node) in spec.nodes.iter().enumerate() {
        function_spec(node, &format!("functionspecs[{index}]"))?;
    }
    let names = names(spec)?;
    let mut plan = Plan { nodes: link(spec, &names)?, order: Vec::with_capacity(spec.nodes.len()) };
    plan.order = order(spec, &plan.nodes)?;
    Ok(plan)
}

fn names(spec: &WorkflowSpec) -> Result<BTreeMap<&str, Parent>, Refusal> {
    let nodes = spec.nodes.iter().enumerate().map(|(index, node)| (&node.node_name, Parent::Node(index)));
    let given = spec.given.iter().enumerate().map(|(index, node)| (&node.node_name, Parent::Given(index)));
    let mut names = BTreeMap::new();
    for (name, place) in nodes.chain(given) {
        let why = if name.is_empty() {
            "every node of a workflow needs a name".to_owned()
        } else if let Some(first) = names.insert(name.as_str(), place) {
            format!("`{name}` is already the name of {}", node_path(first))
        } else {
            continue;
        };
        return Err(Refusal::invalid(&format!("{}.nodename", node_path(place)), why));
    }
    Ok(names)
}

fn node_path(place: Parent) -> String {
    match place {
        Parent::Node(index) => format!("functionspecs[{index}]"),
        Parent::Given(index) => format!("given[{index}]"),
    }
}

/// Turns names into positions, both ways.
fn link(spec: &WorkflowSpec, names: &BTreeMap<&str, Parent>) -> Result<Vec<PlannedNode>, Refusal> {
    let mut nodes = vec![PlannedNode::default(); spec.nodes.len()];
    for (index, node) in spec.nodes.iter().enumerate() {
        let mut seen = BTreeMap::new();
        let mut parents = Vec::with_capacity(node.conditions.dependencies.len());
        for (at, name) in node.conditions.dependencies.iter().enumerate() {
            let invalid = |why: String| {
                Refusal::invalid(&format!("functionspecs[{index}].conditions.dependencies[{at}]"), why)
            };
            let parent = *names
                .get(name.as_str())
                .ok_or_else(|| invalid(format!("no node of this workflow is named `{name}`")))?;
            if let Some(first) = seen.insert(name.as_str(), at) {
                return Err(invalid(format!("`{name}` stands at dependencies[{first}] already")));
            }
            parents.push(parent);
            let Parent::Node(parent) = parent else { continue };
            let Some(parent) = nodes.get_mut(parent) else { continue };
            if parent.children.len() >= CHILDREN_MAX {
                return Err(invalid(format!("more than {CHILDREN_MAX} nodes depend on `{name}`")));
            }
            parent.children.push(index);
        }
        if let Some(node) = nodes.get_mut(index) {
            node.parents = parents;
        }
    }
    Ok(nodes)
}

/// Kahn's algorithm: takes a node when all its parents are taken; what can never be taken lies on or behind a cycle.
fn order(spec: &WorkflowSpec, nodes: &[PlannedNode]) -> Result<Vec<usize>, Refusal> {
    let mut missing: Vec<usize> = nodes.iter().map(|node| node_parents(node).count()).collect();
    let mut free: VecDeque<usize> =
        missing.iter().enumerate().filter(|(_, missing)| **missing == 0).map(|(index, _)| index).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = free.pop_front() {
        order.push(index);
        for child in nodes.get(index).into_iter().flat_map(|node| &node.children) {
            let Some(missing) = missing.get_mut(*child) else { continue };
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                free.push_back(*child);
            }
        }
    }
    match missing.iter().position(|missing| *missing > 0) {
        None => Ok(order),
        Some(stuck) => Err(cycle(spec, nodes, &missing, stuck)),
    }
}

fn node_parents(node: &PlannedNode) -> impl Iterator<Item = usize> {
    node.parents.iter().filter_map(|parent| match parent {
        Parent::Node(index) => Some(*index),
        Parent::Given(_) => None,
    })
}

/// Names one cycle: from a stuck node to a stuck parent of it, and on, until a node comes up a second time.
fn cycle(spec: &WorkflowSpec, nodes: &[PlannedNode], missing: &[usize], stuck: usize) -> Refusal {
    let mut path = Vec::new();
    let mut place = BTreeMap::new();
    let mut next = Some(stuck);
    let mut start = 0;
    while let Some(index) = next {
        if let Some(first) = place.insert(index, path.len()) {
            start = first;
            break;
        }
        path.push(index);
        next = nodes
            .get(index)
            .into_iter()
            .flat_map(node_parents)
            .find(|parent| missing.get(*parent).is_some_and(|missing| *missing > 0));
    }
    let name = |index: &usize| spec.nodes.get(*index).map_or("", |node| node.node_name.as_str());
    let path = path.get(start..).unwrap_or_default();
    let shown: Vec<&str> = if path.len() > CYCLE_SHOWN {
        let (head, tail) =
            (path.iter().take(CYCLE_SHOWN / 2), path.iter().skip(path.len() - CYCLE_SHOWN / 2));
        head.map(name).chain(["..."]).chain(tail.map(name)).collect()
    } else {
        path.iter().map(name).collect()
    };
    let first = path.first().copied().unwrap_or(stuck);
    Refusal::invalid(
        &format!("functionspecs[{first}].conditions.dependencies"),
        format!("a cycle, each waits for the next: {} -> {}", shown.join(" -> "), name(&first)),
    )
}

#[cfg(test)]
mod tests;
