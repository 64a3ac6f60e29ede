//! Announcements: how executors that wait for work hear of it without asking.
//!
//! On the coordinator an [`Announcer`] says what waits, as soon as it does and at most ten times a second. Its word
//! travels by gossip; every node and every endpoint that hears it has a [`Hearing`], which decides whether it is passed
//! on: signed by a voter of the colony, fresh, newer than what was heard before. An executor makes [`Hints`] of what is
//! heard: when to ask for work, so that about as many ask as there is work. Whom it hears it from, a node tells it
//! ([`company`]).
//!
//! An announcement is a hint. Whoever misses it asks now and then anyway, and whoever answers to one that is not true
//! has asked in vain.
//!
//! What may never happen: an announcement of a coordinator that was deposed, or of a stranger, passed on by a node that
//! could know; a signature checked in the swarm's task; an executor that waits for ever because nobody told it anything.

mod announcer;
mod calls;
mod company;
mod hearing;
mod hints;
mod judge;
mod listening;

pub use announcer::{Announcer, Parts};
pub(crate) use company::company;
pub use hearing::{Electorate, Heard, Hearing, Newest};
pub use hints::Hints;
pub use judge::Office;
pub use listening::listen;
