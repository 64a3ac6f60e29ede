//! The thin shell around the rules: network, replication, timers, executors.
//!
//! Everything a colony decides is decided in `colony_protocol::colony`. This crate moves bytes, keeps time and runs
//! programs. Its rooms:
//!
//! * [`runtime`] - the only door to time, randomness, tasks and threads;
//! * [`net`] - how bytes reach this node and leave it again;
//! * [`client`] - what a member uses to talk to a colony, over libp2p or within the process.

pub mod client;
pub mod net;
pub mod runtime;
