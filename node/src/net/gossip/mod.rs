//! Word that spreads from member to member: the swarm's gossipsub.
//!
//! The room of the swarm's task that joins topics, sends what is published and hands over what is heard. Each colony
//! has a topic; who listens there is an [`Ear`]. Who publishes and listens holds a [`Handle`].
//!
//! A message is judged on the processor pool, and only then forwarded: the swarm's task checks no signature of ours,
//! and the protocol's own are checked by the tasks of the connections. While too many messages wait to be judged,
//! further ones go no further.
//!
//! What may never happen: a message forwarded that no ear accepted; a topic kept that nobody here listens to; a queue
//! or table that grows with what a peer sends.

mod behaviour;
mod club;
mod ear;
mod handle;
mod judging;
mod room;
mod topics;

pub(super) use behaviour::{Behaviour, behaviour};
pub use ear::{Ear, Verdict};
pub use handle::{Handle, Neighbourhood, Seat};
pub(super) use room::Room;
pub(super) use topics::Topics;
