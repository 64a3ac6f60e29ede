//! A machine: where it is, what stands between it and others, how wrong its clock is, what it has carried.

use crate::lab::scenario::Class;

/// What a byte was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Requests and answers.
    Calls,
    /// Log entries, votes and their answers. Heartbeats are counted by time.
    Replication,
    /// Announcements.
    Gossip,
    /// Lookups.
    Lookups,
    /// Bytes carried for others.
    Relaying,
}

/// Names of [`Protocol`]s, in order.
pub const PROTOCOLS: [&str; 5] = ["calls", "replication", "gossip", "lookups", "relaying"];

/// What stands between a node and the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing.
    Open,
    /// A translator whose ports can be foretold.
    Cone,
    /// One whose ports cannot.
    Symmetric,
    /// A firewall that lets nothing in.
    Blocked,
}

/// A machine.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub class: Class,
    /// Its group in the scenario.
    pub group: u16,
    /// Its colony.
    pub colony: u16,
    /// Where it is.
    pub region: u8,
    /// What it is behind.
    pub behind: Behind,
    /// Nodes of different sides do not hear each other.
    pub side: u8,
    /// Whether it runs.
    pub up: bool,
    /// Whether it has any link.
    pub contact: bool,
    /// How far its clock is ahead, in microseconds.
    pub offset: i64,
    /// How many thousand-millionths it gains.
    pub drift_ppb: i64,
    /// Kilobits a second that it sends.
    pub up_rate: u32,
    /// Kilobits a second that it receives.
    pub down_rate: u32,
    /// Its number among those of its class in its colony.
    pub role: u32,
    /// Bytes it sent, by protocol.
    pub sent: [u64; 5],
    /// Messages it received.
    pub received: u64,
}

impl Node {
    /// What its clock shows, `now` microseconds into the run.
    #[must_use]
    pub fn clock(&self, now: u64) -> u64 {
        let now = i128::from(now);
        let drift = now * i128::from(self.drift_ppb) / 1_000_000_000;
        u64::try_from(i128::from(super::START) + now + i128::from(self.offset) + drift).unwrap_or_default()
    }

    /// How long its clock takes to show `moment`, from `now` on; nothing if it has passed.
    #[must_use]
    pub fn until(&self, moment: u64, now: u64) -> u64 {
        moment.saturating_sub(self.clock(now))
    }
}
