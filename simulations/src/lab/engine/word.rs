//! Announcements: when the coordinator speaks, how its word travels through the mesh, who answers.
//!
//! What is said and when is decided by shipped code: `Colony::waiting` and `Publisher`. A word's way through the mesh is
//! worked out at once, as the order in which it reaches each listener; it changes nothing but when executors ask. Who did
//! not hear it from a neighbour hears it with the next heartbeat from one of the others it gossips with.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use colony_protocol::{
    announcement::{
        Listener, Speak, WaitingWork,
        mesh::{HEARTBEAT, PEERS},
    },
    bounded::Text,
    identity::Identity,
    time::{Span, Timestamp},
    timing::Timing,
};

use super::{Event, World, measure::What, mesh::Mesh, node::Protocol};
use crate::lab::dice;

/// Between two looks at what waits, as the shipped announcer has it.
const LOOK_GAP: u64 = 10_000;
/// An executor that was heard within this time is taken to be there, as the shipped announcer has it.
const THERE_FOR: Span = Span::from_secs(90);
/// Peers that are told of a message in each heartbeat beside the neighbours: gossipsub's lazy part.
const LAZY: u64 = 6;
/// Peers that a shipped node holds connections with, at most. Its own word it tells all of them that listen, neighbours or
/// not, and executors stay connected with the nodes they know: whole nodes after fifteen idle minutes, too.
const CONNECTIONS: u64 = 4_096;
/// Bytes around an announcement: author, number, two signatures, topic.
const FRAME: u64 = 330;
/// Bytes of a kind of work in it.
const KIND: u64 = 70;

/// The way of one word: when each listener has it, and over how many hops.
#[derive(Debug)]
struct Way {
    arrivals: Vec<Option<(u64, u32)>>,
}

impl World {
    /// Whether an executor hears announcements.
    pub(super) fn can_hear(&self, exec: u32) -> bool {
        if !self.plan.scenario.rules.announcements {
            return false;
        }
        let Some(node) = self.exec(exec).and_then(|exec| self.node(exec.node)) else { return false };
        self.office(node.colony).is_some_and(|office| office.mesh.listeners.len() > 1)
    }

    /// Something about the queue has changed: the coordinator will look at it.
    pub(super) fn plan_look(&mut self, colony: u16) {
        let now = self.now();
        if !self.plan.scenario.rules.announcements {
            return;
        }
        let Some(office) = self.office_mut(colony) else { return };
        if !office.look_planned {
            office.look_planned = true;
            let delay = (office.looked + LOOK_GAP).saturating_sub(now);
            let epoch = office.epoch;
            self.plan(delay, Event::Look(colony, epoch));
        }
    }

    pub(super) fn look(&mut self, colony: u16, epoch: u32) {
        let now = self.now();
        let Some(office) = self.office(colony).filter(|office| office.epoch == epoch) else { return };
        let Some(leader) = office.leader_node() else { return };
        let clock = self.node(leader).map_or(0, |node| node.clock(now));
        let Some(office) = self.office_mut(colony) else { return };
        (office.look_planned, office.looked) = (false, now);
        let since = Timestamp::from_micros(clock).before(THERE_FOR);
        let waiting = office.core.waiting(&office.reserved, since);
        let steady = Duration::from_micros(now);
        match office.publisher.look(steady, &waiting) {
            Speak::Never => {}
            Speak::At(next) => {
                office.look_planned = true;
                let delay = next.saturating_sub(steady).as_micros() as u64;
                self.plan(delay, Event::Look(colony, epoch));
            }
            Speak::Now => {
                let waiting = waiting.into_vec();
                let mut fresh = 0;
                for work in &waiting {
                    let before =
                        office.announced.insert(work.executor_type.clone(), work.wave).unwrap_or_default();
                    fresh += work.count.min(work.wave.saturating_sub(before));
                }
                office.publisher.said(steady, waiting.clone());
                self.measure.announced += fresh;
                self.speak(colony, leader, &waiting);
            }
        }
    }

    fn speak(&mut self, colony: u16, leader: u32, waiting: &[WaitingWork]) {
        self.measure.announcements += 1;
        let word = self.measure.announcements as u32;
        let count = waiting.iter().map(|work| work.count).sum();
        self.note(What::Announced, colony, leader, u64::from(word), count);
        let Some(office) = self.office_mut(colony) else { return };
        let least = match office.timing {
            Timing::Local => Duration::from_millis(200),
            Timing::Internet => Duration::from_millis(500),
        };
        let pause = Span::from_micros(office.publisher.pause(least).as_micros() as u64);
        let mesh = std::mem::take(&mut office.mesh);
        let bytes = FRAME + KIND * waiting.len() as u64;
        let way = self.spread(&mesh, leader, bytes);
        self.count_hearings(&mesh, leader, &way);
        // One listener of each type, who becomes each executor in turn.
        let mut listeners = self.table.listeners();
        for (place, arrival) in way.arrivals.iter().enumerate() {
            let (Some((delay, _)), Some(node)) = (arrival, mesh.listeners.get(place)) else { continue };
            if let Some(exec) = self.table.exec_at.get(*node as usize).copied().flatten() {
                self.hear(exec, (word, *delay), (waiting, pause), &mut listeners);
            }
        }
        if let Some(office) = self.office_mut(colony) {
            office.mesh = mesh;
        }
    }

    /// From the coordinator to all it is connected with, and from neighbour to neighbour, the fastest first.
    fn spread(&mut self, mesh: &Mesh, from: u32, bytes: u64) -> Way {
        let mut arrivals: Vec<Option<(u64, u32)>> = vec![None; mesh.listeners.len()];
        // The earliest arrival known of each: a later copy is a duplicate, whatever comes, and takes no place in the order.
        let mut earliest = vec![u64::MAX; mesh.listeners.len()];
        let mut edge = BinaryHeap::new();
        let start = mesh.listeners.iter().position(|node| *node == from);
        if let Some(start) = start {
            edge.push(Reverse((0_u64, start as u32, 0_u32, u32::MAX)));
            if let Some(known) = earliest.get_mut(start) {
                *known = 0;
            }
        }
        while let Some(Reverse((at, place, hops, sender))) = edge.pop() {
            let Some(arrival) = arrivals.get_mut(place as usize) else { continue };
            if arrival.is_some() {
                self.measure.duplicates += 1;
                continue;
            }
            *arrival = Some((at, hops));
            if mesh.honest.get(place as usize) == Some(&false) {
                continue;
            }
            let here = mesh.listeners.get(place as usize).copied().unwrap_or_default();
            let own = if start == Some(place as usize) { self.connected(mesh, place) } else { Vec::new() };
            for next in own.iter().chain(mesh.neighbours.get(place as usize).into_iter().flatten()) {
                let there = mesh.listeners.get(*next as usize).copied().unwrap_or_default();
                if *next == sender {
                    continue;
                }
                let Some(delay) = self.carry(here, there, bytes, Protocol::Gossip) else { continue };
                let Some(known) = earliest.get_mut(*next as usize) else { continue };
                if at + delay > *known {
                    self.measure.duplicates += 1;
                } else {
                    *known = at + delay;
                    edge.push(Reverse((at + delay, *next, hops + 1, place)));
                }
            }
        }
        self.mend(mesh, bytes, &mut arrivals);
        Way { arrivals }
    }

    /// Listeners that a node is connected with, beside its neighbours.
    fn connected(&self, mesh: &Mesh, place: u32) -> Vec<u32> {
        let count = mesh.listeners.len() as u32;
        let neighbours = mesh.neighbours.get(place as usize).map_or(&[][..], Vec::as_slice);
        let chosen = |other: &u32| {
            let lot = dice::hash(self.seed, u64::from(place), u64::from(*other)) % u64::from(count.max(1));
            *other != place && lot < CONNECTIONS && !neighbours.contains(other)
        };
        (0..count).filter(chosen).collect()
    }

    /// Who heard nothing is told of it with a heartbeat by one of those it gossips with, asks, and gets it.
    fn mend(&mut self, mesh: &Mesh, bytes: u64, arrivals: &mut [Option<(u64, u32)>]) {
        let beat = HEARTBEAT.as_micros() as u64;
        let count = arrivals.len() as u64;
        for round in 1..=2_u64 {
            for place in 0..arrivals.len() {
                let node = mesh.listeners.get(place).copied().unwrap_or_default();
                if arrivals.get(place).is_some_and(Option::is_some)
                    || !self.node(node).is_some_and(|node| node.up)
                {
                    continue;
                }
                for lot in 0..LAZY.max(PEERS as u64) {
                    let other = (dice::hash(self.seed ^ round, place as u64, lot) % count.max(1)) as usize;
                    let teller = mesh.listeners.get(other).copied().unwrap_or_default();
                    let honest = mesh.honest.get(other) == Some(&true);
                    let Some((told, hops)) = arrivals.get(other).copied().flatten().filter(|_| honest) else {
                        continue;
                    };
                    if told > round * beat {
                        continue;
                    }
                    let Some(delay) = self.carry(teller, node, bytes, Protocol::Gossip) else { continue };
                    let phase = dice::hash(self.seed, u64::from(teller), 1) % beat;
                    if let Some(arrival) = arrivals.get_mut(place) {
                        *arrival = Some(((round - 1) * beat + phase.max(told % beat) + 3 * delay, hops + 1));
                    }
                    break;
                }
            }
        }
    }

    fn count_hearings(&mut self, mesh: &Mesh, leader: u32, way: &Way) {
        for (place, arrival) in way.arrivals.iter().enumerate() {
            let node = mesh.listeners.get(place).copied().unwrap_or_default();
            let honest = mesh.honest.get(place) == Some(&true);
            if node == leader || !honest || !self.node(node).is_some_and(|node| node.up && node.contact) {
                continue;
            }
            self.measure.hearings_due += 1;
            if let Some((delay, hops)) = arrival {
                self.measure.hearings += 1;
                self.measure.propagation.add(*delay);
                self.measure.hops.add(u64::from(*hops));
            }
        }
    }

    /// An executor hears of waiting work: it works out when it would ask.
    fn hear(
        &mut self,
        exec: u32,
        (word, delay): (u32, u64),
        (waiting, pause): (&[WaitingWork], Span),
        listeners: &mut [Listener],
    ) {
        let now = self.now();
        let ranking = self.plan.scenario.rules.ranking;
        let Some(state) = self.execs.get(exec as usize).filter(|state| state.has_room()) else { return };
        let (id, executor_type, busy) = (state.id, state.executor_type, !state.held.is_empty());
        let heard = now + delay;
        let Some(listener) = listeners.get_mut(usize::from(executor_type)) else { return };
        listener.id = id;
        let Some(work) = waiting.iter().find(|work| work.concerns(listener)) else {
            if let Some(state) = self.exec_mut(exec)
                && state.call.is_some_and(|(.., due)| due > heard)
            {
                state.call = None;
            }
            return;
        };
        let holds_back = if ranking { work.delay(listener, busy, pause).as_micros() } else { 0 };
        let Some(state) = self.exec_mut(exec) else { return };
        if let Some((_, wave, _, due)) = state.call
            && (wave == work.wave || due <= heard)
        {
            return;
        }
        let due = heard.saturating_add(holds_back);
        state.call = Some((word, work.wave, heard, due));
        let life = state.life;
        if state.cold {
            self.plan(due - now, Event::Called(exec, life, word));
        }
    }
}

/// A listener of this type, nobody in particular.
pub(super) fn listener(executor_type: &str) -> Listener {
    Listener { id: Identity::NOBODY, name: Text::cut(""), executor_type: Text::cut(executor_type), row: None }
}
