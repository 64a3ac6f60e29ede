//! A run: discrete events in virtual time around the rules that ship.
//!
//! Each colony is one [`Office`]: the real `protocol::colony::Colony`, driven by entries that a modelled quorum elects a
//! coordinator for and replicates. Between it and modelled clients lies the [`terrain`]. What announces, ranks and
//! matches work is the shipped code; what decides how patient members are, how wide the mesh is, how long executors wait,
//! are the shipped numbers.
//!
//! * [`setup`] - the first moment; [`timeline`] and [`presence`] - what changes about nodes afterwards;
//! * [`calls`] - requests on their way, sent again, answered, given up;
//! * [`office`] and [`election`] - the coordinator, its entries, its succession;
//! * [`executor`] and [`submitter`] - clients; [`word`] and [`mesh`] - announcements; [`lookup`] - the table of peers;
//! * [`measure`] - what is seen of it.
//!
//! What may never happen: a clock read, an order that depends on a hash map, a float that decides when something happens.

mod calls;
mod election;
mod executor;
pub mod histogram;
mod lookup;
pub mod measure;
mod mesh;
pub mod node;
mod office;
mod presence;
mod sampling;
mod setup;
mod submitter;
mod terrain;
mod timeline;
mod word;

use std::sync::Arc;

use colony_protocol::{time::Timestamp, timing::Timing};

pub use self::office::COMMIT_SYNCS;
use self::{
    calls::Requests,
    executor::Exec,
    measure::{Measure, Row, What},
    node::Node,
    office::Office,
    submitter::Stream,
};
use super::scenario::sweep::Plan;
use crate::{agenda::Agenda, chance::Chance};

/// Some moment in the year 2023, which every clock shows about when a run begins; only differences matter.
const START: u64 = 1_700_000_000_000_000;

/// What can happen. Small, because millions are planned at once.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A request reaches a voter: request, its generation, voter.
    Arrive(u32, u32, u16),
    /// A request is sent again.
    Resend(u32, u32),
    /// A request waited for work long enough.
    WaitEnds(u32, u32),
    /// A request waited for a coordinator long enough.
    Unparked(u32, u32),
    /// An answer reaches its client.
    Answered(u32, u32),
    /// An entry is on enough disks: colony, epoch.
    Committed(u16, u32),
    /// A deadline may have passed: colony.
    Deadline(u16),
    /// Who was heard may be recorded: colony, epoch.
    Record(u16, u32),
    /// The coordinator may have something to say: colony, epoch.
    Look(u16, u32),
    /// A voter's patience is over: colony, voter, its patience's number.
    Impatient(u16, u16, u32),
    /// A voter has enough votes: colony, voter, term.
    Elected(u16, u16, u32),
    /// A coordinator without a quorum gives up: colony, epoch.
    StepDown(u16, u32),
    /// An executor asks for work: executor, its life.
    Ask(u32, u32),
    /// An executor was not called for long: executor, its life, how often it waited.
    Poll(u32, u32, u32),
    /// An executor was called: executor, its life, the word.
    Called(u32, u32, u32),
    /// A run ends: executor, its life, the run.
    Done(u32, u32, u32),
    /// An executor renews its leases.
    Renew(u32, u32),
    /// A submission: its stream.
    Submit(u32),
    /// A node comes or goes: node, its life.
    Churn(u32, u32),
    /// A node does as its trace says: node, the line.
    Trace(u32, u32),
    /// A contact window opens or closes: executor, which.
    Window(u32, u32, bool),
    /// An entry of the timeline, or its undoing.
    Deed(u32, bool),
    /// A point of the time series.
    Sample,
}

/// A run under way.
#[derive(Debug)]
pub struct World {
    plan: Arc<Plan>,
    seed: u64,
    agenda: Agenda<Event>,
    chance: Chance,
    exponentials: Vec<u32>,
    nodes: Vec<Node>,
    lives: Vec<u32>,
    relays: Vec<u32>,
    execs: Vec<Exec>,
    offices: Vec<Office>,
    streams: Vec<Stream>,
    requests: Requests,
    table: lookup::Table,
    measure: Measure,
    /// Where deeds moved whom, to be undone: by deed.
    moved: std::collections::BTreeMap<u32, Vec<u32>>,
    sides: u8,
    sample_every: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Virtual microseconds.
    pub now: u64,
    /// Of so many, and as long as it takes for all work to end.
    pub end: u64,
    /// Events so far.
    pub events: u64,
}

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome {
    /// What was run.
    pub plan: Arc<Plan>,
    /// What was measured.
    pub measure: Measure,
    /// The nodes at the end.
    pub nodes: Vec<Node>,
    /// Lives of processes, by colony.
    pub lives: Vec<Vec<measure::Life>>,
    /// When it ended, in virtual microseconds.
    pub ended: u64,
    /// Processes that were acknowledged, but are nowhere at the end. Must be zero.
    pub lost: u64,
    /// Processes with more than one applied result. Must be zero.
    pub doubled: u64,
    /// Processes that had not ended at the end.
    pub unfinished: u64,
}

/// The nodes of a run as it begins, and how patient the first colony's voters are.
#[must_use]
pub fn nodes(plan: Arc<Plan>) -> (Vec<Node>, Timing) {
    let world = World::new(plan);
    let timing = world.offices.first().map_or(Timing::Local, |office| office.timing);
    (world.nodes, timing)
}

/// Events between two looks at the progress.
const BREATH: u64 = 1 << 17;

/// Runs a plan to its end; `progress` is told now and then, and says whether to go on.
pub fn run(plan: Arc<Plan>, progress: &mut dyn FnMut(Progress) -> bool) -> Outcome {
    let mut world = World::new(plan);
    world.begin();
    let after = world.plan.scenario.stop.after.0;
    let end = after.saturating_add(world.plan.scenario.stop.drain.0);
    while let Some(event) = world.agenda.take() {
        let now = world.now();
        if now > end || (now > after && world.is_quiet()) {
            break;
        }
        world.measure.events += 1;
        if world.measure.events.is_multiple_of(BREATH)
            && !progress(Progress { now, end: after.max(now), events: world.measure.events })
        {
            break;
        }
        world.happen(event);
    }
    world.finish()
}

impl World {
    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(request, generation, voter) => self.arrive(request, generation, voter),
            Event::Resend(request, generation) => self.resend(request, generation),
            Event::WaitEnds(request, generation) => self.wait_ends(request, generation),
            Event::Unparked(request, generation) => self.unparked(request, generation),
            Event::Answered(request, generation) => self.answered(request, generation),
            Event::Committed(colony, epoch) => self.committed(colony, epoch),
            Event::Deadline(colony) => self.deadline(colony),
            Event::Record(colony, epoch) => self.record_heard(colony, epoch),
            Event::Look(colony, epoch) => self.look(colony, epoch),
            Event::Impatient(colony, voter, number) => self.impatient(colony, voter, number),
            Event::Elected(colony, voter, term) => self.elected(colony, voter, term),
            Event::StepDown(colony, epoch) => self.step_down(colony, epoch),
            Event::Ask(exec, life) => self.ask_again(exec, life),
            Event::Poll(exec, life, number) => self.poll(exec, life, number),
            Event::Called(exec, life, word) => self.called(exec, life, word),
            Event::Done(exec, life, run) => self.done(exec, life, run),
            Event::Renew(exec, life) => self.renew(exec, life),
            Event::Submit(stream) => self.submit(stream),
            Event::Churn(node, life) => self.churn(node, life),
            Event::Trace(node, line) => self.trace(node, line),
            Event::Window(exec, number, opens) => self.window(exec, number, opens),
            Event::Deed(deed, begins) => self.deed(deed, begins),
            Event::Sample => self.sample(),
        }
    }

    /// Microseconds since the run began.
    fn now(&self) -> u64 {
        self.agenda.now().as_micros()
    }

    fn plan(&mut self, delay: u64, event: Event) {
        let at = self.now().saturating_add(delay);
        self.agenda.at(Timestamp::from_micros(at), event);
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut Node> {
        self.nodes.get_mut(node as usize)
    }

    fn office(&self, colony: u16) -> Option<&Office> {
        self.offices.get(usize::from(colony))
    }

    fn office_mut(&mut self, colony: u16) -> Option<&mut Office> {
        self.offices.get_mut(usize::from(colony))
    }

    fn exec(&self, exec: u32) -> Option<&Exec> {
        self.execs.get(exec as usize)
    }

    fn exec_mut(&mut self, exec: u32) -> Option<&mut Exec> {
        self.execs.get_mut(exec as usize)
    }

    /// Writes an event down.
    fn note(&mut self, what: What, colony: u16, node: u32, subject: u64, value: u64) {
        let record = self.plan.scenario.record;
        if record.events {
            let row = Row { at: self.now(), what, colony, node, subject, value };
            self.measure.row(record.events_max, row);
        }
    }

    /// Whether nothing is left to be done.
    fn is_quiet(&self) -> bool {
        self.offices.iter().all(Office::is_quiet) && !self.streams.iter().any(Stream::is_busy)
    }
}
