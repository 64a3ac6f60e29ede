//! The loop: takes the next event, lets it happen, tells the invariants.

mod setup;

use colony_protocol::{
    colony::{Call, Event as ColonyEvent},
    command::Command,
    envelope::RequestId,
    model::State,
    refusal::Refusal,
    reply::Reply,
    time::{Span, Timestamp},
};

use crate::{
    agenda::Agenda,
    chance::Chance,
    coordinator::{Answer, Applied, Coordinator, Entry},
    courier::{Actor, Line, carry},
    executor::{Decision, Executor},
    invariants::{Fact, Invariant},
    report::{Counters, Report},
    scenario::Scenario,
    submitter::Submitter,
    trace::Trace,
};

/// How long requests are collected before they become an entry.
const BATCHING: Span = Span::from_millis(2);
/// A run that breaks this much says no more by going on.
const BROKEN_MAX: usize = 20;

/// What can happen.
#[derive(Debug)]
enum Event {
    /// A client may do something.
    Wake(Actor),
    /// A client has waited long enough for its answer.
    Resend(Actor, RequestId),
    /// A request reaches the coordinator.
    Arrive(Actor, Box<Call>),
    /// Requests become an entry.
    Commit,
    /// A deadline may have passed.
    Deadline,
    /// The coordinator comes back.
    Recover,
    /// An answer reaches its client.
    Answer(Actor, RequestId, Answer),
}

/// A run under way.
#[derive(Debug)]
struct World {
    scenario: Scenario,
    agenda: Agenda<Event>,
    chance: Chance,
    coordinator: Coordinator,
    is_down: bool,
    commit_planned: bool,
    submitters: Vec<(Submitter, Line)>,
    executors: Vec<(Executor, Line)>,
    invariants: Vec<Box<dyn Invariant>>,
    trace: Trace,
    counters: Counters,
    broken: Vec<String>,
}

/// Runs a scenario to its end.
#[must_use]
pub fn run(scenario: &Scenario) -> Report {
    let mut world = World::new(scenario.clone());
    world.found();
    world.live();
    Report { seed: scenario.seed, counters: world.counters, hash: world.trace.hash(), broken: world.broken }
}

impl World {
    fn live(&mut self) {
        let start = self.agenda.now();
        let calm_from = start.after(self.scenario.storm);
        let end = calm_from.after(self.scenario.calm);
        let calm = self.scenario.clone().without_faults();
        while self.broken.len() < BROKEN_MAX {
            let Some(event) = self.agenda.take() else { break };
            if self.agenda.now() > calm_from {
                self.scenario = calm.clone();
                if self.agenda.now() > end || self.is_quiet() {
                    break;
                }
            }
            self.trace.add(&(self.agenda.now(), &event));
            self.happen(event, self.agenda.now() > calm_from);
        }
        for invariant in &mut self.invariants {
            let place = self.broken.len();
            invariant.observe(&Fact::Over(&self.coordinator), &mut self.broken);
            name(invariant.name(), self.agenda.now(), &mut self.broken[place..]);
        }
    }

    /// Whether nothing is left to be done.
    fn is_quiet(&self) -> bool {
        let counts = self.coordinator.colony().statistics();
        let work = counts.processes_in(State::Waiting).saturating_add(counts.processes_in(State::Running));
        work == 0 && !self.is_down && !self.submitters.iter().any(|(_, line)| line.is_busy())
    }

    fn happen(&mut self, event: Event, is_calm: bool) {
        match event {
            Event::Wake(actor) => self.wake(actor, is_calm),
            Event::Resend(actor, request) => self.resend(actor, request),
            Event::Arrive(actor, call) => self.arrive(actor, *call),
            Event::Commit => {
                self.commit_planned = false;
                self.commit();
            }
            Event::Deadline => {
                let due = self.coordinator.colony().next_deadline();
                if !self.is_down && due.is_some_and(|due| due <= self.agenda.now()) {
                    self.commit();
                }
            }
            Event::Recover => {
                self.is_down = false;
                self.plan_deadline();
            }
            Event::Answer(actor, request, answer) => self.answer(actor, request, &answer),
        }
    }

    fn wake(&mut self, actor: Actor, is_calm: bool) {
        let now = self.agenda.now();
        let command = match actor {
            Actor::Submitter(place) if !is_calm => {
                self.submitters.get_mut(place).map(|(one, _)| one.decide())
            }
            Actor::Executor(place) => {
                let scenario = &self.scenario;
                match self.executors.get_mut(place).map(|(one, _)| one.decide(now, scenario)) {
                    Some(Decision::Ask(command)) => Some(*command),
                    Some(Decision::Sleep(span)) => {
                        self.agenda.after(span, Event::Wake(actor));
                        None
                    }
                    None => None,
                }
            }
            _ => None,
        };
        let Some(command) = command else { return };
        let mut chance = self.chance.split();
        let Some(line) = self.line(actor) else { return };
        let call = line.begin(command, now, &mut chance).clone();
        self.send(actor, call);
    }

    fn line(&mut self, actor: Actor) -> Option<&mut Line> {
        match actor {
            Actor::Owner => None,
            Actor::Submitter(place) => self.submitters.get_mut(place).map(|(_, line)| line),
            Actor::Executor(place) => self.executors.get_mut(place).map(|(_, line)| line),
        }
    }

    fn send(&mut self, actor: Actor, call: Call) {
        let Some(pause) = self.line(actor).map(Line::next_pause) else { return };
        self.agenda.after(pause, Event::Resend(actor, call.request));
        match carry(&mut self.chance, &self.scenario) {
            Some(takes) => self.agenda.after(takes, Event::Arrive(actor, Box::new(call))),
            None => self.counters.lost_messages += 1,
        }
    }

    fn resend(&mut self, actor: Actor, request: RequestId) {
        let now = self.agenda.now();
        let Some(line) = self.line(actor) else { return };
        let Some(call) = line.request(request).cloned() else { return };
        if call.expires < now {
            line.end(request);
            self.counters.unanswered += 1;
            self.agenda.after(Span::from_millis(100), Event::Wake(actor));
        } else {
            self.send(actor, call);
        }
    }

    fn arrive(&mut self, actor: Actor, call: Call) {
        if self.is_down {
            self.counters.lost_messages += 1;
            return;
        }
        let request = call.request;
        match self.coordinator.receive(actor, call) {
            Some(answer) => self.send_answer(actor, request, answer),
            None if !self.commit_planned => {
                self.commit_planned = true;
                self.agenda.after(BATCHING, Event::Commit);
            }
            None => {}
        }
    }

    fn commit(&mut self) {
        if self.is_down {
            return;
        }
        let crashes = self.chance.per_mille(self.scenario.crash_per_mille);
        if crashes && self.chance.below(2) == 0 {
            self.counters.crashes_before_disk += 1;
            self.crash();
            return;
        }
        let entry = self.coordinator.commit(self.agenda.now());
        self.trace.add(&entry);
        self.record(&entry);
        if crashes {
            self.counters.crashes_after_disk += 1;
            self.crash();
            return;
        }
        for Applied { actor, call, answer, .. } in entry.applied {
            self.send_answer(actor, call.request, answer);
        }
        self.plan_deadline();
    }

    fn crash(&mut self) {
        self.is_down = true;
        if let Err(error) = self.coordinator.crash() {
            self.broken.push(format!("the rows cannot be read back: {error}"));
        }
        for invariant in &mut self.invariants {
            let place = self.broken.len();
            invariant.observe(&Fact::Restored(&self.coordinator), &mut self.broken);
            name(invariant.name(), self.agenda.now(), &mut self.broken[place..]);
        }
        // Sometimes for longer than a request lives.
        let is_long = self.chance.below(6) == 0;
        let down = if is_long { self.chance.millis(31_000, 45_000) } else { self.chance.millis(100, 3_000) };
        self.agenda.after(down, Event::Recover);
    }

    fn plan_deadline(&mut self) {
        if let Some(due) = self.coordinator.colony().next_deadline() {
            self.agenda.at(due, Event::Deadline);
        }
    }

    fn send_answer(&mut self, actor: Actor, request: RequestId, answer: Answer) {
        match carry(&mut self.chance, &self.scenario) {
            Some(takes) => self.agenda.after(takes, Event::Answer(actor, request, answer)),
            None => self.counters.lost_messages += 1,
        }
    }

    fn answer(&mut self, actor: Actor, request: RequestId, answer: &Answer) {
        let now = self.agenda.now();
        // An answer to a request that was sent twice may come twice.
        let Some(call) = self.line(actor).and_then(|line| line.end(request)) else { return };
        self.tell(&Fact::Told(&call.command, answer));
        let pause = match actor {
            Actor::Submitter(place) => {
                if let Some((one, _)) = self.submitters.get_mut(place) {
                    one.told(answer);
                }
                self.chance.millis(200, 2_500)
            }
            Actor::Executor(place) => {
                if let Some((one, _)) = self.executors.get_mut(place) {
                    one.told(&call.command, answer, now);
                }
                self.chance.millis(50, 900)
            }
            Actor::Owner => return,
        };
        self.agenda.after(pause, Event::Wake(actor));
    }

    /// Counts what an entry did and shows it to the invariants.
    fn record(&mut self, entry: &Entry) {
        self.counters.entries += 1;
        self.count_events(&entry.fired);
        self.tell(&Fact::Fired(&entry.fired));
        for applied in &entry.applied {
            self.count(applied);
            self.tell(&Fact::Applied(applied));
        }
        for invariant in &mut self.invariants {
            let place = self.broken.len();
            invariant.observe(&Fact::Committed(entry, &self.coordinator), &mut self.broken);
            name(invariant.name(), entry.at, &mut self.broken[place..]);
        }
    }

    fn tell(&mut self, fact: &Fact<'_>) {
        for invariant in &mut self.invariants {
            let place = self.broken.len();
            invariant.observe(fact, &mut self.broken);
            name(invariant.name(), self.agenda.now(), &mut self.broken[place..]);
        }
    }

    fn count(&mut self, applied: &Applied) {
        self.count_events(&applied.events);
        let counters = &mut self.counters;
        if applied.repeated {
            counters.repeated += 1;
            return;
        }
        match (&*applied.call.command, &applied.answer) {
            (_, Ok(Reply::Submitted(ids))) => counters.submitted += length(ids),
            (_, Ok(Reply::WorkflowSubmitted { processes, .. })) => {
                counters.workflows += 1;
                counters.submitted += length(processes);
            }
            (_, Ok(Reply::Assigned { processes, .. })) => counters.granted += length(processes),
            (Command::Cancel { .. } | Command::CancelWorkflow { .. }, Ok(_)) => counters.cancelled += 1,
            (_, Ok(Reply::Closed(outcomes))) => {
                for outcome in outcomes {
                    match outcome {
                        Ok(()) => counters.closed += 1,
                        Err(Refusal::Stale { .. } | Refusal::WrongState { .. }) => counters.stale_closes += 1,
                        Err(_) => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn count_events(&mut self, events: &[ColonyEvent]) {
        for event in events {
            match event {
                ColonyEvent::LeaseLost { .. } => self.counters.leases_lost += 1,
                ColonyEvent::Process { state: State::Success, .. } => self.counters.succeeded += 1,
                ColonyEvent::Process { state: State::Failed, .. } => self.counters.failed += 1,
                _ => {}
            }
        }
    }
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// Says which invariant was broken, and when.
fn name(invariant: &str, at: Timestamp, broken: &mut [String]) {
    for line in broken {
        *line = format!("at {at:?}: {invariant}: {line}");
    }
}
