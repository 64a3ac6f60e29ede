//! A peer that means harm, at a node's libp2p port.
//!
//! It speaks TCP, noise and yamux properly, because garbage before a handshake never gets far, and then breaks every rule
//! of the protocols above: malformed frames, half ones and none; bombs of nested CBOR; streams without end and streams
//! that agree on nothing; answers read a byte at a time, or not at all; requests that are almost right; tickets nobody
//! made; subscriptions by the thousand, gossip too large, records that are lies; and requests of honest members sent
//! again ([`replay`]). It stops by itself, after a number of frames or a time.
//!
//! A seed fixes what is sent; the kernel decides in which pieces it arrives. There is a command line:
//! `cargo run -p colony-tests --example badboy -- --help`.

mod connection;
mod dice;
mod forged;
mod malice;
mod others;
pub mod replay;
mod wire;

use std::time::{Duration, Instant};

use colony_protocol::identity::{Identity, SecretKey};
use libp2p::Multiaddr;

use connection::Connection;
use dice::Dice;
use forged::Forger;
use malice::Malice;

/// Streams opened over one connection before it is thrown away; fewer than a node allows at once.
const STREAMS: usize = 16;
/// Streams of a flood: more than a node allows at once.
const FLOOD: usize = 200;
/// How long the streams of a flood are held.
const HELD: Duration = Duration::from_millis(300);
/// No attack on one stream takes longer: a node may close it without a word.
const STREAM_TIME: Duration = Duration::from_secs(10);

/// What to do to a node.
#[derive(Debug, Clone)]
pub struct Attack {
    /// `/ip4/../tcp/..`; a peer id at its end is ignored.
    pub target: Multiaddr,
    /// The colony to forge requests and tickets for.
    pub colony: Identity,
    /// Malformed frames to send in all.
    pub frames: u64,
    /// Stop after this long, even if fewer were sent.
    pub limit: Duration,
    /// Attackers at once, each with connections of its own.
    pub attackers: u64,
    /// Fixes what is sent.
    pub seed: u64,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// Malformed frames sent.
    pub frames: u64,
    /// Connections that went through the handshake.
    pub connections: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Answers that came to frames whose form was right and content was not.
    pub answers: u64,
    /// Answers that said yes to something forged: there must be none.
    pub accepted: u64,
}

impl Attack {
    /// An attack with four attackers and a minute's limit.
    #[must_use]
    pub fn new(target: Multiaddr, frames: u64) -> Self {
        let colony = SecretKey::derive(b"nobody's colony").identity();
        Self { target, colony, frames, limit: Duration::from_secs(60), attackers: 4, seed: 1 }
    }

    /// Carries it out.
    ///
    /// # Panics
    /// If the attacker itself has a bug.
    pub async fn run(self) -> Damage {
        let end = Instant::now() + self.limit;
        let mut attackers = tokio::task::JoinSet::new();
        for number in 0..self.attackers {
            let share = self.frames / self.attackers + u64::from(number < self.frames % self.attackers);
            let dice = Dice::new(self.seed.wrapping_mul(1_000_003).wrapping_add(number));
            attackers.spawn(one_attacker(self.target.clone(), self.colony, share, end, dice));
        }
        let mut sum = Damage::default();
        while let Some(damage) = attackers.join_next().await {
            sum.add(damage.unwrap());
        }
        sum
    }
}

impl Damage {
    /// Adds another attack's.
    pub const fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.connections += other.connections;
        self.refused += other.refused;
        self.answers += other.answers;
        self.accepted += other.accepted;
    }
}

async fn one_attacker(
    target: Multiaddr,
    colony: Identity,
    share: u64,
    end: Instant,
    mut dice: Dice,
) -> Damage {
    let mut damage = Damage::default();
    let forger = Forger::new(colony, &mut dice);
    while damage.frames < share && Instant::now() < end {
        match dice.below(16) {
            0 | 1 => damage.frames += connection::garbage_before_the_handshake(&target, &mut dice).await,
            2 => damage.add(flood(&target, &mut dice).await),
            _ => damage.add(one_connection(&target, &forger, share - damage.frames, end, &mut dice).await),
        }
    }
    damage
}

/// Some streams, each misused in a way of its own.
async fn one_connection(
    target: &Multiaddr,
    forger: &Forger,
    share: u64,
    end: Instant,
    dice: &mut Dice,
) -> Damage {
    let mut damage = Damage::default();
    let Some(mut connection) = Connection::open(target, STREAMS, dice).await else {
        return turned_away().await;
    };
    damage.connections += 1;
    for _ in 0..STREAMS {
        if damage.frames >= share || Instant::now() >= end {
            break;
        }
        let Some(stream) = connection.next_stream() else { break };
        let attack = Malice::draw(dice).inflict(stream, forger, dice);
        if let Ok(done) = tokio::time::timeout(STREAM_TIME, attack).await {
            damage.add(done);
        }
    }
    damage
}

/// As many streams as the connection carries, held open for a while.
async fn flood(target: &Multiaddr, dice: &mut Dice) -> Damage {
    let Some(mut connection) = Connection::open(target, FLOOD, dice).await else {
        return turned_away().await;
    };
    let mut held = Vec::new();
    while let Some(mut stream) = connection.next_stream() {
        let protocol = wire::any_protocol(dice);
        if !matches!(tokio::time::timeout(HELD, wire::propose(&mut stream, protocol)).await, Ok(Ok(()))) {
            break;
        }
        held.push(stream);
    }
    tokio::time::sleep(HELD).await;
    Damage { frames: held.len() as u64, connections: 1, ..Damage::default() }
}

/// The node does not want us: an attacker comes back.
async fn turned_away() -> Damage {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Damage { refused: 1, ..Damage::default() }
}
