//! Workflows, which ColonyOS calls process graphs, with the drawing its dashboard expects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ColonyContext, process::ids, rfc3339, time::maybe};
use crate::model::{Process, ProcessId, State, Workflow, WorkflowId};

/// Pixels of ColonyOS's drawing: a level's height, a box and the gap between two.
const LEVEL: u64 = 80;
const BOX: u64 = 150;
const GAP: u64 = 50;

/// A workflow, with `number` and `retryof` of ours. `nodes` and `edges` show the given processes, so without any they
/// are empty, as in ColonyOS's listings.
#[must_use]
pub fn workflow(workflow: &Workflow, processes: &[Process], colony: ColonyContext<'_>) -> Value {
    let by_id: BTreeMap<ProcessId, &Process> =
        processes.iter().map(|process| (process.id, process)).collect();
    let levels = levels(&workflow.roots, &by_id);
    json!({
        "processgraphid": workflow.id.to_hex(),
        "initiatorid": workflow.initiator.to_hex(),
        "initiatorname": workflow.initiator_name.as_str(),
        "colonyname": colony.name,
        "rootprocessids": ids(&workflow.roots),
        "state": u8::from(workflow.state),
        "submissiontime": rfc3339(workflow.submitted_at),
        "starttime": maybe(workflow.started_at),
        "endtime": maybe(workflow.ended_at),
        "processids": ids(&workflow.processes),
        "nodes": nodes(&levels),
        "edges": edges(processes, &by_id),
        "number": workflow.id.number(),
        "retryof": workflow.retry_of.as_ref().map(WorkflowId::to_hex).unwrap_or_default(),
    })
}

/// Processes by depth. As in ColonyOS the depth is that of the first visit when walking down from the roots.
fn levels<'p>(roots: &[ProcessId], by_id: &BTreeMap<ProcessId, &'p Process>) -> Vec<Vec<&'p Process>> {
    let mut levels: Vec<Vec<&Process>> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut stack: Vec<(ProcessId, usize)> = roots.iter().rev().map(|root| (*root, 0)).collect();
    while let Some((id, depth)) = stack.pop() {
        let Some(process) = by_id.get(&id) else { continue };
        if !seen.insert(id) {
            continue;
        }
        if levels.len() <= depth {
            levels.resize_with(depth.saturating_add(1), Vec::new);
        }
        if let Some(level) = levels.get_mut(depth) {
            level.push(process);
        }
        stack.extend(process.children.iter().rev().map(|child| (*child, depth.saturating_add(1))));
    }
    levels
}

fn nodes(levels: &[Vec<&Process>]) -> Value {
    let width = |count: usize| as_u64(count).saturating_mul(BOX + GAP).saturating_sub(GAP);
    let widest = levels.iter().map(|level| width(level.len())).max().unwrap_or_default();
    let place = |depth: usize, level: &[&Process], index: usize, process: &Process| {
        let left = widest.saturating_sub(width(level.len())) / 2;
        let x = left.saturating_add(as_u64(index).saturating_mul(BOX + GAP));
        node(process, x, as_u64(depth).saturating_mul(LEVEL))
    };
    let level = |(depth, level): (usize, &Vec<&Process>)| -> Vec<Value> {
        level.iter().enumerate().map(|(index, process)| place(depth, level, index, process)).collect()
    };
    levels.iter().enumerate().flat_map(level).collect()
}

fn node(process: &Process, x: u64, y: u64) -> Value {
    let kind = match (process.parents.is_empty(), process.children.is_empty()) {
        (true, _) => "input",
        (false, true) => "output",
        (false, false) => "",
    };
    let background = match process.state {
        State::Waiting => "#eee8d8",
        State::Running => "#4689cd",
        State::Success => "#92d050",
        State::Failed => "#cb4239",
        State::Cancelled => "#f5a623",
    };
    json!({
        "id": process.id.to_hex(),
        "data": {"label": process.spec.node_name.as_str()},
        "position": {"x": x, "y": y},
        "type": kind,
        "style": {"color": "", "background": background},
    })
}

fn edges(processes: &[Process], by_id: &BTreeMap<ProcessId, &Process>) -> Value {
    let edge = |parent: &Process, child: &ProcessId| {
        json!({
            "id": format!("{}-{child}", parent.id),
            "source": parent.id.to_hex(),
            "target": child.to_hex(),
            "animated": parent.state == State::Running,
        })
    };
    let of = |parent| {
        let parent: &Process = parent;
        let known = parent.children.iter().filter(|child| by_id.contains_key(child));
        known.map(|child| edge(parent, child)).collect::<Vec<_>>()
    };
    processes.iter().flat_map(of).collect()
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
