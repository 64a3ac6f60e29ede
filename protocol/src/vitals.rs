//! How a node is doing, by its own account: where it listens, how others see it, whom it knows.
//!
//! It is asked for by a doctor, who judges it together with what others say. Addresses are text here, as everywhere in
//! the protocol. Every list is bounded: whoever asks may not know whom.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::{List, Text},
    identity::Identity,
    model::{
        Name,
        member::{Address, Path},
    },
    time::{Span, Timestamp},
};

/// Most addresses in one list: every interface of a large machine with every transport.
pub const ADDRESSES_MAX: usize = 64;
/// Most relays that hold a place for one node.
pub const RESERVATIONS_MAX: usize = 8;
/// Most peers that are told of; a node may have more.
pub const PEERS_MAX: usize = 256;
/// Most keys found at two places at once that are told of.
pub const TWINS_MAX: usize = 16;

/// How one node is doing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Vitals {
    /// The node.
    pub node: Identity,
    /// Its version.
    pub version: Name,
    /// Its clock, as it answered.
    pub time: Timestamp,
    /// Where it listens.
    pub listening: List<Address, ADDRESSES_MAX>,
    /// Where others have told it that they see it.
    pub observed: List<Address, ADDRESSES_MAX>,
    /// Addresses at which others have reached it from outside.
    pub confirmed: List<Address, ADDRESSES_MAX>,
    /// Whether others reach it from outside; `None` while nobody has tried.
    pub public: Option<bool>,
    /// What stands between it and the others.
    pub nat: Nat,
    /// Relays through which it is reached.
    pub reservations: List<Reservation, RESERVATIONS_MAX>,
    /// Its part in finding colonies.
    pub discovery: Discovery,
    /// Who is connected.
    pub peers: List<Peer, PEERS_MAX>,
    /// Keys that two machines use at once.
    pub twins: List<Twin, TWINS_MAX>,
}

/// How a NAT maps ports, by how several peers see one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Nat {
    /// Fewer than two peers have told.
    #[default]
    Unknown,
    /// Others see the very addresses that the node listens at.
    None,
    /// All see the same port: a hole can be punched.
    Equal,
    /// Each sees another port: no hole can be punched to another such NAT.
    Different,
}

/// A relay's promise to pass connections on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reservation {
    /// The relay.
    pub relay: Identity,
    /// The address through it.
    pub address: Address,
    /// Whether it holds now.
    pub live: bool,
}

/// A node's part in finding colonies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Discovery {
    /// Whether it answers others.
    pub server: bool,
    /// How many peers it would ask.
    pub known: u32,
}

/// Somebody who is connected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// Who.
    pub id: Identity,
    /// What it calls itself: program and version.
    pub agent: Text<128>,
    /// Which way.
    pub path: Path,
    /// How long a message takes there and back, once that has been measured.
    pub rtt: Option<Span>,
    /// For how long.
    pub since: Span,
}

/// One key at two places.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Twin {
    /// Whose key.
    pub id: Identity,
    /// Where it came from.
    pub addresses: List<Address, 2>,
}
