//! A peer that means harm: malformed frames, by the thousand, at a node's libp2p port.
//!
//! It speaks TCP, noise and yamux properly, because garbage before a handshake never gets far, and then breaks every
//! rule of the two protocols above: wrong lengths, half frames, bombs of nested CBOR, streams that agree on nothing,
//! requests whose answers nobody reads. It stops by itself, after a number of frames or a time.
//!
//! A seed fixes what is sent; the kernel decides in which pieces it arrives.

mod connection;
mod malice;

use std::time::{Duration, Instant};

use libp2p::Multiaddr;

use connection::Connection;
use malice::{Dice, Malice};

/// Streams opened over one connection before it is thrown away; fewer than a node allows at once.
const STREAMS: usize = 16;
/// No attack on one stream takes longer: a node may close it without a word.
const STREAM_TIME: Duration = Duration::from_secs(10);

/// What to do to a node.
#[derive(Debug, Clone)]
pub struct Attack {
    /// `/ip4/../tcp/..`; a peer id at its end is ignored.
    pub target: Multiaddr,
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
}

impl Attack {
    /// An attack with four attackers and a minute's limit.
    #[must_use]
    pub const fn new(target: Multiaddr, frames: u64) -> Self {
        Self { target, frames, limit: Duration::from_secs(60), attackers: 4, seed: 1 }
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
            attackers.spawn(one_attacker(self.target.clone(), share, end, dice));
        }
        let mut sum = Damage::default();
        while let Some(damage) = attackers.join_next().await {
            sum.add(damage.unwrap());
        }
        sum
    }
}

impl Damage {
    fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.connections += other.connections;
        self.refused += other.refused;
        self.answers += other.answers;
    }
}

async fn one_attacker(target: Multiaddr, share: u64, end: Instant, mut dice: Dice) -> Damage {
    let mut damage = Damage::default();
    while damage.frames < share && Instant::now() < end {
        if dice.below(8) == 0 {
            damage.frames += connection::garbage_before_the_handshake(&target, &mut dice).await;
            continue;
        }
        let Some(mut connection) = Connection::open(&target, STREAMS, &mut dice).await else {
            damage.refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        damage.connections += 1;
        for _ in 0..STREAMS {
            if damage.frames >= share || Instant::now() >= end {
                break;
            }
            let Some(stream) = connection.next_stream() else { break };
            let malice = Malice::draw(&mut dice);
            let attack = malice.inflict(stream, &mut dice);
            if let Ok((frames, answers)) = tokio::time::timeout(STREAM_TIME, attack).await {
                damage.frames += frames;
                damage.answers += answers;
            }
        }
    }
    damage
}
