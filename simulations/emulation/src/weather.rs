//! Lets faults strike, one after the other, and ends each after a while.
//!
//! Several may be at work at once. Each counts as exercised only when it had an effect: a power cut that met no write, or a
//! cut link over which nobody sent, proves nothing.

mod last_word;
mod succession;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    time::Duration,
};

use colony_simulations::chance::Chance;
use tokio::time::Instant;

use self::last_word::Witnesses;
use crate::{
    colony::{Colony, RELAY, Started, Stuck, client_address},
    faults::Kind,
    machine::Clock,
};

/// Clients that can be cut off.
const CLIENTS: u8 = 5;
/// How often a node that does not start is started again before it counts as stuck.
const STARTS: usize = 5;
/// How long nodes that were sent away may take to be back, all faults over.
const COME_BACK: Duration = Duration::from_secs(60);
/// A disk's pace when nothing is wrong with it.
const PACE: Duration = Duration::from_millis(1);

/// What ends a fault.
#[derive(Debug)]
enum End {
    /// A node is started.
    Start(usize),
    /// These directions pass again.
    Heal(Kind, BTreeSet<(Ipv4Addr, Ipv4Addr)>, u64),
    /// A link comes or goes, so many times more.
    Flap(Ipv4Addr, Ipv4Addr, u64, u64),
    /// A node goes on.
    Resume(usize),
    /// A disk is as fast as before.
    Fast(usize),
    /// A disk works again, and its node is restarted.
    Repair(Kind, usize, u64),
    /// A clock is right.
    Right(usize),
    /// A node is sent away.
    SendAway(Kind, usize),
    /// A node that was sent away joins again.
    Join(Kind, usize),
    /// A node that came last coordinates, or who does is cut off from the others, so many times at most.
    Succeed(usize, u64),
    /// Whoever was cut off for that is heard again.
    Reunite(BTreeSet<(Ipv4Addr, Ipv4Addr)>, usize, u64),
}

/// The faults of a run.
#[derive(Debug)]
pub struct Weather {
    planned: Vec<Kind>,
    chance: Chance,
    ends: Vec<(Instant, End)>,
    next: Instant,
    counts: BTreeMap<Kind, u64>,
    /// Nodes whose power goes in the middle of a transaction.
    armed: BTreeSet<usize>,
    /// The node whose store may be damaged.
    suspect: Option<usize>,
    /// The node that is sent away, until it is back.
    leaving: Option<usize>,
    /// A node that is off until who was sent away is back and coordinates.
    absent: Option<usize>,
    /// Who asks old and new coordinators.
    witnesses: Witnesses,
    broken: Vec<String>,
}

impl Weather {
    /// Faults of these kinds.
    #[must_use]
    pub fn new(planned: &[Kind], chance: Chance) -> Self {
        Self {
            planned: planned.to_vec(),
            chance,
            ends: Vec::new(),
            next: Instant::now() + Duration::from_millis(500),
            counts: BTreeMap::new(),
            armed: BTreeSet::new(),
            suspect: None,
            leaving: None,
            absent: None,
            witnesses: Witnesses::default(),
            broken: Vec::new(),
        }
    }

    /// Whether every kind has had an effect.
    #[must_use]
    pub fn struck_all(&self) -> bool {
        self.planned.iter().all(|kind| self.counts.contains_key(kind))
    }

    /// What was exercised how often, and what was not at all.
    pub fn exercised(self, broken: &mut Vec<String>) -> Vec<(&'static str, u64)> {
        broken.extend(self.broken);
        for kind in &self.planned {
            if !self.counts.contains_key(kind) {
                broken.push(format!("the fault `{}` was not exercised", kind.name()));
            }
        }
        self.counts.into_iter().map(|(kind, count)| (kind.name(), count)).collect()
    }

    /// Lets things happen that are due.
    pub async fn tick(&mut self, colony: &mut Colony) {
        self.collect(colony).await;
        let now = Instant::now();
        while let Some(place) = self.ends.iter().position(|(at, _)| *at <= now) {
            let (_, end) = self.ends.swap_remove(place);
            self.end(colony, end).await;
        }
        if now >= self.next {
            self.next = now + self.millis(300, 2_500);
            if let Some(kind) = self.chance.one_of(&self.planned).copied() {
                self.strike(colony, kind).await;
            }
        }
    }

    /// Machines whose power went by itself.
    async fn collect(&mut self, colony: &mut Colony) {
        for number in 0..colony.seats.len() {
            if colony.seats[number].machine().is_some_and(crate::machine::Machine::is_off) {
                colony.crash(number, false).await;
                if self.armed.remove(&number) {
                    self.count(Kind::PowerCut);
                }
                self.later(100, 2_000, End::Start(number));
            }
        }
    }

    fn count(&mut self, kind: Kind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.chance.between(low, high))
    }

    fn later(&mut self, low: u64, high: u64, end: End) {
        let at = Instant::now() + self.millis(low, high);
        self.ends.push((at, end));
    }

    fn running(&mut self, colony: &Colony) -> Option<usize> {
        let running: Vec<usize> =
            (0..colony.seats.len()).filter(|number| colony.seats[*number].node().is_some()).collect();
        self.chance.one_of(&running).copied()
    }

    async fn strike(&mut self, colony: &mut Colony, kind: Kind) {
        let Some(number) = self.running(colony) else { return };
        let address = colony.seats[number].address;
        match kind {
            Kind::Crash => {
                let is_told = self.chance.below(2) == 0;
                colony.crash(number, is_told).await;
                self.count(kind);
                self.later(100, 3_000, End::Start(number));
            }
            Kind::Relay => {
                if colony.seats[RELAY].node().is_some() {
                    let is_told = self.chance.below(2) == 0;
                    colony.crash(RELAY, is_told).await;
                    self.count(kind);
                    self.later(100, 3_000, End::Start(RELAY));
                }
            }
            Kind::PowerCut => {
                colony.seats[number].disk.arm(self.chance.below(80));
                self.armed.insert(number);
                colony.trace.note(format_args!("node {number} will lose its power while it writes"));
            }
            Kind::Restart => {
                colony.stop(number).await;
                self.count(kind);
                self.later(50, 1_500, End::Start(number));
            }
            Kind::Split | Kind::OneWay | Kind::Bridge | Kind::LeaderIsolated | Kind::ClientsCut => {
                let cuts = self.cuts(colony, kind, address);
                self.cut(colony, kind, cuts);
            }
            Kind::Flapping => {
                if let Some(other) = self.other(colony, address) {
                    let held = colony.network.held();
                    let times = self.chance.between(4, 12);
                    self.later(0, 1, End::Flap(address, other, times, held));
                }
            }
            Kind::Pause => {
                if let Some(machine) = colony.seats[number].machine() {
                    machine.pause(true);
                    colony.trace.note(format_args!("node {number} stands still"));
                    self.count(kind);
                    self.later(300, 5_000, End::Resume(number));
                }
            }
            Kind::SlowDisk => {
                let takes = self.millis(50, 1_000);
                colony.seats[number].disk.set_sync_takes(takes);
                colony.trace.note(format_args!("the disk of node {number} takes {takes:?} for a sync"));
                self.count(kind);
                self.later(1_000, 5_000, End::Fast(number));
            }
            Kind::DiskError | Kind::FullDisk => {
                let error =
                    if kind == Kind::FullDisk { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
                let failures = colony.seats[number].disk.failures();
                colony.seats[number].disk.fail(Some(error));
                colony.trace.note(format_args!("the disk of node {number} fails: {error}"));
                self.later(1_000, 4_000, End::Repair(kind, number, failures));
            }
            Kind::Storm => self.storm(colony),
            Kind::ClockJump => {
                let offset = i64::try_from(self.chance.between(0, 8_000_000)).unwrap_or_default() - 4_000_000;
                self.wrong(colony, kind, number, Clock { offset, drift: 0 });
            }
            Kind::ClockDrift => {
                let drift = i64::try_from(self.chance.between(0, 100_000)).unwrap_or_default() - 50_000;
                self.wrong(colony, kind, number, Clock { offset: 0, drift });
            }
            Kind::LastWord => self.last_word(colony).await,
            Kind::BitFlip | Kind::Membership | Kind::Succession => {
                self.send_away(colony, kind, number).await;
            }
        }
    }

    fn wrong(&mut self, colony: &Colony, kind: Kind, number: usize, clock: Clock) {
        colony.set_clock(number, clock);
        colony.trace.note(format_args!("the clock of node {number} is wrong: {clock:?}"));
        self.count(kind);
        self.later(1_000, 8_000, End::Right(number));
    }

    fn storm(&mut self, colony: &Colony) {
        let hosts: Vec<Ipv4Addr> = colony.seats.iter().map(|seat| seat.address).collect();
        let some: BTreeSet<Ipv4Addr> = hosts.into_iter().filter(|_| self.chance.below(2) == 0).collect();
        let broken = colony.network.break_between(|from, to| some.contains(&from) || some.contains(&to));
        colony.trace.note(format_args!("{broken} pipes break"));
        if broken > 0 {
            self.count(Kind::Storm);
        }
    }

    fn other(&mut self, colony: &Colony, than: Ipv4Addr) -> Option<Ipv4Addr> {
        let others: Vec<Ipv4Addr> =
            colony.seats.iter().map(|seat| seat.address).filter(|address| *address != than).collect();
        self.chance.one_of(&others).copied()
    }

    /// The directions a fault cuts.
    fn cuts(&mut self, colony: &Colony, kind: Kind, address: Ipv4Addr) -> BTreeSet<(Ipv4Addr, Ipv4Addr)> {
        let nodes: Vec<Ipv4Addr> = colony.seats.iter().map(|seat| seat.address).collect();
        let clients: Vec<Ipv4Addr> = (1..=CLIENTS).map(client_address).collect();
        match kind {
            Kind::Split => {
                let everybody = nodes.into_iter().chain(clients);
                let (left, right): (Vec<_>, Vec<_>) = everybody.partition(|_| self.chance.below(2) == 0);
                between(&left, &right)
            }
            Kind::OneWay => self.other(colony, address).map(|other| (address, other)).into_iter().collect(),
            Kind::Bridge => {
                let others: Vec<Ipv4Addr> = nodes.into_iter().filter(|node| *node != address).collect();
                let (left, right) = others.split_at(others.len() / 2);
                between(left, right)
            }
            Kind::LeaderIsolated => {
                let leader = colony.coordinator().map_or(address, |number| colony.seats[number].address);
                between(&[leader], &nodes)
            }
            _ => {
                let some: Vec<_> = clients.into_iter().filter(|_| self.chance.below(2) == 0).collect();
                between(&some, &nodes)
            }
        }
    }

    fn cut(&mut self, colony: &Colony, kind: Kind, cuts: BTreeSet<(Ipv4Addr, Ipv4Addr)>) {
        let held = colony.network.held();
        for (from, to) in &cuts {
            colony.network.cut(*from, *to);
        }
        colony.trace.note(format_args!("{}: {} directions are cut", kind.name(), cuts.len()));
        self.later(500, 6_000, End::Heal(kind, cuts, held));
    }

    async fn end(&mut self, colony: &mut Colony, end: End) {
        match end {
            End::Start(number) => self.start(colony, number).await,
            End::Heal(kind, cuts, held) => {
                colony.network.heal(|from, to| cuts.contains(&(from, to)));
                colony.trace.note(format_args!("{}: healed", kind.name()));
                if colony.network.held() > held {
                    self.count(kind);
                }
            }
            End::Flap(one, other, left, held) => {
                if left % 2 == 0 {
                    colony.network.cut(one, other);
                    colony.network.cut(other, one);
                } else {
                    colony.network.heal(|from, to| (from, to) == (one, other) || (to, from) == (one, other));
                }
                colony.trace.note(format_args!("flapping: {one} and {other}, {left} times more"));
                if left > 1 {
                    self.later(50, 700, End::Flap(one, other, left - 1, held));
                } else {
                    colony.network.heal(|from, to| (from, to) == (one, other) || (to, from) == (one, other));
                    if colony.network.held() > held {
                        self.count(Kind::Flapping);
                    }
                }
            }
            End::Resume(number) => {
                if let Some(machine) = colony.seats[number].machine() {
                    machine.pause(false);
                    colony.trace.note(format_args!("node {number} goes on"));
                }
            }
            End::Fast(number) => {
                colony.seats[number].disk.set_sync_takes(PACE);
                colony.trace.note(format_args!("the disk of node {number} is fast again"));
            }
            End::Repair(kind, number, failures) => {
                if colony.seats[number].disk.failures() > failures {
                    self.count(kind);
                }
                colony.seats[number].disk.fail(None);
                colony.crash(number, true).await;
                self.later(50, 1_000, End::Start(number));
            }
            End::SendAway(kind, number) => self.replace(colony, kind, number).await,
            End::Join(kind, number) => self.join(colony, kind, number).await,
            End::Succeed(number, left) => self.succeed(colony, number, left),
            End::Reunite(cuts, number, left) => {
                colony.network.heal(|from, to| cuts.contains(&(from, to)));
                self.later(300, 1_000, End::Succeed(number, left));
            }
            End::Right(number) => {
                colony.set_clock(number, Clock::default());
                colony.trace.note(format_args!("the clock of node {number} is right"));
            }
        }
    }

    async fn start(&mut self, colony: &mut Colony, number: usize) {
        if colony.seats[number].node().is_some() {
            return;
        }
        match colony.start(number).await {
            Started::Running => {}
            Started::Dark => {
                if self.armed.remove(&number) {
                    self.count(Kind::PowerCut);
                }
                self.later(100, 1_000, End::Start(number));
            }
            // Its disk may still be failing.
            Started::Refused(error) if self.ends.iter().any(|(_, end)| is_repair(end, number)) => {
                colony.trace.note(format_args!("node {number} refuses while its disk fails: {error}"));
                self.later(500, 1_000, End::Start(number));
            }
            // It is replaced.
            Started::Refused(error) if self.suspect == Some(number) => {
                colony.trace.note(format_args!("node {number} notices: {error}"));
            }
            Started::Refused(error) => {
                self.broken.push(format!("node {number} refuses the disk that a crash left: {error}"));
            }
        }
    }

    /// Ends all faults at once and starts every node.
    ///
    /// # Errors
    /// [`Stuck`], if a node does not start although nothing is wrong.
    pub async fn clear(&mut self, colony: &mut Colony) -> Result<(), Stuck> {
        self.collect(colony).await;
        let mut later = Vec::new();
        for (_, end) in std::mem::take(&mut self.ends) {
            match end {
                End::Start(_) | End::Flap(..) | End::Succeed(..) | End::Reunite(..) => {}
                end @ (End::SendAway(..) | End::Join(..)) => later.push(end),
                end => self.end(colony, end).await,
            }
        }
        colony.network.heal(|_, _| true);
        self.ends.clear();
        for number in 0..colony.seats.len() {
            colony.seats[number].disk.disarm();
            for attempt in 0.. {
                if colony.seats[number].node().is_some() {
                    break;
                }
                match colony.start(number).await {
                    Started::Running => {}
                    Started::Refused(_) if self.suspect == Some(number) => break,
                    Started::Dark if attempt < STARTS => {}
                    Started::Dark => return Err(Stuck::Slow(format!("the start of node {number}"))),
                    Started::Refused(error) => return Err(Stuck::Start { number, error }),
                }
            }
        }
        self.come_back(colony, later).await
    }

    /// Whoever was sent away, or must be, is back before the colony is judged.
    async fn come_back(&mut self, colony: &mut Colony, ends: Vec<End>) -> Result<(), Stuck> {
        let begun = Instant::now();
        self.ends = ends.into_iter().map(|end| (begun, end)).collect();
        while !self.ends.is_empty() {
            if begun.elapsed() > COME_BACK {
                return Err(Stuck::Slow("the return of a node that was sent away".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = Instant::now();
            while let Some(place) = self.ends.iter().position(|(at, _)| *at <= now) {
                let (_, end) = self.ends.swap_remove(place);
                self.end(colony, end).await;
            }
        }
        Ok(())
    }
}

/// All directions between two groups.
fn between(left: &[Ipv4Addr], right: &[Ipv4Addr]) -> BTreeSet<(Ipv4Addr, Ipv4Addr)> {
    let both = |one: Ipv4Addr, other: Ipv4Addr| [(one, other), (other, one)];
    let pairs = left.iter().flat_map(|one| right.iter().flat_map(move |other| both(*one, *other)));
    pairs.filter(|(one, other)| one != other).collect()
}

const fn is_repair(end: &End, number: usize) -> bool {
    matches!(end, End::Repair(_, which, _) if *which == number)
}
