//! All replicas show the same processes (state machine safety).

use std::collections::BTreeMap;

use colony_protocol::model::Process;
use colony_tests::crowd::all_processes;

use crate::colony::{Colony, colony, owner};

/// Asks each node for what it has itself.
pub async fn replicas(world: &Colony, broken: &mut Vec<String>) {
    let mut first: Option<(usize, BTreeMap<u64, Process>)> = None;
    for (number, seat) in world.seats.iter().enumerate().filter(|(_, seat)| seat.is_open) {
        let Some(node) = seat.node() else { continue };
        let client = node.client(colony(), owner()).stale();
        let mut shown = BTreeMap::new();
        let asked = all_processes(&client, |process| {
            shown.insert(process.number(), process);
        });
        if let Err(error) = asked.await {
            broken.push(format!("replicas agree: node {number} does not show its processes: {error}"));
            continue;
        }
        match &first {
            None => first = Some((number, shown)),
            Some((other, known)) if *known != shown => {
                let differs = known.iter().find(|(place, process)| shown.get(place) != Some(process));
                broken.push(format!(
                    "replicas agree: node {other} and node {number} differ, first in {differs:?}"
                ));
            }
            Some(_) => {}
        }
    }
}
