//! Requests on their way: from a client to a voter of its colony, on to the coordinator, and the answer back.
//!
//! As a shipped client does it: one request keeps its id however often it is sent, goes to the next voter when one does
//! not answer, and is given up when it has expired. A voter that knows no coordinator keeps it for a while.

use std::sync::Arc;

use colony_protocol::{
    colony::Call,
    command::Command,
    envelope::{LIFETIME_MAX, RequestId, SKEW_MAX},
    identity::Identity,
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

use super::{Event, World, measure::What, node::Protocol};

/// What a client is told.
pub(super) type Answer = Result<Reply, Refusal>;

/// Time a request is good for, as the shipped client has it.
const LIFETIME: u64 = 30_000_000;
/// Before a request that failed is sent again, as the shipped client has it.
const RETRY: u64 = 250_000;
/// The longest such pause.
const RETRY_MAX: u64 = 2_000_000;
/// Bytes of a signed request without its items, as measured on the wire.
const REQUEST: u64 = 260;
/// Bytes of an item of a request.
const ITEM: u64 = 180;
/// Bytes of an answer without processes.
const ANSWER: u64 = 90;
/// Bytes of a process in an answer.
const PROCESS: u64 = 420;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// An executor.
    Executor(u32),
    /// A submission's stream, and which of its submissions.
    Stream(u32, u64),
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) client: Client,
    /// The client's machine.
    pub(super) node: u32,
    pub(super) colony: u16,
    pub(super) call: Call,
    /// When it was first sent.
    pub(super) asked: u64,
    /// How long it may wait for work at the coordinator.
    pub(super) wait: u64,
    /// Whether an announcement caused it.
    pub(super) called: bool,
    attempts: u32,
    /// The voter it was last sent to.
    pub(super) voter: u16,
    /// Where it is.
    pub(super) place: Place,
    pub(super) answer: Option<Answer>,
    /// Nobody waits for it any more.
    pub(super) abandoned: bool,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On its way, or about to be sent again.
    Travelling,
    /// At a voter that knows no coordinator.
    Parked,
    /// At the coordinator, waiting for work.
    Waiting,
    /// In an entry, or waiting for one.
    Proposed,
    /// The answer is on its way.
    Returning,
}

/// All requests. Numbers are used again; a generation tells old from new.
#[derive(Debug, Default)]
pub(super) struct Requests {
    slots: Vec<(u32, Option<Request>)>,
    free: Vec<u32>,
}

impl Requests {
    fn add(&mut self, request: Request) -> (u32, u32) {
        if let Some(number) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(number as usize)
        {
            slot.1 = Some(request);
            return (number, slot.0);
        }
        self.slots.push((0, Some(request)));
        (self.slots.len().saturating_sub(1) as u32, 0)
    }

    pub(super) fn get(&self, number: u32, generation: u32) -> Option<&Request> {
        let slot = self.slots.get(number as usize)?;
        slot.1.as_ref().filter(|_| slot.0 == generation)
    }

    pub(super) fn get_mut(&mut self, number: u32, generation: u32) -> Option<&mut Request> {
        let slot = self.slots.get_mut(number as usize)?;
        if slot.0 == generation { slot.1.as_mut() } else { None }
    }

    fn remove(&mut self, number: u32, generation: u32) -> Option<Request> {
        let slot = self.slots.get_mut(number as usize)?;
        let request = if slot.0 == generation { slot.1.take() } else { None }?;
        slot.0 = slot.0.wrapping_add(1);
        self.free.push(number);
        Some(request)
    }
}

/// A request's number and generation.
pub(super) type Ticket = (u32, u32);

impl World {
    /// Begins a request.
    pub(super) fn begin_call(
        &mut self,
        client: Client,
        node: u32,
        by: Identity,
        command: Command,
        (wait, called): (u64, bool),
    ) -> Ticket {
        let now = self.now();
        let clock = self.node(node).map_or(0, |node| node.clock(now));
        let colony = self.node(node).map_or(0, |node| node.colony);
        let request = RequestId::from_bytes(self.chance.bytes());
        let expires = Timestamp::from_micros(clock.saturating_add(wait).saturating_add(LIFETIME));
        let call = Call { by, term: 0, request, expires, command: Arc::new(command) };
        let ticket = self.requests.add(Request {
            client,
            node,
            colony,
            call,
            asked: now,
            wait,
            called,
            attempts: 0,
            voter: 0,
            place: Place::Travelling,
            answer: None,
            abandoned: false,
        });
        self.send(ticket);
        ticket
    }

    /// Sends a request to the next voter that can be reached.
    fn send(&mut self, (number, generation): Ticket) {
        let Some(request) = self.requests.get(number, generation) else { return };
        let (node, colony, attempts) = (request.node, request.colony, request.attempts);
        let bytes = bytes_of(&request.call.command);
        let Some(voter) = self.voter_for(node, colony, attempts) else {
            return self.later((number, generation));
        };
        let to = self.office(colony).and_then(|office| office.voter_node(voter)).unwrap_or_default();
        match self.carry(node, to, bytes, Protocol::Calls) {
            Some(delay) => {
                if let Some(request) = self.requests.get_mut(number, generation) {
                    request.voter = voter;
                    request.place = Place::Travelling;
                }
                self.plan(delay, Event::Arrive(number, generation, voter));
            }
            None => self.later((number, generation)),
        }
    }

    /// A voter that the node can reach: the nearest first, each further attempt the next.
    fn voter_for(&self, node: u32, colony: u16, attempts: u32) -> Option<u16> {
        let office = self.office(colony)?;
        let region = self.node(node)?.region;
        let reachable = office.voters.iter().enumerate().filter_map(|(place, voter)| {
            self.path(node, voter.node)?;
            let far = self.plan.files.matrix.one_way(region, self.node(voter.node)?.region);
            let lot = crate::lab::dice::hash(self.seed, u64::from(node), place as u64);
            Some((far, lot, place))
        });
        let mut near: Vec<_> = reachable.collect();
        near.sort_unstable();
        let place = (attempts as usize).checked_rem(near.len())?;
        near.get(place).and_then(|(_, _, voter)| u16::try_from(*voter).ok())
    }

    /// Sends a request again after a pause, unless its client cannot be reached: then when it can.
    pub(super) fn later(&mut self, (number, generation): Ticket) {
        let Some(request) = self.requests.get_mut(number, generation) else { return };
        request.place = Place::Travelling;
        let pause = (RETRY << request.attempts.min(3)).min(RETRY_MAX);
        request.attempts = request.attempts.saturating_add(1);
        let client = request.client;
        if let Client::Executor(exec) = client
            && self.is_out_of_contact(exec)
        {
            if let Some(exec) = self.exec_mut(exec) {
                exec.stalled.push((number, generation));
            }
            return;
        }
        self.plan(pause, Event::Resend(number, generation));
    }

    /// The connection to whoever had the request is cut; that is noticed after a while.
    pub(super) fn cut(&mut self, ticket: Ticket) {
        let notice = self.plan.scenario.network.notice.0;
        if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
            if request.place == Place::Returning {
                return;
            }
            request.place = Place::Travelling;
            request.attempts = request.attempts.saturating_add(1);
        }
        self.plan(notice, Event::Resend(ticket.0, ticket.1));
    }

    pub(super) fn resend(&mut self, number: u32, generation: u32) {
        let now = self.now();
        let Some(request) = self.requests.get(number, generation) else { return };
        if request.place != Place::Travelling {
            return;
        }
        let clock = self.node(request.node).map_or(0, |node| node.clock(now));
        if request.abandoned {
            self.requests.remove(number, generation);
        } else if request.call.expires.as_micros() < clock {
            self.give_up(number, generation);
        } else {
            self.measure.resent += 1;
            self.send((number, generation));
        }
    }

    fn give_up(&mut self, number: u32, generation: u32) {
        let Some(request) = self.requests.remove(number, generation) else { return };
        self.measure.given_up += 1;
        self.note(What::GivenUp, request.colony, request.node, u64::from(number), 0);
        match request.client {
            Client::Executor(exec) => self.unanswered(exec, &request),
            Client::Stream(stream, submission) => self.submission_failed(stream, submission),
        }
    }

    /// A request reaches a voter.
    pub(super) fn arrive(&mut self, number: u32, generation: u32, voter: u16) {
        let Some(request) = self.requests.get(number, generation) else { return };
        if request.abandoned {
            self.requests.remove(number, generation);
            return;
        }
        let (node, colony) = (request.node, request.colony);
        let bytes = bytes_of(&request.call.command);
        let Some(office) = self.office(colony) else { return };
        let Some(here) = office.voter_node(voter) else { return };
        if self.path(node, here).is_none() {
            return self.cut((number, generation));
        }
        match office.leader {
            Some(leader) if leader == voter => self.receive(colony, (number, generation)),
            Some(leader) => {
                let there = office.voter_node(leader).unwrap_or_default();
                match self.carry(here, there, bytes, Protocol::Calls) {
                    Some(delay) => self.plan(delay, Event::Arrive(number, generation, leader)),
                    None => self.park(colony, (number, generation)),
                }
            }
            None => self.park(colony, (number, generation)),
        }
    }

    /// Keeps a request at a voter until there is a coordinator.
    fn park(&mut self, colony: u16, ticket: Ticket) {
        let Some(office) = self.office_mut(colony) else { return };
        office.parked.push(ticket);
        let patience = office.timing.patience().as_micros() as u64;
        if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
            request.place = Place::Parked;
        }
        self.plan(patience, Event::Unparked(ticket.0, ticket.1));
    }

    /// The voter that kept a request tells its client that there is no coordinator.
    pub(super) fn unparked(&mut self, number: u32, generation: u32) {
        let Some(request) = self.requests.get(number, generation) else { return };
        if request.place == Place::Parked {
            self.later((number, generation));
        }
    }

    /// A request is at the coordinator: what its envelope says is looked at first, as a node does.
    pub(super) fn is_timely(&mut self, ticket: Ticket, clock: u64) -> bool {
        let Some(request) = self.requests.get(ticket.0, ticket.1) else { return false };
        let life = LIFETIME.saturating_add(request.wait);
        let issued = request.call.expires.as_micros().saturating_sub(life);
        let early = issued > clock.saturating_add(SKEW_MAX.as_micros());
        let late = request.call.expires.as_micros() < clock;
        if early || late || life > LIFETIME_MAX.as_micros() {
            self.measure.refused_clock += 1;
            let refusal = Refusal::invalid("expires", "the clocks disagree");
            self.reply(ticket, Err(refusal));
            return false;
        }
        true
    }

    /// The coordinator answers.
    pub(super) fn reply(&mut self, ticket: Ticket, answer: Answer) {
        let Some(request) = self.requests.get_mut(ticket.0, ticket.1) else { return };
        if request.abandoned {
            self.requests.remove(ticket.0, ticket.1);
            return;
        }
        let processes = match &answer {
            Ok(Reply::Assigned { processes, .. }) => processes.len() as u64,
            _ => 0,
        };
        let bytes = ANSWER + PROCESS * processes;
        request.answer = Some(answer);
        request.place = Place::Returning;
        let (node, colony, voter) = (request.node, request.colony, request.voter);
        let Some(office) = self.office(colony) else { return };
        let here = office.voter_node(voter);
        let leader = office.leader.and_then(|leader| office.voter_node(leader));
        let (Some(here), Some(leader)) = (here, leader) else { return };
        let first = if here == leader { Some(0) } else { self.carry(leader, here, bytes, Protocol::Calls) };
        let delay = first.and_then(|first| Some(first + self.carry(here, node, bytes, Protocol::Calls)?));
        match delay {
            Some(delay) => self.plan(delay, Event::Answered(ticket.0, ticket.1)),
            None => {
                if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
                    request.place = Place::Travelling;
                }
                self.cut(ticket);
            }
        }
    }

    /// An answer reaches its client.
    pub(super) fn answered(&mut self, number: u32, generation: u32) {
        let Some(request) = self.requests.get(number, generation) else { return };
        let here = self.office(request.colony).and_then(|office| office.voter_node(request.voter));
        let reached = here.is_some_and(|here| self.path(here, request.node).is_some());
        if !reached && !request.abandoned {
            if let Some(request) = self.requests.get_mut(number, generation) {
                request.place = Place::Travelling;
            }
            return self.later((number, generation));
        }
        let Some(mut request) = self.requests.remove(number, generation) else { return };
        if request.abandoned {
            return;
        }
        let Some(answer) = request.answer.take() else { return };
        match request.client {
            Client::Executor(exec) => self.executor_told(exec, &request, answer),
            Client::Stream(stream, submission) => self.stream_told(stream, submission, &request, answer),
        }
    }

    /// Nobody waits for this request any more.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
            request.abandoned = true;
        }
    }
}

/// About how large a request is.
pub(super) fn bytes_of(command: &Command) -> u64 {
    REQUEST
        + ITEM
            * match command {
                Command::Submit { items } => items.len() as u64,
                Command::SubmitWorkflow { spec, .. } => spec.nodes.len() as u64,
                Command::Close { items } => items.len() as u64,
                Command::Release { items } => items.len() as u64,
                Command::Renew { leases } => leases.len() as u64 / 4,
                _ => 0,
            }
}
