//! An acknowledged workflow is there, all of it, and no part of it began before all its parents had succeeded (G1, G5).

use std::collections::BTreeMap;

use colony_node::client::Client;
use colony_protocol::model::{Process, ProcessId, State};

use crate::weavers::Woven;

/// Looks at all parts, when nothing is left to be done.
pub async fn workflows(client: &Client, woven: &Woven, broken: &mut Vec<String>) {
    for parts in woven.all() {
        let mut found: BTreeMap<ProcessId, Process> = BTreeMap::new();
        for id in parts {
            match client.process(id.into()).await {
                Ok(process) => {
                    found.insert(id, process);
                }
                Err(error) => broken.push(format!("workflows: a part that was acknowledged, {id}: {error}")),
            }
        }
        for part in found.values() {
            judge(part, &found, broken);
        }
    }
}

fn judge(part: &Process, all: &BTreeMap<ProcessId, Process>, broken: &mut Vec<String>) {
    let number = part.number();
    if !part.state.is_terminal() {
        broken.push(format!("workflows: p{number} has not ended: {:?}", part.state));
    }
    let began = part.started_at.filter(|_| part.token > 0);
    for parent in part.parents.iter().filter_map(|parent| all.get(parent)) {
        let is_met = parent.state == State::Success && parent.ended_at <= began;
        if began.is_some() && !is_met {
            broken.push(format!(
                "workflows: p{number} began at {began:?}, and its parent p{} was {:?} at {:?}",
                parent.number(),
                parent.state,
                parent.ended_at
            ));
        }
    }
}
