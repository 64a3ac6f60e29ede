//! The thin shell around the rules: network, replication, timers, executors.
//!
//! Everything a colony decides is decided in `colony_protocol::colony`. This crate moves bytes, keeps time and runs
//! programs. Its rooms:
//!
//! * [`runtime`] - the only door to time, randomness, tasks and threads;
//! * [`net`] - how bytes reach this node and leave it again;
//! * [`reach`] - being reachable, whatever stands between this node and the others;
//! * [`peers`] - the nodes of a colony among themselves;
//! * [`executor`] - runs the work of a colony on this machine;
//! * [`service`] - from the bytes of a request to the bytes of its outcome;
//! * [`coordinator`] - puts a colony's commands in order, and [`query`] answers questions about it;
//! * [`consensus`] - one colony's Raft group: what is ordered becomes final;
//! * [`discovery`] - finding colonies by their ids, and being found;
//! * [`membership`] - who replicates a colony and who votes, and how machines come and go;
//! * [`node`] - all of it together, started and stopped;
//! * [`announcements`] - how executors that wait for work hear of it without asking;
//! * [`endpoint`] - the place in the network of a member that keeps no state;
//! * [`gateway`] - the door for ColonyOS's clients;
//! * [`client`] - what a member uses to talk to a colony, over libp2p or within the process.

pub mod announcements;
pub mod client;
pub mod consensus;
pub mod coordinator;
pub mod discovery;
pub mod doctor;
pub mod endpoint;
pub mod executor;
pub mod gateway;
mod histogram;
pub mod membership;
pub mod net;
pub mod node;
pub mod peers;
pub mod query;
pub mod reach;
pub mod runtime;
pub mod service;
