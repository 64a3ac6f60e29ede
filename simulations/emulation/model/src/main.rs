//! Leases, fencing and failover in every order in which they can happen.
//!
//! Simulators draw some orders by luck; this is a model of the rules, small enough that all orders are tried: three executors
//! and two processes, executors that crash and forget, requests and answers that are late or come twice, one entry of the log
//! under way, and coordinators that lose their office before or after it is final. `state` is what there is, `steps` what can
//! happen, `promise` what must hold. Each rule of the queue can be broken by name; that must be found, else the model would
//! prove nothing.

mod promise;
mod state;
mod steps;

use std::{collections::BTreeSet, process::ExitCode};

use stateright::{Checker as _, HasDiscoveries, Model, Path, Property};

use crate::{
    promise::Promise,
    state::{Bounds, State},
    steps::{Rule, Step},
};

/// What must be seen in some order of events: a model in which it never happens proves nothing.
const SOMETIMES: [&str; 5] = [
    "a deposed coordinator believes otherwise",
    "a late result is refused",
    "an entry outlives its coordinator",
    "everything ends",
    "work passes to another executor",
];

/// The colony, with its rules or with a broken one.
#[derive(Debug, Clone, Copy)]
struct Queue {
    broken: Option<Rule>,
    bounds: Bounds,
}

impl Model for Queue {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(&self.bounds, steps);
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        next.take(step, self.broken, &self.bounds);
        (next != *state).then(|| next.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(Promise::OneHolder.name(), |_, state: &State| state.has_one_holder_a_token()),
            Property::always(Promise::OneResult.name(), |_, state: &State| state.keeps(Promise::OneResult)),
            Property::always(Promise::StaleRefused.name(), |_, state: &State| {
                state.keeps(Promise::StaleRefused)
            }),
            Property::always(Promise::AnswerStays.name(), |_, state: &State| {
                state.keeps(Promise::AnswerStays)
            }),
            Property::always(Promise::OneAnswer.name(), |_, state: &State| state.keeps(Promise::OneAnswer)),
            Property::always(Promise::HeardKeeps.name(), |_, state: &State| state.keeps(Promise::HeardKeeps)),
            Property::sometimes(SOMETIMES[0], |_, state: &State| state.is_behind()),
            Property::sometimes(SOMETIMES[1], |_, state: &State| state.refuses_a_late_result()),
            Property::sometimes(SOMETIMES[2], |_, state: &State| state.has_inherited()),
            Property::sometimes(SOMETIMES[3], |_, state: &State| state.has_ended()),
            Property::sometimes(SOMETIMES[4], |_, state: &State| state.has_passed_on()),
        ]
    }
}

/// Tries everything; gives how many states there are, and what was decided: what must sometimes happen and did, and what must
/// always hold and did not.
fn explore(queue: Queue) -> (usize, BTreeSet<&'static str>) {
    let checker = queue.checker().threads(threads()).spawn_bfs().join();
    (checker.unique_state_count(), checker.discoveries().into_keys().collect())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Looks for the shortest way in which a broken rule breaks its promise.
fn breaks(rule: Rule, promise: Promise, bounds: Bounds) -> Option<Vec<Step>> {
    let found = HasDiscoveries::AnyOf([promise.name()].into());
    let queue = Queue { broken: Some(rule), bounds };
    let checker = queue.checker().threads(threads()).finish_when(found).spawn_bfs().join();
    checker.discovery(promise.name()).map(Path::into_actions)
}

fn main() -> ExitCode {
    let bounds = Bounds::chosen();
    let (states, decided) = explore(Queue { broken: None, bounds });
    println!("{states} states with {bounds:?}; decided: {decided:?}");
    let mut is_sound = decided == SOMETIMES.into();
    for (rule, promise) in Rule::ALL {
        let path = breaks(rule, promise, bounds);
        println!("without {rule:?} breaks \"{}\": {path:?}", promise.name());
        is_sound &= path.is_some();
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_every_order_of_events_the_queue_keeps_its_promises() {
        let bounds = Bounds::chosen();
        let (states, decided) = explore(Queue { broken: None, bounds });
        assert_eq!(decided, SOMETIMES.into(), "{states} states with {bounds:?}");
    }

    #[test]
    fn every_broken_rule_breaks_its_promise() {
        for (rule, promise) in Rule::ALL {
            let path = breaks(rule, promise, Bounds::chosen());
            assert!(path.is_some(), "without {rule:?} it still holds: {}", promise.name());
        }
    }
}
