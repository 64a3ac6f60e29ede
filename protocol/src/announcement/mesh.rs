//! The shape of the mesh that announcements spread in: how many neighbours a node has, how often that is put in order,
//! and when an executor asks that heard nothing. Nodes follow these numbers, and so do simulations of them.

use std::time::Duration;

/// How often the mesh is put in order. Nothing is sent where nothing is to be put in order.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Peers in the mesh of a topic: each word comes from about as many, and each of them is a connection that is kept.
pub const PEERS: usize = 5;
/// Below this more are taken in.
pub const PEERS_LOW: usize = 3;
/// Above this some are let go.
pub const PEERS_HIGH: usize = 8;
/// Without a call, an executor asks after at least this: in case it was not heard, or did not hear.
pub const POLL_MIN: Duration = Duration::from_secs(15);
/// And at most after this many times that: within it the coordinator hears of every executor that is there.
pub const POLL_SPREAD: u32 = 2;
