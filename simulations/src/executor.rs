//! An executor with faults: it finishes or fails its work, stalls beyond its promise and comes back with stale leases, dies
//! and forgets, says a thing twice, and does not always listen.

use colony_protocol::{
    bounded::{Json, List, Text},
    command::{Assign, Closing, Command, LeaseRef},
    model::{Process, Values},
    reply::{LeaseStatus, Reply},
    time::{Span, Timestamp},
};

use crate::{chance::Chance, coordinator::Answer, scenario::Scenario};

/// How often it promises to be heard. Short beside a stall, long beside a few lost messages.
const HEARTBEAT: Span = Span::from_secs(4);

/// What it does next.
#[derive(Debug)]
pub enum Decision {
    /// Asks.
    Ask(Box<Command>),
    /// Falls silent for a while, on purpose or not.
    Sleep(Span),
}

/// Work in hand.
#[derive(Debug, Clone)]
struct Held {
    lease: LeaseRef,
    done_at: Timestamp,
    success: bool,
}

/// What an executor knows.
#[derive(Debug)]
pub struct Executor {
    chance: Chance,
    parallel: usize,
    held: Vec<Held>,
    /// Closed already; it will say so once more.
    echoes: Vec<Held>,
}

impl Executor {
    /// One with a chance of its own.
    #[must_use]
    pub fn new(mut chance: Chance) -> Self {
        let parallel = usize::try_from(chance.between(1, 4)).unwrap_or(1);
        Self { chance, parallel, held: Vec::new(), echoes: Vec::new() }
    }

    /// What it does next.
    pub fn decide(&mut self, now: Timestamp, scenario: &Scenario) -> Decision {
        if self.chance.per_mille(scenario.death_per_mille) {
            self.held.clear();
            self.echoes.clear();
            return Decision::Sleep(self.chance.millis(10_000, 60_000));
        }
        if !self.held.is_empty() && self.chance.per_mille(scenario.stall_per_mille) {
            return Decision::Sleep(self.chance.millis(5_000, 30_000));
        }
        let (done, held) = std::mem::take(&mut self.held).into_iter().partition(|held| held.done_at <= now);
        self.held = held;
        let mut closing: Vec<Held> = done;
        closing.append(&mut self.echoes);
        if !closing.is_empty() {
            return Decision::Ask(Box::new(close(&closing)));
        }
        if self.held.len() < self.parallel {
            return Decision::Ask(Box::new(self.assign()));
        }
        let leases = self.held.iter().map(|held| held.lease).collect();
        Decision::Ask(Box::new(Command::Renew { leases: List::new(leases).unwrap_or_default() }))
    }

    fn assign(&self) -> Command {
        let max = self.parallel.saturating_sub(self.held.len());
        Command::Assign(Assign {
            max: u16::try_from(max).unwrap_or(1),
            heartbeat: Some(HEARTBEAT),
            ..Assign::default()
        })
    }

    /// It is told.
    pub fn told(&mut self, command: &Command, answer: &Answer, now: Timestamp) {
        match (command, answer) {
            (Command::Assign(_), Ok(Reply::Assigned { processes, .. })) => {
                for process in processes {
                    self.take(process, now);
                }
            }
            (Command::Renew { leases }, Ok(Reply::Renewed(statuses))) => {
                for (lease, status) in leases.into_iter().zip(statuses) {
                    // A stubborn one goes on and comes with its result anyway.
                    if !matches!(status, LeaseStatus::Live(_)) && self.chance.below(2) == 0 {
                        self.held.retain(|held| held.lease != *lease);
                    }
                }
            }
            (Command::Close { items }, Ok(Reply::Closed(_))) if self.chance.below(10) == 0 => {
                let again = items.into_iter().map(|item| Held {
                    lease: item.lease,
                    done_at: now,
                    success: !item.success,
                });
                self.echoes.extend(again);
            }
            _ => {}
        }
    }

    fn take(&mut self, process: &Process, now: Timestamp) {
        let lease = LeaseRef { process: process.id, token: process.token };
        if self.held.iter().any(|held| held.lease == lease) {
            return;
        }
        let done_at = now.after(self.chance.millis(50, 8_000));
        let success = self.chance.below(5) != 0;
        self.held.push(Held { lease, done_at, success });
    }
}

fn close(done: &[Held]) -> Command {
    let items = done.iter().map(|held| Closing {
        lease: held.lease,
        success: held.success,
        output: result(&held.lease, held.success),
        errors: List::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    });
    Command::Close { items: List::new(items.collect()).unwrap_or_default() }
}

/// An output that tells which attempt it is of.
#[must_use]
pub fn result(lease: &LeaseRef, success: bool) -> Values {
    let text: Text<64> = Text::cut(&format!("p{} token {} {success}", lease.process.number(), lease.token));
    Values::new(vec![Json::string(&text)]).unwrap_or_default()
}
