//! The succession of coordinators, with the shipped patience.
//!
//! Heartbeats are not simulated one by one: while a coordinator and its voters hear each other they change nothing. When
//! something changes about who hears whom ([`World::stir`]), each voter that hears no coordinator gets the patience it
//! would have, counted from a heartbeat it may last have heard, and up to the next time at which the shipped consensus
//! engine looks ([`tick`]). Votes are messages with delays and disk writes; who
//! lacks an entry that a voter has does not get its vote; who cannot reach a quorum calls no election.

use colony_protocol::timing::Timing;

use super::{Event, World, measure::What, node::Protocol, office::Flight};

/// Bytes of a vote and of its answer.
const VOTE: u64 = 120;

/// One of a quorum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voter {
    pub(super) node: u32,
    /// The last term it voted in.
    voted: u32,
    /// Grows with each new patience; what was planned for an earlier one is void.
    patience: u32,
    /// Whether it is losing its patience.
    armed: bool,
}

impl Voter {
    pub(super) const fn new(node: u32) -> Self {
        Self { node, voted: 1, patience: 0, armed: false }
    }
}

/// Between two looks of the shipped consensus engine at what is due: heartbeats are sent and elections called only then.
fn tick(timing: Timing) -> u64 {
    timing.heartbeat().as_micros() as u64 * 3 / 2
}

impl World {
    /// Who hears whom may have changed: in one colony.
    pub(super) fn stir(&mut self, colony: u16) {
        let Some(office) = self.office(colony) else { return };
        let lost_at = office.lost_at;
        if let Some(leader) = office.leader_node() {
            if !self.node(leader).is_some_and(|node| node.up) {
                self.coordinator_gone(colony);
            } else if !self.reaches_quorum(colony, leader) {
                if lost_at.is_none() {
                    self.lose(colony);
                    let Some(office) = self.office(colony) else { return };
                    let silence = office.timing.quorum_silence_max().as_micros() as u64;
                    let epoch = office.epoch;
                    self.plan(silence, Event::StepDown(colony, epoch));
                }
            } else {
                // With an entry on its way it is for the entry to show that others can be committed.
                let idle = self.office(colony).is_some_and(|office| office.flight.is_none());
                if let Some(lost_at) = lost_at.filter(|_| idle) {
                    self.available(colony, lost_at);
                }
                self.replicate(colony);
                self.unpark(colony);
            }
        }
        let voters = self.office(colony).map_or(0, |office| office.voters.len());
        for voter in 0..voters as u16 {
            if self.hears(colony, voter) {
                if let Some(voter) = self.voter_mut(colony, voter) {
                    (voter.armed, voter.patience) = (false, voter.patience + 1);
                }
            } else {
                self.arm(colony, voter);
            }
        }
    }

    /// In all colonies.
    pub(super) fn stir_all(&mut self) {
        for colony in 0..self.offices.len() as u16 {
            self.stir(colony);
        }
    }

    fn voter_mut(&mut self, colony: u16, voter: u16) -> Option<&mut Voter> {
        self.office_mut(colony)?.voters.get_mut(usize::from(voter))
    }

    /// Whether a voter coordinates, or hears whoever does.
    fn hears(&self, colony: u16, voter: u16) -> bool {
        let Some(office) = self.office(colony) else { return false };
        let (Some(leader), Some(node)) = (office.leader_node(), office.voter_node(voter)) else {
            return false;
        };
        leader == node || self.path(leader, node).is_some()
    }

    fn reaches_quorum(&self, colony: u16, node: u32) -> bool {
        let Some(office) = self.office(colony) else { return false };
        let reached = office.voters.iter();
        let reached = reached.filter(|voter| voter.node == node || self.path(node, voter.node).is_some());
        reached.count() >= office.quorum()
    }

    /// Gives a voter that hears no coordinator the patience it has, if it runs and has none.
    fn arm(&mut self, colony: u16, voter: u16) {
        let Some(office) = self.office(colony) else { return };
        let timing = office.timing;
        let Some(state) = office.voters.get(usize::from(voter)).copied() else { return };
        let up = self.node(state.node).is_some_and(|node| node.up);
        if state.armed || !up || !self.reaches_quorum(colony, state.node) {
            return;
        }
        let micros = |duration: std::time::Duration| duration.as_micros() as u64;
        let ago = self.chance.below(tick(timing));
        let (low, high) = (micros(timing.election_min()), micros(timing.election_max()));
        let patience = (high + self.chance.between(low, high)).saturating_sub(ago);
        let patience = patience + self.chance.below(tick(timing));
        if let Some(voter) = self.voter_mut(colony, voter) {
            (voter.armed, voter.patience) = (true, voter.patience + 1);
        }
        self.plan(patience, Event::Impatient(colony, voter, state.patience + 1));
    }

    /// The coordinator stopped: what it had in memory is gone.
    fn coordinator_gone(&mut self, colony: u16) {
        let now = self.now();
        if self.office(colony).is_some_and(|office| office.lost_at.is_none()) {
            self.lose(colony);
        }
        let Some(office) = self.office_mut(colony) else { return };
        let gone = office.leader.take();
        office.epoch += 1;
        if let (Some(gone), Some(flight)) = (gone, &mut office.flight) {
            flight.interrupted(gone, now);
        }
        let tickets = office.in_memory();
        for ticket in tickets {
            self.cut(ticket);
        }
    }

    fn lose(&mut self, colony: u16) {
        let now = self.now();
        let Some(office) = self.office_mut(colony) else { return };
        office.lost_at = Some(now);
        let (node, term) = (office.leader_node().unwrap_or_default(), u64::from(office.term));
        self.note(What::Lost, colony, node, term, 0);
    }

    /// Entries can be committed again.
    pub(super) fn available(&mut self, colony: u16, lost_at: u64) {
        let now = self.now();
        let Some(office) = self.office_mut(colony) else { return };
        office.lost_at = None;
        let (node, term) = (office.leader_node().unwrap_or_default(), u64::from(office.term));
        self.measure.unavailability.add(now.saturating_sub(lost_at));
        self.measure.windows.push((colony, lost_at, now));
        self.note(What::Available, colony, node, term, now.saturating_sub(lost_at));
    }

    pub(super) fn step_down(&mut self, colony: u16, epoch: u32) {
        let Some(office) = self.office(colony).filter(|office| office.epoch == epoch) else { return };
        let Some(leader) = office.leader_node() else { return };
        if !self.reaches_quorum(colony, leader) {
            self.coordinator_gone(colony);
            self.stir(colony);
        }
    }

    /// A voter calls an election.
    pub(super) fn impatient(&mut self, colony: u16, voter: u16, patience: u32) {
        let Some(office) = self.office(colony) else { return };
        let Some(state) = office.voters.get(usize::from(voter)).copied() else { return };
        if state.patience != patience || !state.armed {
            return;
        }
        if let Some(voter) = self.voter_mut(colony, voter) {
            voter.armed = false;
        }
        let up = self.node(state.node).is_some_and(|node| node.up);
        if !up || self.hears(colony, voter) || !self.reaches_quorum(colony, state.node) {
            return;
        }
        let Some(term) = self.office(colony).and_then(|office| {
            office.voters.iter().map(|voter| voter.voted).max().map(|term| term.max(office.term) + 1)
        }) else {
            return;
        };
        let votes = self.campaign(colony, voter, term);
        let quorum = self.office(colony).map_or(1, super::office::Office::quorum);
        if let Some(delay) = votes.get(quorum - 1) {
            self.plan(*delay, Event::Elected(colony, voter, term));
        }
        // If this election comes to nothing there will be another.
        self.arm(colony, voter);
    }

    /// When the votes arrive, in order.
    fn campaign(&mut self, colony: u16, candidate: u16, term: u32) -> Vec<u64> {
        let now = self.now();
        let Some(office) = self.office(colony) else { return Vec::new() };
        let Some(from) = office.voter_node(candidate) else { return Vec::new() };
        let voters = office.voters.clone();
        let has = |voter: usize| {
            let stored =
                office.flight.as_ref().and_then(|flight| flight.stored.get(voter).copied().flatten());
            stored.is_some_and(|stored| stored <= now)
        };
        let entries: Vec<bool> = (0..voters.len()).map(has).collect();
        let own = entries.get(usize::from(candidate)).copied().unwrap_or(false);
        // It votes for itself for good before it asks anybody.
        let own_vote = self.commits(from, 1);
        let mut votes = vec![own_vote];
        if let Some(voter) = self.voter_mut(colony, candidate) {
            voter.voted = term;
        }
        for (place, voter) in voters.iter().enumerate() {
            if voter.node == from || voter.voted >= term || self.hears(colony, place as u16) {
                continue;
            }
            let newer = entries.get(place).copied().unwrap_or(false) && !own;
            let there = self.carry(from, voter.node, VOTE, Protocol::Replication);
            let Some(there) = there.filter(|_| !newer) else { continue };
            let written = self.commits(voter.node, 1);
            if let Some(voter) = self.voter_mut(colony, place as u16) {
                voter.voted = term;
            }
            if let Some(back) = self.carry(voter.node, from, VOTE, Protocol::Replication) {
                votes.push(own_vote + there + written + back);
            }
        }
        votes.sort_unstable();
        votes
    }

    /// A voter has enough votes, unless a later election overtook it.
    pub(super) fn elected(&mut self, colony: u16, voter: u16, term: u32) {
        let now = self.now();
        let Some(office) = self.office(colony) else { return };
        let latest = office.voters.iter().map(|voter| voter.voted).max().unwrap_or_default();
        let Some(node) = office.voter_node(voter) else { return };
        let up = self.node(node).is_some_and(|node| node.up);
        if latest > term || office.term >= term || !up || !self.reaches_quorum(colony, node) {
            return;
        }
        if office.leader.is_some() {
            // Cut off from a quorum, it only does not know yet.
            self.coordinator_gone(colony);
        }
        let Some(office) = self.office_mut(colony) else { return };
        (office.leader, office.term, office.epoch) = (Some(voter), term, office.epoch + 1);
        office.greets = true;
        office.publisher.forget();
        // An entry that the new coordinator has becomes final with its term; one that it lacks is gone.
        let place = usize::from(voter);
        let has = |stored: &[Option<u64>]| stored.get(place).copied().flatten().is_some_and(|at| at <= now);
        let (at, voters) = (office.last_at, office.voters.len());
        let left = office.flight.take().filter(|flight| has(&flight.stored));
        let mut first = left.unwrap_or_else(|| Flight::blank(at, voters));
        first.inherit();
        office.flight = Some(first);
        let since = office.lost_at.map_or(0, |lost| now.saturating_sub(lost));
        self.measure.elections.add(since);
        self.note(What::Elected, colony, node, u64::from(term), since);
        self.replicate(colony);
        self.stir(colony);
        self.plan_look(colony);
    }

    /// What waited for a coordinator goes to it.
    fn unpark(&mut self, colony: u16) {
        let Some(office) = self.office_mut(colony) else { return };
        let Some(leader) = office.leader else { return };
        let parked = std::mem::take(&mut office.parked);
        let there = office.voter_node(leader).unwrap_or_default();
        for ticket in parked {
            let Some(request) = self.requests.get(ticket.0, ticket.1) else { continue };
            if request.place != super::calls::Place::Parked {
                continue;
            }
            let from =
                self.office(colony).and_then(|office| office.voter_node(request.voter)).unwrap_or_default();
            let bytes = super::calls::bytes_of(&request.call.command);
            let delay = if from == there { Some(1) } else { self.carry(from, there, bytes, Protocol::Calls) };
            match delay {
                Some(delay) => {
                    if let Some(request) = self.requests.get_mut(ticket.0, ticket.1) {
                        request.place = super::calls::Place::Travelling;
                    }
                    self.plan(delay, Event::Arrive(ticket.0, ticket.1, leader));
                }
                None => {
                    if let Some(office) = self.office_mut(colony) {
                        office.parked.push(ticket);
                    }
                }
            }
        }
    }
}
