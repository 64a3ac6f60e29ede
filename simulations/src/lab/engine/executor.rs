//! Executors: when they ask for work, what they do with it, what they do after they were away.
//!
//! They ask as the shipped one does: again at once while the queue gives as much as was wanted, then with a request that
//! lingers at the coordinator, then only when called or, without a call, now and then. Leases are renewed three times in
//! the time that was promised.

use colony_protocol::{
    announcement::mesh::{POLL_MIN, POLL_SPREAD},
    bounded::{Json, List, Text},
    command::{Assign, Closing, Command, LeaseRef, Release},
    identity::Identity,
    model::{Process, Values},
    reply::{LeaseStatus, Reply},
    time::Span,
};

use super::{
    Event, World,
    calls::{Answer, Client, Request, Ticket},
    measure::What,
};
use crate::lab::dice;

/// The promise to be heard, as the shipped executor makes it.
const HEARTBEAT: Span = Span::from_secs(10);
/// How often leases are renewed: three times in that.
const RENEWAL: u64 = HEARTBEAT.as_micros() / 3;
/// How long a request of a warm executor waits at the coordinator.
const LINGER: u64 = 2_000_000;
/// How long one waits that cannot hear announcements.
const DEAF_WAIT: u64 = 20_000_000;
/// After a request that was refused or given up.
const PAUSE: u64 = 250_000;
/// Most processes taken with one request.
const BATCH: usize = 1_000;

/// Work in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    lease: LeaseRef,
    run: u32,
    success: bool,
}

/// A contact plan, as it is declared and as it comes true.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// What is declared: when windows open and close.
    pub(super) declared: Vec<(u64, u64)>,
    /// What happens; `None` for a window that is missed.
    pub(super) true_windows: Vec<Option<(u64, u64)>>,
    /// The first window that is not over, as declared.
    pub(super) next: usize,
    /// The window in which it was last declared.
    pub(super) declared_at: Option<usize>,
}

/// An executor.
#[derive(Debug)]
pub(super) struct Exec {
    pub(super) node: u32,
    pub(super) id: Identity,
    pub(super) executor_type: u16,
    pub(super) parallel: u16,
    /// Grows when it dies; what was planned for an earlier life is void.
    pub(super) life: u32,
    runs: u32,
    pub(super) held: Vec<Held>,
    /// Requests under way.
    under_way: Vec<Ticket>,
    /// Requests that wait for contact.
    pub(super) stalled: Vec<Ticket>,
    asking: bool,
    /// Cold: it waits to be called.
    pub(super) cold: bool,
    /// Counts the times it went cold: only the last one's poll counts.
    polls: u32,
    /// Whether a renewal is planned.
    renewing: bool,
    /// What an earlier life left.
    left: Vec<LeaseRef>,
    /// The call it will follow: word and wave, when it heard of it first, and when it asks.
    pub(super) call: Option<(u32, u64, u64, u64)>,
    pub(super) schedule: Option<Box<Schedule>>,
    /// When it was last in contact.
    pub(super) last_contact: u64,
}

impl Exec {
    pub(super) const fn new(node: u32, id: Identity, executor_type: u16, parallel: u16) -> Self {
        Self {
            node,
            id,
            executor_type,
            parallel,
            life: 0,
            runs: 0,
            held: Vec::new(),
            under_way: Vec::new(),
            stalled: Vec::new(),
            asking: false,
            cold: false,
            polls: 0,
            renewing: false,
            left: Vec::new(),
            call: None,
            schedule: None,
            last_contact: 0,
        }
    }

    pub(super) const fn has_room(&self) -> bool {
        self.held.len() < self.parallel as usize
    }
}

impl World {
    fn alive(&mut self, exec: u32, life: u32) -> Option<&mut Exec> {
        let node = self.exec(exec)?.node;
        let up = self.node(node).is_some_and(|node| node.up);
        self.exec_mut(exec).filter(|exec| exec.life == life && up)
    }

    /// The executor with an identity.
    pub(super) fn exec_of(&self, id: &Identity) -> Option<u32> {
        self.table.execs.get(id).copied()
    }

    fn call(&mut self, exec: u32, command: Command, wait: u64, called: bool) {
        let Some(state) = self.exec(exec) else { return };
        let (node, id) = (state.node, state.id);
        let ticket = self.begin_call(Client::Executor(exec), node, id, command, (wait, called));
        if let Some(state) = self.exec_mut(exec) {
            state.under_way.push(ticket);
        }
    }

    /// Asks for work, if there is room for any and no other request asks already.
    pub(super) fn ask(&mut self, exec: u32, wait: u64, called: bool) {
        let Some(state) = self.exec_mut(exec) else { return };
        if state.asking || !state.has_room() {
            return;
        }
        (state.asking, state.cold, state.call) = (true, false, None);
        let room = usize::from(state.parallel).saturating_sub(state.held.len()).min(BATCH);
        let ask = Assign {
            max: u16::try_from(room).unwrap_or(u16::MAX),
            wait: Span::from_micros(wait),
            heartbeat: Some(HEARTBEAT),
            ..Assign::default()
        };
        self.call(exec, Command::Assign(ask), wait, called);
    }

    /// It begins to ask, or asks once more after it was refused.
    pub(super) fn ask_again(&mut self, exec: u32, life: u32) {
        if self.alive(exec, life).is_some() && !self.is_out_of_contact(exec) {
            self.ask(exec, LINGER, false);
        }
    }

    /// Nobody called for long.
    pub(super) fn poll(&mut self, exec: u32, life: u32, number: u32) {
        let Some(state) = self.alive(exec, life) else { return };
        if state.cold && state.polls == number && !self.is_out_of_contact(exec) {
            self.ask(exec, 0, false);
        }
    }

    /// It asks because of an announcement, if that still stands.
    pub(super) fn called(&mut self, exec: u32, life: u32, word: u32) {
        let Some(state) = self.alive(exec, life) else { return };
        let stands = state.cold && state.call.is_some_and(|(number, ..)| number == word);
        if stands && !self.is_out_of_contact(exec) {
            self.ask(exec, 0, true);
        }
    }

    /// Gives back what an earlier life left.
    pub(super) fn give_back(&mut self, exec: u32) {
        let Some(state) = self.exec_mut(exec) else { return };
        let left = std::mem::take(&mut state.left);
        if !left.is_empty() {
            let items = left.into_iter().map(|lease| Release { lease, began: true }).collect();
            self.call(exec, Command::Release { items: List::new(items).unwrap_or_default() }, 0, false);
        }
    }

    /// Tells the colony when it will be reachable.
    pub(super) fn declare(&mut self, exec: u32) {
        if let Some(command) = self.contact_plan(exec) {
            self.call(exec, command, 0, false);
        }
    }

    /// Stops at once: what is in memory is gone.
    pub(super) fn stop_executor(&mut self, exec: u32) {
        let Some(state) = self.exec_mut(exec) else { return };
        state.life += 1;
        state.left = state.held.drain(..).map(|held| held.lease).collect();
        (state.asking, state.cold, state.renewing, state.call) = (false, false, false, None);
        state.stalled.clear();
        for ticket in std::mem::take(&mut state.under_way) {
            self.abandon(ticket);
        }
    }

    /// An answer.
    pub(super) fn executor_told(&mut self, exec: u32, request: &Request, answer: Answer) {
        self.forget_call(exec);
        let now = self.now();
        match (&*request.call.command, answer) {
            (Command::Assign(ask), Ok(Reply::Assigned { processes, .. })) => {
                let (got, wanted) = (processes.len(), usize::from(ask.max));
                self.measure.asks_called_won += u64::from(request.called && got > 0);
                if request.wait == 0 || got > 0 {
                    self.measure.ask_latency.add(now.saturating_sub(request.asked));
                }
                if let Some(state) = self.exec_mut(exec) {
                    state.asking = false;
                }
                for process in &processes {
                    self.take(exec, process);
                }
                match got {
                    0 => self.cool(exec),
                    got if got < wanted => self.ask(exec, LINGER, false),
                    _ => {}
                }
            }
            (Command::Renew { leases }, Ok(Reply::Renewed(statuses))) => {
                for (lease, status) in leases.into_iter().zip(statuses) {
                    if !matches!(status, LeaseStatus::Live(_))
                        && let Some(state) = self.exec_mut(exec)
                    {
                        state.held.retain(|held| held.lease != *lease);
                    }
                }
                self.ask(exec, LINGER, false);
            }
            (Command::Assign(_), Err(_)) => self.retry_ask(exec),
            _ => {}
        }
    }

    /// A request was given up.
    pub(super) fn unanswered(&mut self, exec: u32, request: &Request) {
        self.forget_call(exec);
        if matches!(&*request.call.command, Command::Assign(_)) {
            self.adopt(exec);
            self.retry_ask(exec);
        } else if matches!(&*request.call.command, Command::Close { .. }) && !request.abandoned {
            // A result is kept until it is delivered.
            self.call(exec, Command::clone(&request.call.command), 0, false);
        }
    }

    /// Takes up what it was granted without learning of it: the shipped executor asks for that when an answer was lost.
    fn adopt(&mut self, exec: u32) {
        let Some(state) = self.exec(exec) else { return };
        let (id, colony) = (state.id, self.node(state.node).map_or(0, |node| node.colony));
        let Some(office) = self.office(colony) else { return };
        let own = office.core.live_processes();
        let own = own.filter(|process| process.lease.is_some_and(|lease| lease.holder == id));
        for process in own.cloned().collect::<Vec<_>>() {
            self.take(exec, &process);
        }
    }

    fn retry_ask(&mut self, exec: u32) {
        let Some(state) = self.exec_mut(exec) else { return };
        state.asking = false;
        let life = state.life;
        self.plan(PAUSE, Event::Ask(exec, life));
    }

    /// Drops requests that have ended from the list of those under way.
    fn forget_call(&mut self, exec: u32) {
        let Some(state) = self.execs.get_mut(exec as usize) else { return };
        let requests = &self.requests;
        state.under_way.retain(|(number, generation)| requests.get(*number, *generation).is_some());
    }

    /// There was nothing: from now on it waits to be called.
    fn cool(&mut self, exec: u32) {
        if !self.can_hear(exec) {
            return self.ask(exec, DEAF_WAIT, false);
        }
        let now = self.now();
        let Some(state) = self.exec_mut(exec) else { return };
        state.cold = true;
        state.polls += 1;
        let (life, number) = (state.life, state.polls);
        // It may have been called while it asked.
        if let Some((word, _, _, due)) = state.call {
            self.plan(due.saturating_sub(now), Event::Called(exec, life, word));
        }
        let least = POLL_MIN.as_micros() as u64;
        let poll = least + self.chance.below(least * u64::from(POLL_SPREAD - 1));
        self.plan(poll, Event::Poll(exec, life, number));
    }

    fn take(&mut self, exec: u32, process: &Process) {
        let now = self.now();
        let lease = LeaseRef { process: process.id, token: process.token };
        let Some(state) = self.exec(exec) else { return };
        if state.held.iter().any(|held| held.lease == lease) {
            return;
        }
        let (node, colony) = (state.node, self.node(state.node).map_or(0, |node| node.colony));
        let function = self.function(&process.spec.func_name);
        let takes = dice::duration(&mut self.chance, function.0, function.1).max(1);
        let success = !dice::happens(&mut self.chance, function.2);
        let Some(state) = self.exec_mut(exec) else { return };
        state.runs += 1;
        let (run, life) = (state.runs, state.life);
        state.held.push(Held { lease, run, success });
        let renews = !std::mem::replace(&mut state.renewing, true);
        self.plan(takes, Event::Done(exec, life, run));
        if renews {
            self.plan(RENEWAL, Event::Renew(exec, life));
        }
        *self.measure.granted_by.entry(exec).or_default() += 1;
        let number = process.number();
        let Some(life) = self.office_mut(colony).and_then(|office| office.life(number)) else { return };
        if life.assigned == 0 {
            life.assigned = now;
            let took = now.saturating_sub(life.asked);
            self.measure.submit_to_assigned.add(took);
            self.note(What::Assigned, colony, node, number, took);
        }
    }

    /// A run is over.
    pub(super) fn done(&mut self, exec: u32, life: u32, run: u32) {
        let Some(state) = self.alive(exec, life) else { return };
        let Some(place) = state.held.iter().position(|held| held.run == run) else { return };
        let held = state.held.swap_remove(place);
        let output: Text<64> = Text::cut(if held.success { "done" } else { "failed" });
        let item = Closing {
            lease: held.lease,
            success: held.success,
            output: Values::new(vec![Json::string(&output)]).unwrap_or_default(),
            errors: List::default(),
            attributes: List::default(),
            lines: List::default(),
            receipt: None,
        };
        self.call(exec, Command::Close { items: List::new(vec![item]).unwrap_or_default() }, 0, false);
        self.ask(exec, LINGER, false);
    }

    pub(super) fn renew(&mut self, exec: u32, life: u32) {
        let Some(state) = self.alive(exec, life) else { return };
        if state.held.is_empty() {
            state.renewing = false;
            return;
        }
        let leases: Vec<LeaseRef> = state.held.iter().map(|held| held.lease).collect();
        if self.is_out_of_contact(exec) {
            // Nobody would hear it; it goes on with the next contact.
            if let Some(state) = self.exec_mut(exec) {
                state.renewing = false;
            }
            return;
        }
        self.call(exec, Command::Renew { leases: List::new(leases).unwrap_or_default() }, 0, false);
        self.plan(RENEWAL, Event::Renew(exec, life));
    }

    /// Renews again after a silence.
    pub(super) fn resume_renewals(&mut self, exec: u32) {
        let Some(state) = self.exec_mut(exec) else { return };
        if !state.held.is_empty() && !std::mem::replace(&mut state.renewing, true) {
            let life = state.life;
            self.plan(1, Event::Renew(exec, life));
        }
    }
}
