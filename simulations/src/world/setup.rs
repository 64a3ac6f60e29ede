//! The first moments of a run: a founded colony with its members.

use colony_protocol::{
    bounded::Text,
    colony::Call,
    command::Command,
    envelope::RequestId,
    identity::{Identity, SecretKey},
    model::{Executor as Registered, User},
    time::{Span, Timestamp},
};

use super::{Event, World};
use crate::{
    agenda::Agenda,
    chance::Chance,
    coordinator::Coordinator,
    courier::{Actor, Line},
    executor::Executor,
    invariants,
    report::Counters,
    scenario::Scenario,
    submitter::Submitter,
    trace::Trace,
};

/// Some moment in the year 2023; only differences matter.
const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

impl World {
    /// A world before anything has happened.
    pub(super) fn new(scenario: Scenario) -> Self {
        let mut chance = Chance::new(scenario.seed);
        let submitters = (0..scenario.submitters)
            .map(|place| (Submitter::new(chance.split()), Line::new(identity("submitter", place))));
        let submitters = submitters.collect();
        let executors = (0..scenario.executors)
            .map(|place| (Executor::new(chance.split()), Line::new(identity("executor", place))));
        let executors = executors.collect();
        Self {
            coordinator: Coordinator::new(identity("owner", 0)),
            agenda: Agenda::new(START),
            is_down: false,
            commit_planned: false,
            submitters,
            executors,
            invariants: invariants::all(),
            trace: Trace::default(),
            counters: Counters::default(),
            broken: Vec::new(),
            chance,
            scenario,
        }
    }

    /// The owner founds the colony and adds everybody; then all wake up.
    pub(super) fn found(&mut self) {
        let mut commands = vec![Command::Found { name: Text::cut("simulated") }];
        for (place, (_, line)) in self.submitters.iter().enumerate() {
            let name = Text::cut(&format!("submitter-{place}"));
            commands.push(Command::AddUser { user: User { id: line.by(), name, ..User::default() } });
            self.agenda.after(self.chance.millis(0, 1_000), Event::Wake(Actor::Submitter(place)));
        }
        for (place, (_, line)) in self.executors.iter().enumerate() {
            let name = Text::cut(&format!("executor-{place}"));
            let executor =
                Registered { id: line.by(), name, executor_type: Text::cut("cli"), ..Registered::default() };
            commands.push(Command::AddExecutor { executor, approved: true });
            self.agenda.after(self.chance.millis(0, 1_000), Event::Wake(Actor::Executor(place)));
        }
        for command in commands {
            let request = RequestId::from_bytes(self.chance.bytes());
            let expires = START.after(Span::from_secs(30));
            let call = Call { by: identity("owner", 0), term: 1, request, expires, command: command.into() };
            // The answer is looked at below, with the entry.
            drop(self.coordinator.receive(Actor::Owner, call));
        }
        let entry = self.coordinator.commit(START);
        for applied in &entry.applied {
            if let Err(refusal) = &applied.answer {
                self.broken.push(format!("the colony was not founded: {refusal}"));
            }
        }
        self.record(&entry);
    }
}

fn identity(role: &str, place: u64) -> Identity {
    SecretKey::derive(format!("{role} {place}").as_bytes()).identity()
}
