//! What is said between members of a colony, and what it means.
//!
//! This crate is pure: no I/O, no clock, no randomness, no async, no network library. Time comes in as a
//! [`time::Timestamp`] taken from a log entry; identities come in already verified. Because of that the same
//! rules run unchanged in every replica, in the simulator and in property tests.
//!
//! The rooms, from the outside in:
//!
//! * [`identity`] - keys, identities and signatures, exactly as ColonyOS makes them;
//! * [`codec`] and [`bounded`] - bytes to values and back, with every length and depth capped;
//! * [`envelope`] - the signed wrapper around each request, [`request`] its bytes and what they say, and [`rpc`] the
//!   frames that carry it;
//! * [`announcement`] - the coordinator's signed hint that work is waiting, and [`rendezvous`] who asks for it
//!   first;
//! * [`timing`] - how patient the members of a quorum are with each other;
//! * [`ticket`] - the owner's signed invitation to become a member;
//! * [`charter`] - the colony's signed word, to whoever looks for it, of where its voters are;
//! * [`command`], [`query`], [`reply`] - what a member may ask and what it is told;
//! * [`model`] - the nouns: function specs, processes, executors, workflows, members;
//! * [`validate`] - what a spec must satisfy before it becomes work;
//! * [`schedule`] - when crons run: expressions, descriptors, time zones, intervals;
//! * [`colonyos`] - what ColonyOS's clients say and are told, as commands and answers;
//! * [`units`] - amounts of CPU, memory and time as people write them;
//! * [`colony`] - the deterministic state machine that decides everything about the queue.

pub mod announcement;
pub mod bounded;
pub mod charter;
pub mod codec;
pub mod colony;
pub mod colonyos;
pub mod command;
pub mod entry;
pub mod envelope;
pub mod identity;
pub mod model;
pub mod mutant;
pub mod query;
pub mod refusal;
pub mod rendezvous;
pub mod reply;
pub mod request;
pub mod rpc;
pub mod schedule;
pub mod ticket;
pub mod time;
pub mod timing;
pub mod units;
pub mod validate;
pub mod vitals;
