//! The emulated network: hosts, links between them, and connections that take time, stall and break.
//!
//! A connection is two pipes. What is written into one arrives in order, after the link's latency and some jitter, no
//! faster than its bandwidth. While a direction is cut, what is on its way waits, as it would while TCP sends it again; a
//! host without power is silent, and breaks what it had when it is back. Connections do not wait for each other, so what
//! went over two of them may arrive in another order.

mod postman;
mod stream;
mod transport;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use colony_node::net::Carrying;
use colony_simulations::chance::Chance;
use libp2p::core::Transport as _;
use tokio::time::Instant;

use crate::trace::Trace;
pub use postman::Postman;
pub use stream::Half;

/// Bytes on their way in one direction of a connection before its writer waits.
const WINDOW: usize = 256 * 1024;

/// The network; clones are the same.
#[derive(Clone)]
pub struct Network(Arc<Mutex<Hub>>);

/// How far hosts are from each other.
#[derive(Debug, Clone, Copy)]
pub struct Distance {
    /// One way, at least.
    pub latency: Duration,
    /// Added at random, up to this.
    pub jitter: Duration,
    /// Bytes that pass in a millisecond.
    pub bandwidth: u64,
    /// Whether things arrive at the nearest millisecond instead of the next: the clock knows nothing shorter, and the next
    /// one makes every way half a millisecond longer than it is.
    pub nearest: bool,
}

impl Distance {
    /// When something that is exact to a microsecond arrives, by a clock that shows `now`.
    fn arrival(&self, now: Instant, exact: Instant) -> Instant {
        if !self.nearest {
            return exact;
        }
        let whole = (exact.saturating_duration_since(now) + Duration::from_micros(500)).as_millis();
        now + Duration::from_millis(u64::try_from(whole).unwrap_or(u64::MAX))
    }
}

struct Hub {
    trace: Trace,
    chance: Chance,
    distance: Distance,
    /// Hosts that have power, and how often they were switched on.
    hosts: BTreeMap<Ipv4Addr, Host>,
    listeners: BTreeMap<SocketAddrV4, Arc<Mutex<Backlog>>>,
    /// Directions in which nothing passes.
    cuts: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Directions that take longer, and how much.
    lags: BTreeMap<(Ipv4Addr, Ipv4Addr), Duration>,
    /// Directions in which nothing passes, for good: no fault, and nothing heals it.
    walls: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Hosts that nobody can dial: what they dial themselves passes in both directions.
    hidden: BTreeSet<Ipv4Addr>,
    pipes: BTreeMap<u64, Pipe>,
    next: u64,
    /// When something arrives, and in which pipe.
    arrivals: BTreeSet<(Instant, u64)>,
    /// Who wakes the readers then.
    postman: Option<Waker>,
    /// Dials and deliveries that a cut has held up.
    held: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Host {
    is_on: bool,
    boots: u64,
}

/// Connections that nobody has accepted yet.
#[derive(Default)]
struct Backlog {
    waiting: VecDeque<(Half, SocketAddrV4)>,
    waker: Option<Waker>,
}

/// What arrives at once.
struct Chunk {
    written: Instant,
    arrives: Instant,
    bytes: Vec<u8>,
    /// How many of them were read.
    read: usize,
}

/// One direction of a connection.
struct Pipe {
    from: Ipv4Addr,
    to: Ipv4Addr,
    /// What is on its way.
    chunks: VecDeque<Chunk>,
    queued: usize,
    /// When the last of it arrives.
    last: Instant,
    /// The writer has closed.
    ended: bool,
    /// Nobody reads any more.
    deaf: bool,
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Halves of the connection that are still held.
    held_by: u8,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    fn touches(&self, host: Ipv4Addr) -> bool {
        self.from == host || self.to == host
    }
}

impl Network {
    /// A network without hosts.
    #[must_use]
    pub fn new(trace: Trace, chance: Chance, distance: Distance) -> Self {
        Self(Arc::new(Mutex::new(Hub {
            trace,
            chance,
            distance,
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            cuts: BTreeSet::new(),
            lags: BTreeMap::new(),
            walls: BTreeSet::new(),
            hidden: BTreeSet::new(),
            pipes: BTreeMap::new(),
            next: 0,
            arrivals: BTreeSet::new(),
            postman: None,
            held: 0,
        })))
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets of a host.
    #[must_use]
    pub fn transport(&self, host: Ipv4Addr) -> Carrying {
        transport::Wires::new(self.clone(), host).boxed()
    }

    /// A host has power from now on; what it had before it lost it is broken.
    pub fn switch_on(&self, host: Ipv4Addr) {
        let mut hub = self.hub();
        let entry = hub.hosts.entry(host).or_default();
        entry.is_on = true;
        entry.boots += 1;
        hub.break_all(|pipe| pipe.touches(host));
    }

    /// A host has no power any more. Its peers hear of it at once if its system lived long enough to say so, else when it
    /// is back.
    pub fn switch_off(&self, host: Ipv4Addr, is_told: bool) {
        let mut hub = self.hub();
        hub.hosts.entry(host).or_default().is_on = false;
        hub.listeners.retain(|address, _| *address.ip() != host);
        if is_told {
            hub.break_all(|pipe| pipe.touches(host));
        }
    }

    /// Lets nothing pass from one host to another.
    pub fn cut(&self, from: Ipv4Addr, to: Ipv4Addr) {
        self.hub().cuts.insert((from, to));
    }

    /// Lets everything from one host to another take longer, or no longer than it did.
    pub fn lag(&self, from: Ipv4Addr, to: Ipv4Addr, by: Option<Duration>) {
        let mut hub = self.hub();
        match by {
            Some(by) => hub.lags.insert((from, to), by),
            None => hub.lags.remove(&(from, to)),
        };
    }

    /// Lets nothing pass between two hosts, for good.
    pub fn wall(&self, one: Ipv4Addr, other: Ipv4Addr) {
        self.hub().walls.extend([(one, other), (other, one)]);
    }

    /// Lets nobody dial a host, as behind a translator of addresses.
    pub fn hide(&self, host: Ipv4Addr) {
        self.hub().hidden.insert(host);
    }

    /// Lets everything pass that `which` chooses.
    pub fn heal(&self, which: impl Fn(Ipv4Addr, Ipv4Addr) -> bool) {
        let mut hub = self.hub();
        hub.cuts.retain(|(from, to)| !which(*from, *to));
        for pipe in hub.pipes.values_mut() {
            pipe.wake();
        }
    }

    /// Breaks connections between hosts; gives how many pipes there were.
    pub fn break_between(&self, which: impl Fn(Ipv4Addr, Ipv4Addr) -> bool) -> usize {
        self.hub().break_all(|pipe| which(pipe.from, pipe.to))
    }

    /// Dials and deliveries that a cut has held up so far.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.hub().held
    }
}

impl Hub {
    fn break_all(&mut self, which: impl Fn(&Pipe) -> bool) -> usize {
        let mut count = 0;
        for pipe in self.pipes.values_mut().filter(|pipe| which(pipe)) {
            if !pipe.broken {
                pipe.broken = true;
                count += 1;
            }
            pipe.wake();
        }
        count
    }

    fn is_on(&self, host: Ipv4Addr) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.is_on)
    }

    /// Something will arrive in a pipe.
    fn expect(&mut self, at: Instant, pipe: u64) {
        let at = self.distance.arrival(Instant::now(), at);
        let is_sooner = self.arrivals.first().is_none_or(|(first, _)| at < *first);
        self.arrivals.insert((at, pipe));
        if is_sooner && let Some(postman) = self.postman.take() {
            postman.wake();
        }
    }

    /// How long one message takes this time.
    fn takes(&mut self) -> Duration {
        let jitter = u64::try_from(self.distance.jitter.as_micros()).unwrap_or_default();
        self.distance.latency + Duration::from_micros(self.chance.below(jitter.saturating_add(1)))
    }

    /// Whether something from one host gets to the other now.
    fn passes(&mut self, from: Ipv4Addr, to: Ipv4Addr) -> bool {
        if self.walls.contains(&(from, to)) {
            return false;
        }
        let passes = !self.cuts.contains(&(from, to)) && self.is_on(from) && self.is_on(to);
        self.held += u64::from(!passes);
        passes
    }

    /// Makes a connection; gives its ends.
    fn connect(&mut self, network: &Network, from: Ipv4Addr, to: Ipv4Addr) -> (Half, Half) {
        let there = self.pipe(from, to);
        let back = self.pipe(to, from);
        (Half::new(network.clone(), from, back, there), Half::new(network.clone(), to, there, back))
    }

    fn pipe(&mut self, from: Ipv4Addr, to: Ipv4Addr) -> u64 {
        self.next += 1;
        let pipe = Pipe {
            from,
            to,
            chunks: VecDeque::new(),
            queued: 0,
            last: Instant::now(),
            ended: false,
            deaf: false,
            broken: false,
            reader: None,
            writer: None,
            held_by: 2,
        };
        self.pipes.insert(self.next, pipe);
        self.next
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}
