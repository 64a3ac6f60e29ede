//! What waits and whom to wake for it: the coordinator's announcement, less its signature.
//!
//! Work is listed by kind: all processes of a kind fit the same executors. A kind that no executor could take now is
//! left out, since nobody is to be woken for it; one that is not heard of finds its work by asking now and then.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Colony,
    matching::{Demand, Offer},
};
use crate::{
    announcement::{KINDS_MAX, NAMES_MAX, WaitingWork},
    bounded::{List, Text},
    identity::Identity,
    model::{ExecutorState, Name},
    rendezvous,
    time::Timestamp,
};

/// Most comparisons of a kind with an executor in one look: a look may hold up the colony for a millisecond or two.
const COMPARISONS_MAX: usize = 50_000;

/// An executor that may take work now.
struct Taker<'a> {
    id: Identity,
    name: &'a Name,
    busy: bool,
    offer: Offer<'a>,
}

impl Colony {
    /// Kinds of ready work without what is `reserved`, each with whom to call, in about queue order. Executors count
    /// that were heard since `heard_since`, or hold a lease; all, where there are none of these.
    #[must_use]
    pub fn waiting(&self, reserved: &BTreeSet<u64>, heard_since: Timestamp) -> List<WaitingWork, KINDS_MAX> {
        let mut kinds = List::default();
        if self.meta.paused || self.index.queue.is_empty() {
            return kinds;
        }
        let mut comparisons = 0_usize;
        for (executor_type, takers) in self.takers(heard_since) {
            for (demand, count, wave) in self.index.queue.lanes(executor_type, reserved) {
                comparisons = comparisons.saturating_add(takers.len());
                if comparisons > COMPARISONS_MAX && !kinds.is_empty() {
                    return kinds;
                }
                if let Some(kind) = kind(demand, count, wave, &takers)
                    && kinds.push(kind).is_err()
                {
                    return kinds;
                }
            }
        }
        kinds
    }

    /// Who may take work now, by type: those who are there, or anybody where nobody is known to be. After an election
    /// the new coordinator has heard of few.
    fn takers(&self, heard_since: Timestamp) -> BTreeMap<&Name, Vec<Taker<'_>>> {
        let mut all: BTreeMap<&Name, Vec<(bool, Taker<'_>)>> = BTreeMap::new();
        for executor in self.members.executors.values() {
            if executor.state == ExecutorState::Approved {
                let busy = self.index.leases.holds(&executor.id);
                let there = busy || executor.last_heard_at >= heard_since;
                let offer = Offer::new(executor, None, None);
                let taker = Taker { id: executor.id, name: &executor.name, busy, offer };
                all.entry(&executor.executor_type).or_default().push((there, taker));
            }
        }
        let chosen = all.into_iter().map(|(executor_type, takers)| {
            let somebody = takers.iter().any(|(there, _)| *there);
            let takers = takers.into_iter().filter(|(there, _)| *there || !somebody);
            (executor_type, takers.map(|(_, taker)| taker).collect())
        });
        chosen.collect()
    }
}

/// The kind of a lane; `None` if nobody could take its work.
fn kind(demand: &Demand, count: u64, wave: u64, takers: &[Taker<'_>]) -> Option<WaitingWork> {
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for taker in takers {
        let named = demand.executor_names.is_empty() || demand.executor_names.contains(taker.name);
        if named && taker.offer.fits(demand) {
            let weights = if taker.busy { &mut busy } else { &mut idle };
            weights.push(rendezvous::weight(wave, &taker.id));
        }
    }
    if idle.is_empty() && busy.is_empty() {
        return None;
    }
    let short = count.saturating_sub(idle.len() as u64);
    Some(WaitingWork {
        executor_type: demand.executor_type.clone(),
        executor_names: names(demand),
        location_name: Text::cut(&demand.location),
        nodes: demand.nodes,
        cpu_millis: demand.cpu,
        memory: demand.memory,
        storage: demand.storage,
        gpu: demand.gpu.clone(),
        count,
        wave,
        reach: rendezvous::reach(idle, count),
        reach_busy: rendezvous::reach(busy, short),
    })
}

/// The names in a demand; none if there are too many to list.
fn names(demand: &Demand) -> List<Name, NAMES_MAX> {
    List::new(demand.executor_names.clone()).unwrap_or_default()
}
