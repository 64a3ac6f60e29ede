//! The machines of one colony, and what is done to them: started, crashed, looked at.
//!
//! A seat is a place for a node: its key, its address, its disk and its clock outlive every crash. What may never happen: a
//! disk that is settled while anything of its machine still runs.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use colony_node::{
    client::{Client, Remote},
    consensus::Timing,
    membership::join::{Joined, Joining, join},
    net::{Multiaddr, PeerId, peer_of},
    node::{ColonyConfig, Data, DiskSource, Founding, KnownPeer, Node, NodeConfig, StartError},
};
use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Name,
        member::{MemberKey, NewMember, Role},
    },
    query::Query,
    reply::{Answer, Status},
    ticket::{NODES_MAX, SignedTicket, Ticket},
    time::Span,
};
use colony_simulations::chance::Chance;
use colony_store::Disk as StoreDisk;
use colony_tests::crowd::Door;
use libp2p::multiaddr::Protocol;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use crate::{
    disk::Disk,
    machine::{Clock, Machine},
    network::Network,
    trace::Trace,
};

/// Where nodes listen.
const PORT: u16 = 4001;
/// The node that relays, by number.
pub const RELAY: usize = 0;
/// How often a start is looked at: its power may go meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// How long a decision of the owner may take while faults go on.
const DECIDE: Duration = Duration::from_secs(20);
/// How long anything may take while nothing is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much longer the coordinator may take for each node: it takes in one after the other.
const TAKES_IN: Duration = Duration::from_secs(1);

/// The key of the colony.
#[must_use]
pub fn owner() -> SecretKey {
    SecretKey::derive(b"emulated owner")
}

/// The colony.
#[must_use]
pub fn colony() -> Identity {
    // Asked for with every look at a node.
    static COLONY: OnceLock<Identity> = OnceLock::new();
    *COLONY.get_or_init(|| owner().identity())
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// A node does not start.
    #[error("node {number} does not start: {error}")]
    Start {
        /// Which.
        number: usize,
        /// Why.
        error: StartError,
    },
    /// Something took longer than it may.
    #[error("{0} took longer than it may")]
    Slow(String),
    /// The colony refused what it must do.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What was said.
        why: String,
    },
}

/// How a start went.
#[derive(Debug)]
pub enum Started {
    /// It runs.
    Running,
    /// The power went meanwhile.
    Dark,
    /// It refuses to run on this disk.
    Refused(StartError),
}

/// A place for a node.
#[derive(Debug)]
pub struct Seat {
    /// Where it is.
    pub address: Ipv4Addr,
    /// What it keeps.
    pub disk: Disk,
    /// How wrong its clock is.
    pub clock: Arc<Mutex<Clock>>,
    /// Whether the colony was opened on its disk.
    pub is_open: bool,
    /// Whether nobody can dial it: it is met through the relay.
    pub is_hidden: bool,
    /// How often it was started.
    pub starts: u64,
    /// Whom it was told to ask when it joined.
    peers: Vec<KnownPeer>,
    key: SecretKey,
    chance: Chance,
    running: Option<(Machine, Node)>,
}

impl Seat {
    /// Its machine, if it has power.
    #[must_use]
    pub fn machine(&self) -> Option<&Machine> {
        self.running.as_ref().map(|(machine, _)| machine)
    }

    /// Its node, if it runs.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.running.as_ref().map(|(_, node)| node)
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.key.identity()
    }

    /// Who it is on the network.
    #[must_use]
    pub fn peer(&self) -> Option<PeerId> {
        peer_of(&self.key.public_key())
    }

    /// What it says of the colony.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.node()?.status(&colony()).ok()
    }

    fn socket(&self) -> Multiaddr {
        Multiaddr::from(self.address).with(Protocol::Tcp(PORT))
    }

    /// Where it can be dialled: nowhere, if it is hidden.
    #[must_use]
    pub fn meets(&self) -> Vec<Multiaddr> {
        if self.is_hidden { Vec::new() } else { vec![self.listens()] }
    }

    /// Where it listens, and as whom.
    #[must_use]
    pub fn listens(&self) -> Multiaddr {
        let address = self.socket();
        match peer_of(&self.key.public_key()) {
            Some(peer) => address.with(Protocol::P2p(peer)),
            None => address,
        }
    }
}

/// All machines.
#[derive(Debug)]
pub struct Colony {
    /// The nodes.
    pub seats: Vec<Seat>,
    /// What is between them.
    pub network: Network,
    /// What happened.
    pub trace: Trace,
    begin: Instant,
    chance: Chance,
    timing: Timing,
    log_kept: u64,
    tickets: u64,
    /// How many nodes are to vote.
    voters: usize,
    clients: u8,
}

impl Colony {
    /// Seats without nodes: `nodes` that listen, and `hidden` behind them that do not.
    #[must_use]
    pub fn new(
        (open, hidden): (usize, usize),
        network: Network,
        trace: Trace,
        timing: Timing,
        log_kept: u64,
        mut chance: Chance,
    ) -> Self {
        let seat = |number: usize| Seat {
            address: address(number),
            disk: Disk::new(1_000_000 + number as u64, trace.clone(), chance.split()),
            clock: Arc::default(),
            is_open: false,
            is_hidden: number >= open,
            starts: 0,
            peers: Vec::new(),
            key: SecretKey::derive(format!("emulated node {number}").as_bytes()),
            chance: chance.split(),
            running: None,
        };
        let seats = (0..open + hidden).map(seat).collect();
        for number in open..open + hidden {
            network.hide(address(number));
        }
        let begin = Instant::now();
        Self { seats, network, trace, begin, chance, timing, log_kept, tickets: 0, voters: 0, clients: 0 }
    }

    /// Founds the colony on the first node and lets all others vote.
    ///
    /// # Errors
    /// [`Stuck`]: nothing is broken yet, so none may occur.
    pub async fn found(&mut self, voters: usize) -> Result<(), Stuck> {
        self.voters = voters;
        let founding = Founding {
            owner: owner(),
            name: Name::cut("emulated"),
            member: Name::cut("node-0"),
            executors: Vec::new(),
            users: Vec::new(),
        };
        let first = ColonyConfig { id: colony(), found: Some(founding), peers: Vec::new() };
        self.must_start(0, vec![first]).await?;
        for number in 1..voters {
            self.must_start(number, Vec::new()).await?;
            self.admit(number, Role::Voter).await?;
        }
        // The coordinator takes in one after the other: those who vote before the many who do not.
        let begun = self.trace.elapsed();
        while self.seats[0].status().is_none_or(|status| status.voters.len() < voters) {
            if self.trace.elapsed() > begun + PATIENCE {
                return Err(Stuck::Slow(format!("electing {voters} voters")));
            }
            sleep(Duration::from_millis(50)).await;
        }
        for number in voters..self.seats.len() {
            self.must_start(number, Vec::new()).await?;
            self.admit(number, Role::Observer).await?;
        }
        let (begun, nodes) = (self.trace.elapsed(), u32::try_from(self.seats.len()).unwrap_or(u32::MAX));
        while self.seats.iter().any(|seat| seat.status().is_none_or(|status| status.applied == 0)) {
            if self.trace.elapsed() > begun + PATIENCE + TAKES_IN.saturating_mul(nodes) {
                return Err(Stuck::Slow("taking all nodes in".to_owned()));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn must_start(&mut self, number: usize, colonies: Vec<ColonyConfig>) -> Result<(), Stuck> {
        let is_open = !colonies.is_empty();
        match self.start_with(number, colonies).await {
            Started::Running => {
                self.seats[number].is_open = is_open;
                Ok(())
            }
            Started::Dark => Err(Stuck::Slow(format!("the start of node {number}"))),
            Started::Refused(error) => Err(Stuck::Start { number, error }),
        }
    }

    /// Adds a running node as a member and opens the colony on it.
    async fn admit(&mut self, number: usize, role: Role) -> Result<(), Stuck> {
        let refused = |what| move |why: String| Stuck::Refused { what, why };
        let (Some(node), Some(first)) = (self.seats[number].node(), self.seats[0].node()) else {
            return Err(Stuck::Slow("a node that runs".to_owned()));
        };
        let addresses = self.seats[number].meets().into_iter().map(|address| Text::cut(&address.to_string()));
        let member = NewMember {
            key: MemberKey::of(&self.seats[number].key),
            name: Name::cut(&format!("node-{number}")),
            addresses: List::new(addresses.collect()).unwrap_or_default(),
            store: node.store_id(),
            executor: None,
        };
        let client = first.client(colony(), owner());
        let added = timeout(PATIENCE, client.command(&Command::AddMember { member, role })).await;
        added
            .map_err(|_| Stuck::Slow("adding a member".to_owned()))?
            .map_err(|error| refused("adding a member")(error.to_string()))?;
        let peer =
            KnownPeer { key: MemberKey::of(&self.seats[0].key), addresses: vec![self.seats[0].listens()] };
        let config = ColonyConfig { id: colony(), found: None, peers: vec![peer] };
        node.open_colony(&config).await.map_err(|error| refused("opening the colony")(error.to_string()))?;
        let seat = &mut self.seats[number];
        seat.is_open = true;
        seat.peers = config.peers;
        Ok(())
    }

    /// Starts a node on what its disk holds.
    pub async fn start(&mut self, number: usize) -> Started {
        let colonies = if self.seats[number].is_open {
            vec![ColonyConfig { id: colony(), found: None, peers: self.seats[number].peers.clone() }]
        } else {
            Vec::new()
        };
        self.start_with(number, colonies).await
    }

    async fn start_with(&mut self, number: usize, colonies: Vec<ColonyConfig>) -> Started {
        let seat = &mut self.seats[number];
        seat.starts += 1;
        let clock = Arc::clone(&seat.clock);
        let (disk, chance) = (seat.disk.clone(), seat.chance.split());
        let machine =
            Machine::new(seat.address, self.network.clone(), Some(disk.clone()), self.begin, clock, chance);
        let config = NodeConfig {
            key: seat.key.clone(),
            data: Data::Given(DiskSource::new(move || StoreDisk::Backend(disk.backend()))),
            listen: vec![seat.socket()],
            relay: number == RELAY,
            tls: None,
            timing: self.timing,
            replace_after: colony_node::node::REPLACE_AFTER,
            log_kept: self.log_kept,
            colonies,
            bootstrap: Vec::new(),
            lab: true,
        };
        let runtime = machine.runtime();
        let (done, mut started) = oneshot::channel();
        let own = runtime.clone();
        // As a task of the machine, so that it ends with the power.
        runtime.spawn("start", async move {
            done.send(Node::start(config, own).await).ok();
        });
        let outcome = loop {
            match timeout(LOOK, &mut started).await {
                Ok(Ok(outcome)) => break Some(outcome),
                Ok(Err(_)) => break None,
                Err(_) if machine.is_off() => break None,
                Err(_) => {}
            }
        };
        let started = match outcome {
            Some(Ok(node)) => {
                self.trace.note(format_args!("node {number} starts"));
                self.seats[number].running = Some((machine, node));
                return Started::Running;
            }
            Some(Err(error)) => Started::Refused(error),
            None => Started::Dark,
        };
        self.trace.note(format_args!("node {number} does not start: {started:?}"));
        self.network.switch_off(self.seats[number].address, true);
        machine.kill().await;
        self.seats[number].disk.settle();
        started
    }

    /// Takes a node's power. Its peers are told if its system has the time to.
    pub async fn crash(&mut self, number: usize, is_told: bool) {
        let Some((machine, node)) = self.seats[number].running.take() else { return };
        let seat = &self.seats[number];
        self.network.switch_off(seat.address, is_told);
        machine.kill().await;
        drop(node);
        let pending = seat.disk.settle();
        self.trace.note(format_args!("node {number} crashes with {pending} changes not synced"));
    }

    /// Lets a node go in an orderly way.
    pub async fn stop(&mut self, number: usize) {
        let Some((machine, node)) = self.seats[number].running.take() else { return };
        if timeout(PATIENCE, node.shutdown()).await.is_err() {
            self.trace.note(format_args!("node {number} does not stop"));
        }
        self.network.switch_off(self.seats[number].address, true);
        machine.kill().await;
        self.seats[number].disk.settle();
        self.trace.note(format_args!("node {number} stopped"));
    }

    /// The owner sends a node away, through any other; its disk is emptied. Says whether the colony has decided so.
    pub async fn send_away(&mut self, number: usize) -> bool {
        let others = self.seats.iter().enumerate().filter(|(other, seat)| *other != number && seat.is_open);
        let Some(node) = others.filter_map(|(_, seat)| seat.node()).next() else { return false };
        let client = node.client(colony(), owner());
        let removed = timeout(DECIDE, self.remove(&client, number)).await;
        self.trace.note(format_args!("node {number} is sent away: {removed:?}"));
        if !matches!(removed, Ok(Ok(()))) {
            return false;
        }
        self.crash(number, true).await;
        let seat = &mut self.seats[number];
        seat.disk.wipe();
        seat.is_open = false;
        true
    }

    async fn remove(&self, client: &Client, number: usize) -> Result<(), String> {
        let members = client.query(&Query::Members).await.map_err(|error| error.to_string())?;
        let Answer::Members(members) = members else { return Err("no members".to_owned()) };
        let id = self.seats[number].identity();
        let mut active = members.into_iter().map(|view| view.member).filter(|member| member.is_active_node());
        // Gone already: a decision whose answer was lost.
        let Some(member) = active.find(|member| member.id == id) else { return Ok(()) };
        match client.command(&Command::RemoveMember { name: member.name }).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Joins by a ticket, as a machine that was not there before does.
    pub async fn join(&mut self, number: usize, role: Role) -> Option<()> {
        self.tickets += 1;
        let seat = &self.seats[number];
        let (machine, node) = seat.running.as_ref()?;
        let runtime = machine.runtime();
        let now = runtime.now();
        let others = self.seats.iter().filter(|other| other.address != seat.address && other.is_open);
        // As many as a ticket names.
        let ways = others.flat_map(Seat::meets).take(NODES_MAX);
        let nodes = ways.map(|address| Text::cut(&address.to_string())).collect();
        let ticket = Ticket {
            colony: colony(),
            colony_name: Name::cut("emulated"),
            id: u128::from(self.tickets).to_be_bytes(),
            role,
            member_name: None,
            uses: 1,
            issued: now,
            expires: now.after(Span::from_secs(600)),
            member_until: None,
            nodes: List::new(nodes).ok()?,
        };
        let joining = Joining {
            ticket: SignedTicket::sign(&ticket, &owner()).ok()?,
            key: seat.key.clone(),
            name: Name::cut(&format!("node-{number}-{}", self.tickets)),
            store: node.store_id(),
            addresses: seat.meets(),
            executor: None,
        };
        let joined = timeout(DECIDE, join(joining, &runtime)).await.ok()?;
        let joined: Joined = joined
            .inspect_err(|error| self.trace.note(format_args!("node {number} does not join: {error}")))
            .ok()?;
        let config = joined.colony_config();
        let opened = timeout(PATIENCE, node.open_colony(&config)).await.ok()?;
        self.trace.note(format_args!("node {number} joined: {opened:?}"));
        opened.ok()?;
        let seat = &mut self.seats[number];
        seat.is_open = true;
        seat.peers = config.peers;
        Some(())
    }

    /// Ways into the colony: each from a machine of its own, beginning with another node.
    pub fn doors(&mut self, count: usize) -> Vec<Door> {
        (0..count).map(|first| self.door(first)).collect()
    }

    /// A way into the colony that begins with a node.
    pub fn door(&mut self, first: usize) -> Door {
        let mut addresses: Vec<Multiaddr> = self.seats.iter().flat_map(Seat::meets).collect();
        let places = addresses.len();
        addresses.rotate_left(first % places);
        self.door_at(addresses)
    }

    /// A way into the colony over these addresses only.
    pub fn door_at(&mut self, addresses: Vec<Multiaddr>) -> Door {
        let machine = self.client_machine();
        let runtime = machine.runtime();
        let remote = Arc::new(Remote::connect(addresses, runtime.clone()));
        let client = Client::new(Arc::clone(&remote) as Arc<_>, colony(), owner(), runtime);
        Door { client, raw: remote }
    }

    /// A machine without a disk, for somebody who is no node.
    pub fn client_machine(&mut self) -> Machine {
        self.clients += 1;
        let address = client_address(self.clients);
        let chance = self.chance.split();
        Machine::new(address, self.network.clone(), None, self.begin, Arc::default(), chance)
    }

    /// Who coordinates, as far as any node knows, by number.
    #[must_use]
    pub fn coordinator(&self) -> Option<usize> {
        let leads = |seat: &Seat| seat.status().filter(|status| status.coordinator == Some(seat.identity()));
        let known =
            self.seats.iter().enumerate().filter_map(|(number, seat)| Some((leads(seat)?.term, number)));
        known.max().map(|(_, number)| number)
    }

    /// Whether as many nodes vote as at the begin, each with a disk of this colony, and that is decided: a coordinator acts by
    /// the last membership in its log, and one that nobody has agreed to yet is no majority to lose a node from.
    #[must_use]
    pub fn has_all_voters(&self) -> bool {
        let coordinator = self.coordinator().and_then(|number| self.seats[number].node());
        let Some(voters) = coordinator.and_then(|node| node.decided_voters(&colony())) else { return false };
        let votes = |seat: &&Seat| voters.contains(&seat.identity());
        self.seats.iter().all(|seat| seat.is_open) && self.seats.iter().filter(votes).count() >= self.voters
    }

    /// How many nodes are to vote: the first.
    #[must_use]
    pub const fn voters(&self) -> usize {
        self.voters
    }

    /// Sets a clock right.
    pub fn set_clock(&self, number: usize, clock: Clock) {
        *self.seats[number].clock.lock().unwrap_or_else(PoisonError::into_inner) = clock;
    }
}

/// Where the node with a number is.
fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, u8::try_from(number + 1).unwrap_or(u8::MAX), 0, 1)
}

/// Where the client with a number is.
#[must_use]
pub const fn client_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 200, number, 1)
}
