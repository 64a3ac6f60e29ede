//! The queue: ready processes in lanes of equal demand, each lane in queue order.
//!
//! All processes of a lane fit the same executors, so an assign compares conditions once per lane and takes the
//! smallest head of those that fit. Lanes are found by executor type and, for processes that name their executors, by
//! name. The cost of an assign depends on the number of lanes that stand before the work it takes, not on the length
//! of the queue.

use std::{
    collections::{BTreeMap, BTreeSet, btree_set},
    sync::Arc,
};

use super::matching::Demand;
use crate::model::{Name, Process};

/// Queue order: `priority_time`, then number, so that equal times have an order too.
pub(super) type Place = (i64, u64);
/// The first place of a lane, and the lane.
type Head = (i64, u64, u32);

/// Ready processes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: BTreeMap<u32, Lane>,
    numbers: BTreeMap<Arc<Demand>, u32>,
    types: BTreeMap<Name, Heads>,
    last_lane: u32,
}

#[derive(Debug)]
struct Lane {
    demand: Arc<Demand>,
    places: BTreeSet<Place>,
}

/// The lanes of one executor type, by their heads.
#[derive(Debug, Default)]
struct Heads {
    any: BTreeSet<Head>,
    named: BTreeMap<Name, BTreeSet<Head>>,
}

impl Heads {
    fn change(&mut self, demand: &Demand, old: Option<Head>, new: Option<Head>) {
        let swap = |heads: &mut BTreeSet<Head>| {
            if let Some(old) = old {
                heads.remove(&old);
            }
            heads.extend(new);
        };
        if demand.executor_names.is_empty() {
            swap(&mut self.any);
        }
        for name in &demand.executor_names {
            let heads = self.named.entry(name.clone()).or_default();
            swap(heads);
            if heads.is_empty() {
                self.named.remove(name);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.named.is_empty()
    }
}

/// Where a process stands in the queue.
pub(super) fn place(process: &Process) -> Place {
    (process.priority_time, process.number())
}

impl Queue {
    pub(super) fn insert(&mut self, process: &Process) {
        let lane = self.lane_for(Demand::of(&process.spec.conditions));
        self.change(lane, |places| {
            places.insert(place(process));
        });
    }

    pub(super) fn remove(&mut self, process: &Process) {
        let demand = Demand::of(&process.spec.conditions);
        if let Some(lane) = self.numbers.get(&demand).copied() {
            self.change(lane, |places| {
                places.remove(&place(process));
            });
        }
    }

    fn lane_for(&mut self, demand: Demand) -> u32 {
        if let Some(lane) = self.numbers.get(&demand) {
            return *lane;
        }
        // Lane numbers never reach behaviour: places are unique, so they decide every order before the lane does.
        loop {
            self.last_lane = self.last_lane.wrapping_add(1);
            if !self.lanes.contains_key(&self.last_lane) {
                break;
            }
        }
        let demand = Arc::new(demand);
        self.numbers.insert(Arc::clone(&demand), self.last_lane);
        self.lanes.insert(self.last_lane, Lane { demand, places: BTreeSet::new() });
        self.last_lane
    }

    /// Changes a lane, and its head wherever it is listed.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut BTreeSet<Place>)) {
        let Some(lane) = self.lanes.get_mut(&number) else { return };
        let head = |lane: &Lane| lane.places.first().map(|(time, process)| (*time, *process, number));
        let old = head(lane);
        change(&mut lane.places);
        let new = head(lane);
        let demand = Arc::clone(&lane.demand);
        if new.is_none() {
            self.lanes.remove(&number);
            self.numbers.remove(&demand);
        }
        if old == new {
            return;
        }
        let heads = self.types.entry(demand.executor_type.clone()).or_default();
        heads.change(&demand, old, new);
        if heads.is_empty() {
            self.types.remove(&demand.executor_type);
        }
    }

    /// Ready processes that an executor of this type and name may take, in queue order. Lanes are compared by `fits`
    /// only when they come up.
    pub(super) fn matching<'a, F: Fn(&Demand) -> bool + 'a>(
        &'a self,
        executor_type: &str,
        name: &str,
        fits: F,
    ) -> impl Iterator<Item = u64> + use<'a, F> {
        let heads = self.types.get(executor_type);
        let any = heads.map(|heads| &heads.any);
        let named = heads.and_then(|heads| heads.named.get(name));
        let unopened = [any, named].map(|set| set.map(BTreeSet::iter).unwrap_or_default().peekable());
        Merge { queue: self, unopened, open: BTreeMap::new(), fits }
    }

    /// How many ready processes there are.
    pub(super) fn len(&self) -> u64 {
        self.lanes.values().map(|lane| lane.places.len() as u64).sum()
    }

    /// All ready processes in queue order.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> + use<'_> {
        let open = self.lanes.values().filter_map(|lane| {
            let mut places = lane.places.iter();
            places.next().map(|place| (*place, places))
        });
        let unopened = [(); 2].map(|()| btree_set::Iter::default().peekable());
        Merge { queue: self, unopened, open: open.collect(), fits: |_: &Demand| false }
    }

    /// Lanes of a type in queue order: first those for any executor, then those that name some. Each with how many of
    /// its processes are not `reserved`, if any, and the number of the last.
    pub(super) fn lanes<'a>(
        &'a self,
        executor_type: &str,
        reserved: &'a BTreeSet<u64>,
    ) -> impl Iterator<Item = (&'a Demand, u64, u64)> + use<'a> {
        let heads = self.types.get(executor_type);
        let named = heads.into_iter().flat_map(|heads| {
            heads.named.iter().flat_map(|(name, lanes)| lanes.iter().map(move |head| (Some(name), head)))
        });
        let any = heads.into_iter().flat_map(|heads| heads.any.iter().map(|head| (None, head)));
        any.chain(named).filter_map(move |(name, (_, _, lane))| {
            let Lane { demand, places } = self.lanes.get(lane)?;
            // A lane that names several stands below each of them.
            if name.is_some_and(|name| demand.executor_names.first() != Some(name)) {
                return None;
            }
            // What is reserved stands in front: nobody needs to look further.
            let front = places.iter().take(reserved.len());
            let taken = front.filter(|(_, number)| reserved.contains(number)).count();
            let free = places.len().saturating_sub(taken);
            let (_, last) = places.last()?;
            (free > 0).then_some((&**demand, free as u64, *last))
        })
    }

    /// Whether nothing is ready.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// How many ready processes of a type stand before a place.
    pub(super) fn ahead(&self, executor_type: &str, place: Place) -> u64 {
        let lanes = self.lanes.values().filter(|lane| *lane.demand.executor_type == *executor_type);
        lanes.map(|lane| lane.places.range(..place).count() as u64).sum()
    }
}

type Places<'a> = btree_set::Iter<'a, Place>;

/// Merges lanes in queue order.
struct Merge<'a, F> {
    queue: &'a Queue,
    /// Lanes that were not compared yet, by their heads.
    unopened: [std::iter::Peekable<btree_set::Iter<'a, Head>>; 2],
    /// The rest of each lane that fits, by its next place.
    open: BTreeMap<Place, Places<'a>>,
    fits: F,
}

impl<F: Fn(&Demand) -> bool> Merge<'_, F> {
    /// Opens every lane whose head stands before the best place found so far.
    fn open_lanes(&mut self) {
        for heads in &mut self.unopened {
            while let Some((time, process, lane)) = heads.next_if(|(time, process, _)| {
                self.open.first_key_value().is_none_or(|(best, _)| (*time, *process) < *best)
            }) {
                let Some(lane) = self.queue.lanes.get(lane).filter(|lane| (self.fits)(&lane.demand)) else {
                    continue;
                };
                let mut places = lane.places.iter();
                places.next();
                self.open.insert((*time, *process), places);
            }
        }
    }
}

impl<F: Fn(&Demand) -> bool> Iterator for Merge<'_, F> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.open_lanes();
        let (place, mut places) = self.open.pop_first()?;
        if let Some(next) = places.next() {
            self.open.insert(*next, places);
        }
        Some(place.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bounded::Text,
        envelope::RequestId,
        identity::Identity,
        model::{FunctionSpec, ProcessId},
        time::Timestamp,
    };

    fn process(number: u64, memory: u64, names: &[&str]) -> Process {
        let mut spec = FunctionSpec::default();
        spec.conditions.executor_type = Text::cut("cli");
        spec.conditions.memory = memory;
        spec.conditions.executor_names =
            crate::bounded::List::new(names.iter().map(|name| Text::cut(name)).collect()).unwrap();
        let (by, request) = (Identity::NOBODY, RequestId::from_bytes([0; 16]));
        let mut process = super::super::submit::blank(spec);
        process.id = ProcessId::make(&by, &by, &request, number);
        process.submitted_at = Timestamp::ZERO;
        process
    }

    #[test]
    fn an_emptied_queue_keeps_no_lanes_and_no_heads() {
        let mut queue = Queue::default();
        let processes: Vec<Process> = (1..=60)
            .map(|number| process(number, number % 3, [&[][..], &["a"], &["a", "b"]][number as usize % 3]))
            .collect();
        processes.iter().for_each(|process| queue.insert(process));
        let order: Vec<u64> = queue.all().collect();
        assert_eq!(order, (1..=60).collect::<Vec<u64>>());

        // From the middle outwards, so that heads change and do not change.
        let (front, back) = processes.split_at(30);
        for process in back.iter().chain(front) {
            queue.remove(process);
            queue.remove(process);
        }
        assert!(queue.lanes.is_empty() && queue.numbers.is_empty() && queue.types.is_empty());
    }

    #[test]
    fn lanes_that_do_not_fit_are_passed_over_without_looking_into_them() {
        let mut queue = Queue::default();
        (1..=1_000).for_each(|number| queue.insert(&process(number, number % 4, &[])));
        let compared = std::cell::Cell::new(0);
        let fits = |demand: &Demand| {
            compared.set(compared.get() + 1);
            demand.memory == 3
        };
        let taken: Vec<u64> = queue.matching("cli", "e", fits).take(3).collect();
        assert_eq!((taken, compared.get()), (vec![3, 7, 11], 4));
    }
}
