//! A colony's coordinator: requests in, entries out, through the rules that ship.
//!
//! One entry is on its way at a time, as in the shipped coordinator; what arrives meanwhile makes the next. An entry is
//! applied when a quorum has it on disk, and only then is anybody told. The state is one `Colony`: all members that
//! applied the same entries are in the same state, which other tests prove.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use colony_protocol::{
    announcement::Publisher,
    colony::{Call, Colony, Event as CoreEvent, Outbox},
    command::Command,
    identity::Identity,
    model::{Name, State},
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
    timing::Timing,
};

use super::{
    Event, World,
    calls::{Answer, Place, Ticket, bytes_of},
    election::Voter,
    measure::{Life, What},
    mesh::Mesh,
    node::Protocol,
};
use crate::{chance::Chance, lab::dice};

/// How long who was heard may stay unrecorded, as in the shipped coordinator.
const HEARD_DELAY: u64 = 15_000_000;
/// Bytes of an entry around its requests.
const ENTRY: u64 = 200;
/// Bytes of a member's answer.
const ACK: u64 = 60;
/// Syncs of the disk for each commit of the shipped store, which commits in two phases; the emulator, whose disks count
/// them, is asked whether that is so.
pub const COMMIT_SYNCS: u64 = 2;

/// An entry on its way.
#[derive(Debug)]
pub(super) struct Flight {
    at: u64,
    heard: Vec<Identity>,
    pub(super) calls: Vec<(Ticket, Call)>,
    /// When each voter has it on disk.
    pub(super) stored: Vec<Option<u64>>,
    /// When the coordinator knows.
    known: Vec<Option<u64>>,
    bytes: u64,
    /// The first of its term: everybody writes down first that it follows this coordinator.
    opens: bool,
}

impl Flight {
    /// What a new coordinator enters before anything else: nothing.
    pub(super) fn blank(at: u64, voters: usize) -> Self {
        let (stored, known) = (vec![None; voters], vec![None; voters]);
        Self { at, heard: Vec::new(), calls: Vec::new(), stored, known, bytes: ENTRY, opens: true }
    }

    /// Whoever coordinated is gone: before it had the entry itself it sent it to nobody.
    pub(super) fn interrupted(&mut self, coordinator: u16, now: u64) {
        let own = self.stored.get(usize::from(coordinator)).copied().flatten();
        if own.is_none_or(|own| own > now) {
            self.stored.iter_mut().for_each(|stored| *stored = None);
        }
    }

    /// It goes on under another coordinator.
    pub(super) fn inherit(&mut self) {
        self.known.iter_mut().for_each(|known| *known = None);
        self.opens = true;
    }
}

/// One colony.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) core: Colony,
    pub(super) timing: Timing,
    pub(super) voters: Vec<Voter>,
    pub(super) leader: Option<u16>,
    pub(super) term: u32,
    /// Grows with each change of the coordinator; what was planned for an earlier one is void.
    pub(super) epoch: u32,
    pub(super) flight: Option<Flight>,
    pub(super) pending: Vec<Ticket>,
    pub(super) parked: Vec<Ticket>,
    pub(super) waiters: BTreeMap<Name, VecDeque<Ticket>>,
    /// Holders are given a fresh start with the first entry.
    pub(super) greets: bool,
    /// Since when nothing can be committed.
    pub(super) lost_at: Option<u64>,
    promised: BTreeMap<Ticket, Vec<u64>>,
    pub(super) reserved: BTreeSet<u64>,
    heard: BTreeSet<Identity>,
    record_planned: bool,
    pub(super) last_at: u64,
    deadline: u64,
    pub(super) publisher: Publisher,
    /// The last process of each type that was announced.
    pub(super) announced: BTreeMap<Name, u64>,
    pub(super) looked: u64,
    pub(super) look_planned: bool,
    pub(super) mesh: Mesh,
    pub(super) lives: Vec<Life>,
    pub(super) ended: u64,
    pub(super) running: u64,
}

impl Office {
    /// A colony that was founded already.
    pub(super) fn new(core: Colony, timing: Timing, voters: Vec<Voter>, mesh: Mesh) -> Self {
        Self {
            core,
            timing,
            voters,
            leader: Some(0),
            term: 1,
            epoch: 0,
            flight: None,
            pending: Vec::new(),
            parked: Vec::new(),
            waiters: BTreeMap::new(),
            greets: false,
            lost_at: None,
            promised: BTreeMap::new(),
            reserved: BTreeSet::new(),
            heard: BTreeSet::new(),
            record_planned: false,
            last_at: super::START,
            deadline: u64::MAX,
            publisher: Publisher::default(),
            announced: BTreeMap::new(),
            looked: 0,
            look_planned: false,
            mesh,
            lives: Vec::new(),
            ended: 0,
            running: 0,
        }
    }

    pub(super) fn voter_node(&self, voter: u16) -> Option<u32> {
        self.voters.get(usize::from(voter)).map(|voter| voter.node)
    }

    pub(super) fn leader_node(&self) -> Option<u32> {
        self.leader.and_then(|leader| self.voter_node(leader))
    }

    pub(super) fn quorum(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// Whether all its work has ended.
    pub(super) fn is_quiet(&self) -> bool {
        self.ended == self.lives.len() as u64 && self.flight.is_none() && self.pending.is_empty()
    }

    /// All requests that the coordinator has in memory, which are lost with it.
    pub(super) fn in_memory(&mut self) -> Vec<Ticket> {
        let mut tickets = std::mem::take(&mut self.pending);
        for queue in std::mem::take(&mut self.waiters).into_values() {
            tickets.extend(queue);
        }
        tickets.extend(self.flight.iter().flat_map(|flight| flight.calls.iter().map(|(ticket, _)| *ticket)));
        self.promised.clear();
        self.reserved.clear();
        self.heard.clear();
        self.record_planned = false;
        self.look_planned = false;
        tickets
    }

    pub(super) fn life(&mut self, number: u64) -> Option<&mut Life> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lives.get_mut(place)
    }
}

impl World {
    /// A request is at the coordinator.
    pub(super) fn receive(&mut self, colony: u16, ticket: Ticket) {
        let now = self.now();
        let Some(leader) = self.office(colony).and_then(Office::leader_node) else { return };
        let clock = self.node(leader).map_or(0, |node| node.clock(now));
        if !self.is_timely(ticket, clock) {
            return;
        }
        let Some(request) = self.requests.get_mut(ticket.0, ticket.1) else { return };
        let (by, command, wait) = (request.call.by, request.call.command.clone(), request.wait);
        let called = request.called;
        request.place = Place::Proposed;
        if matches!(&*command, Command::Assign(_)) {
            self.measure.asks += 1;
            self.measure.asks_called += u64::from(called);
            match self.promise(colony, ticket) {
                Err(refusal) => return self.reply(ticket, Err(refusal)),
                Ok(true) => {}
                Ok(false) => {
                    self.heard(colony, by);
                    if wait == 0 {
                        let nothing = Reply::Assigned { processes: Vec::new(), paused: false };
                        return self.reply(ticket, Ok(nothing));
                    }
                    return self.wait(colony, ticket, &by, wait);
                }
            }
        }
        if let Some(office) = self.office_mut(colony) {
            office.pending.push(ticket);
        }
        self.propose(colony, false);
    }

    /// Looks whether there is work for an ask, and keeps it for it.
    fn promise(&mut self, colony: u16, ticket: Ticket) -> Result<bool, Refusal> {
        let Some(request) = self.requests.get(ticket.0, ticket.1) else { return Ok(false) };
        let (by, command) = (request.call.by, request.call.command.clone());
        let Command::Assign(ask) = &*command else { return Ok(false) };
        let Some(office) = self.office_mut(colony) else { return Ok(false) };
        let found = office.core.candidates(&by, ask, &office.reserved, usize::from(ask.max))?;
        if found.is_empty() {
            return Ok(false);
        }
        office.reserved.extend(found.iter().copied());
        office.promised.insert(ticket, found);
        Ok(true)
    }

    /// An ask waits at the coordinator.
    fn wait(&mut self, colony: u16, ticket: Ticket, by: &Identity, wait: u64) {
        let Some(office) = self.office_mut(colony) else { return };
        let Some(executor_type) = office.core.executor(by).map(|row| row.executor_type.clone()) else {
            return;
        };
        office.waiters.entry(executor_type).or_default().push_back(ticket);
        if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
            request.place = Place::Waiting;
        }
        self.plan(wait, Event::WaitEnds(ticket.0, ticket.1));
    }

    pub(super) fn wait_ends(&mut self, number: u32, generation: u32) {
        let Some(request) = self.requests.get(number, generation) else { return };
        if request.place == Place::Waiting {
            let nothing = Reply::Assigned { processes: Vec::new(), paused: false };
            self.reply((number, generation), Ok(nothing));
        }
    }

    /// Work of a type is ready: those who wait get it, first come, first served.
    fn wake(&mut self, colony: u16, executor_type: &Name) {
        loop {
            let Some(queue) =
                self.office_mut(colony).and_then(|office| office.waiters.get_mut(executor_type))
            else {
                return;
            };
            let Some(ticket) = queue.front().copied() else { return };
            let waits = self.requests.get(ticket.0, ticket.1);
            let waits = waits.is_some_and(|request| request.place == Place::Waiting && !request.abandoned);
            let answer = if waits { self.promise(colony, ticket) } else { Ok(true) };
            if matches!(answer, Ok(false)) {
                return;
            }
            if let Some(office) = self.office_mut(colony) {
                if let Some(queue) = office.waiters.get_mut(executor_type) {
                    queue.pop_front();
                }
                if waits && answer.is_ok() {
                    office.pending.push(ticket);
                }
            }
            match answer {
                Err(refusal) => self.reply(ticket, Err(refusal)),
                Ok(_) if waits => {
                    if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
                        request.place = Place::Proposed;
                    }
                }
                Ok(_) => {}
            }
        }
    }

    /// An executor was heard, without an entry.
    fn heard(&mut self, colony: u16, by: Identity) {
        let Some(office) = self.office_mut(colony) else { return };
        office.heard.insert(by);
        if !office.record_planned {
            office.record_planned = true;
            let epoch = office.epoch;
            self.plan(HEARD_DELAY, Event::Record(colony, epoch));
        }
    }

    pub(super) fn record_heard(&mut self, colony: u16, epoch: u32) {
        let Some(office) = self.office_mut(colony).filter(|office| office.epoch == epoch) else { return };
        office.record_planned = false;
        self.propose(colony, true);
    }

    pub(super) fn deadline(&mut self, colony: u16) {
        if let Some(office) = self.office_mut(colony) {
            office.deadline = u64::MAX;
        }
        self.propose(colony, false);
    }

    /// Makes an entry of what waits, if none is on its way.
    pub(super) fn propose(&mut self, colony: u16, force: bool) {
        let now = self.now();
        let Some(office) = self.office(colony).filter(|office| office.flight.is_none()) else { return };
        let Some(leader) = office.leader_node() else { return };
        let clock = self.node(leader).map_or(0, |node| node.clock(now));
        let Some(office) = self.office_mut(colony) else { return };
        let at = clock.max(office.last_at);
        let due = office.core.next_deadline().is_some_and(|due| due.as_micros() <= at);
        let force = (force && !office.heard.is_empty()) || office.greets;
        if office.pending.is_empty() && !due && !force {
            return self.plan_deadline(colony, leader);
        }
        let mut heard = std::mem::take(&mut office.heard);
        if std::mem::take(&mut office.greets) {
            let leases = office.core.live_processes().filter_map(|process| process.lease);
            heard.extend(leases.map(|lease| lease.holder));
        }
        let tickets = std::mem::take(&mut office.pending);
        let term = u64::from(office.term);
        let voters = office.voters.len();
        let calls = tickets.into_iter().filter_map(|ticket| {
            let request = self.requests.get(ticket.0, ticket.1)?;
            Some((ticket, Call { term, ..request.call.clone() }))
        });
        let calls: Vec<(Ticket, Call)> = calls.collect();
        let bytes = ENTRY + calls.iter().map(|(_, call)| bytes_of(&call.command)).sum::<u64>();
        let (stored, known) = (vec![None; voters], vec![None; voters]);
        let flight =
            Flight { at, heard: heard.into_iter().collect(), calls, stored, known, bytes, opens: false };
        if let Some(office) = self.office_mut(colony) {
            office.flight = Some(flight);
        }
        self.replicate(colony);
    }

    /// Sends the entry under way to those who do not have it, and plans its commit. As in the shipped consensus, others get
    /// it once the coordinator has it for good.
    pub(super) fn replicate(&mut self, colony: u16) {
        let now = self.now();
        let Some(office) = self.office(colony) else { return };
        let (Some(flight), Some(leader)) = (&office.flight, office.leader_node()) else { return };
        let (mut stored, mut known) = (flight.stored.clone(), flight.known.clone());
        let (bytes, commits) = (flight.bytes, 1 + u64::from(flight.opens));
        let nodes: Vec<u32> = office.voters.iter().map(|voter| voter.node).collect();
        let (quorum, epoch) = (office.quorum(), office.epoch);
        let own = nodes.iter().position(|node| *node == leader).unwrap_or_default();
        let begun = stored.get(own).copied().flatten();
        let begun = begun.unwrap_or_else(|| now + self.commits(leader, commits)).max(now);
        for ((place, stored), known) in nodes.iter().zip(&mut stored).zip(&mut known) {
            if known.is_some_and(|known| known > now) {
                continue;
            }
            if *place == leader {
                (*stored, *known) = (stored.or(Some(begun)), known.or(Some(begun)));
                continue;
            }
            let Some(sent) = self.carry(leader, *place, bytes, Protocol::Replication) else { continue };
            let there = begun + sent + self.commits(*place, commits);
            if let Some(back) = self.carry(*place, leader, ACK, Protocol::Replication) {
                (*stored, *known) = (stored.or(Some(there)), Some(there + back));
            }
        }
        // Who cannot be heard now counts only when it is heard again.
        let heard = nodes
            .iter()
            .zip(&known)
            .filter(|(node, _)| **node == leader || self.path(leader, **node).is_some());
        let mut times: Vec<u64> = heard.filter_map(|(_, known)| *known).collect();
        times.sort_unstable();
        if let Some(flight) = self.office_mut(colony).and_then(|office| office.flight.as_mut()) {
            (flight.stored, flight.known) = (stored, known);
        }
        if let Some(at) = times.get(quorum - 1) {
            self.plan(at.saturating_sub(now), Event::Committed(colony, epoch));
        }
    }

    /// How long so many commits of a voter's store take, one after the other.
    pub(super) fn commits(&mut self, node: u32, count: u64) -> u64 {
        let group = self.node(node).map_or(0, |node| usize::from(node.group));
        let Some(disk) = self.plan.scenario.nodes.get(group).map(|nodes| nodes.disk) else { return 0 };
        let sync = |chance: &mut Chance| match dice::happens(chance, disk.slow_share) {
            true => disk.slow.0,
            false => disk.fsync.0 / 2 + chance.below(disk.fsync.0 + 1),
        };
        (0..count * COMMIT_SYNCS).map(|_| sync(&mut self.chance)).sum()
    }

    /// The entry under way is on enough disks, if those who said so can still be heard.
    pub(super) fn committed(&mut self, colony: u16, epoch: u32) {
        let now = self.now();
        let Some(office) = self.office(colony).filter(|office| office.epoch == epoch) else { return };
        let (Some(leader), Some(flight)) = (office.leader_node(), &office.flight) else { return };
        let known = office.voters.iter().zip(&flight.known).filter(|(voter, known)| {
            let heard = known.is_some_and(|known| known <= now);
            heard && (voter.node == leader || self.path(leader, voter.node).is_some())
        });
        // Not yet, or cut off meanwhile: then it is sent again when they meet.
        if known.count() < office.quorum() {
            return;
        }
        let stored = flight.stored.iter().flatten().filter(|stored| **stored <= now).count();
        let (quorum, lost_at) = (office.quorum(), office.lost_at);
        self.measure.acknowledged_without_quorum += u64::from(stored < quorum);
        if let Some(lost_at) = lost_at {
            self.available(colony, lost_at);
        }
        let Some(flight) = self.office_mut(colony).and_then(|office| office.flight.take()) else { return };
        self.apply(colony, flight);
        self.plan_look(colony);
        self.propose(colony, false);
    }

    fn apply(&mut self, colony: u16, flight: Flight) {
        self.measure.entries += 1;
        self.measure.entry_requests += flight.calls.len() as u64;
        if flight.opens && flight.calls.is_empty() && flight.heard.is_empty() {
            return;
        }
        let mut out = Outbox::default();
        let at = Timestamp::from_micros(flight.at);
        if let Some(office) = self.office_mut(colony) {
            office.last_at = flight.at;
            office.core.begin(at, &flight.heard, &mut out);
        }
        let mut ready = BTreeSet::new();
        self.observe(colony, &mut out, &mut ready);
        for (ticket, call) in flight.calls {
            let Some(office) = self.office_mut(colony) else { return };
            let answer = office.core.apply(&call, &mut out);
            for number in office.promised.remove(&ticket).into_iter().flatten() {
                office.reserved.remove(&number);
            }
            self.enter(colony, ticket, &call, &answer);
            self.observe(colony, &mut out, &mut ready);
            let proposed = self.requests.get(ticket.0, ticket.1);
            if proposed.is_some_and(|request| request.place == Place::Proposed) {
                self.reply(ticket, answer);
            }
        }
        for executor_type in ready {
            self.wake(colony, &executor_type);
        }
    }

    /// Writes down what a request did.
    fn enter(&mut self, colony: u16, ticket: Ticket, call: &Call, answer: &Answer) {
        let now = self.now();
        let asked = self.requests.get(ticket.0, ticket.1).map(|request| (request.asked, request.node));
        let (asked, node) = asked.unwrap_or((now, 0));
        match answer {
            Ok(Reply::Submitted(ids) | Reply::WorkflowSubmitted { processes: ids, .. }) => {
                for id in ids {
                    let Some(office) = self.office_mut(colony) else { return };
                    if id.number() > office.lives.len() as u64 {
                        let entered = office.last_at;
                        office.lives.push(Life {
                            asked,
                            entered,
                            assigned: 0,
                            ended: 0,
                            grants: 0,
                            results: 0,
                            runs: false,
                            acknowledged: false,
                            state: State::Waiting,
                        });
                        self.note(What::Submitted, colony, node, id.number(), now.saturating_sub(asked));
                    }
                }
            }
            Ok(Reply::Assigned { processes, .. }) => {
                for process in processes {
                    let Some(office) = self.office_mut(colony) else { return };
                    // A repeated answer names the same token.
                    let Some(life) = office.life(process.number()) else { continue };
                    if u64::from(life.grants) < process.token {
                        life.grants = life.grants.saturating_add(1);
                        life.runs = true;
                        office.running += 1;
                        let waited = process.started_at.map(|start| start.since(process.submitted_at));
                        self.measure.grants += 1;
                        self.measure.wait.add(waited.map_or(0, |waited| waited.as_micros()));
                    }
                }
            }
            Ok(Reply::Closed(outcomes)) => {
                let Command::Close { items } = &*call.command else { return };
                for (item, outcome) in items.into_iter().zip(outcomes) {
                    let number = item.lease.process.number();
                    if outcome.is_err() {
                        self.measure.results_refused += 1;
                        self.note(What::Refused, colony, node, number, item.lease.token);
                    }
                }
            }
            _ => {}
        }
    }

    /// Looks at what happened in the rules.
    fn observe(&mut self, colony: u16, out: &mut Outbox, ready: &mut BTreeSet<Name>) {
        out.changes.clear();
        for event in std::mem::take(&mut out.events) {
            match event {
                CoreEvent::Ready { executor_type, .. } => {
                    ready.insert(executor_type);
                }
                CoreEvent::LeaseLost { process, holder } => {
                    self.lease_lost(colony, process.number(), &holder);
                }
                CoreEvent::Process { process, state } if state.is_terminal() => {
                    self.process_ended(colony, process.number(), state);
                }
                _ => {}
            }
        }
    }

    fn process_ended(&mut self, colony: u16, number: u64, state: State) {
        let now = self.now();
        let Some(office) = self.office_mut(colony) else { return };
        let clock = office.last_at;
        // Submitted by the request that is just being applied.
        let Some(life) = office.life(number) else { return };
        life.results = life.results.saturating_add(1);
        let first = life.ended == 0;
        (life.ended, life.state) = (now, state);
        let in_colony = clock.saturating_sub(life.entered);
        let (turnaround, ran) = (now.saturating_sub(life.asked), std::mem::take(&mut life.runs));
        office.ended += u64::from(first);
        office.running -= u64::from(ran);
        self.measure.last_end = now;
        self.measure.turnaround.add(turnaround);
        self.measure.in_colony.add(in_colony);
        let what = if state == State::Success { What::Succeeded } else { What::Failed };
        self.note(what, colony, 0, number, turnaround);
    }

    fn lease_lost(&mut self, colony: u16, number: u64, holder: &Identity) {
        self.measure.leases_lost += 1;
        let exec = self.exec_of(holder);
        let silent = exec.is_some_and(|exec| self.is_silent_as_planned(exec));
        self.measure.leases_lost_to_silence += u64::from(silent);
        let node = exec.and_then(|exec| self.exec(exec)).map_or(0, |exec| exec.node);
        if let Some(office) = self.office_mut(colony) {
            let ran = office.life(number).is_some_and(|life| std::mem::take(&mut life.runs));
            office.running -= u64::from(ran);
        }
        self.note(What::LeaseLost, colony, node, number, u64::from(silent));
    }

    /// Plans to let time pass when the next deadline is due by the coordinator's clock.
    fn plan_deadline(&mut self, colony: u16, leader: u32) {
        let now = self.now();
        let Some(due) = self.office(colony).and_then(|office| office.core.next_deadline()) else { return };
        let at = now + self.node(leader).map_or(0, |node| node.until(due.as_micros(), now)).max(1);
        let Some(office) = self.office_mut(colony) else { return };
        if at < office.deadline || office.deadline <= now {
            office.deadline = at;
            self.plan(at - now, Event::Deadline(colony));
        }
    }
}
