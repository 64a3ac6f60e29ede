//! One node, one colony, real parts: signed bytes in, signed work done, nothing lost and nothing done twice.
//!
//! Each test starts a node of its own, in memory or in a directory of its own, and talks to it as members do. Nothing
//! here sleeps to let something happen: tests wait for answers, and a bound on the wait makes a lost wake-up a failure.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod announced;
mod clock;
mod cluster;
mod doctor;
mod failover;
mod full_disk;
mod joining;
mod lab;
mod lasting;
mod membership;
mod programs;
mod rules;
mod trio;
mod waiting;
mod watching;
