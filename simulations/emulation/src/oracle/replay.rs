//! The log, played again through the pure rules, keeps every promise of the queue (G2 to G5, the core's counts).
//!
//! The invariants are those of the simulator of the rules; here they see what real nodes have put into a real log.

use colony_protocol::{
    colony::Call,
    entry::{Batch, Item},
    request::Contents,
};
use colony_simulations::{
    coordinator::Coordinator,
    courier::Actor,
    invariants::{self, Fact, Invariant},
};
use openraft::EntryPayload;

use super::Entry;
use crate::colony::{colony, owner};

/// Plays the longest log that begins at the beginning; gives how many entries it has.
pub(super) fn check(logs: &[(usize, Vec<Entry>)], broken: &mut Vec<String>) -> u64 {
    let whole = logs
        .iter()
        .map(|(_, log)| log)
        .filter(|log| log.first().is_some_and(|entry| entry.log_id.index == 0));
    // Where all nodes have dropped the beginning of their logs, what clients saw must do.
    let Some(log) = whole.max_by_key(|log| log.len()) else { return 0 };
    let mut replay = Replay { coordinator: Coordinator::new(owner().identity()), all: invariants::all() };
    for entry in log {
        if let EntryPayload::Normal(batch) = &entry.payload {
            replay.apply(entry, batch, broken);
        }
    }
    let coordinator = &replay.coordinator;
    for invariant in &mut replay.all {
        tell(invariant.as_mut(), &Fact::Over(coordinator), broken);
    }
    log.len() as u64
}

struct Replay {
    coordinator: Coordinator,
    all: Vec<Box<dyn Invariant>>,
}

impl Replay {
    fn apply(&mut self, entry: &Entry, batch: &Batch, broken: &mut Vec<String>) {
        let calls = batch.items.iter().filter_map(|item| call(entry.log_id.leader_id.term, item));
        let calls = calls.map(|call| (Actor::Owner, call)).collect();
        let played = self.coordinator.replay(batch.at, &batch.heard, calls);
        let coordinator = &self.coordinator;
        for invariant in &mut self.all {
            tell(invariant.as_mut(), &Fact::Fired(&played.fired), broken);
            for applied in &played.applied {
                tell(invariant.as_mut(), &Fact::Applied(applied), broken);
            }
            tell(invariant.as_mut(), &Fact::Committed(&played, coordinator), broken);
        }
    }
}

fn tell(invariant: &mut dyn Invariant, fact: &Fact<'_>, broken: &mut Vec<String>) {
    let place = broken.len();
    invariant.observe(fact, broken);
    for line in &mut broken[place..] {
        *line = format!("in the log: {}: {line}", invariant.name());
    }
}

fn call(term: u64, item: &Item) -> Option<Call> {
    let Contents { request, expires, command, .. } = item.signed.contents(&colony()).ok()?;
    Some(Call { by: item.by, term, request, expires, command })
}
