//! Finding colonies and their nodes: the swarm's Kademlia table, and what peers say of themselves.
//!
//! The room of the swarm's task that turns orders into queries and events into answers. Who asks holds a [`Handle`].
//! What may never happen: the swarm's task waits for whoever asked; an address or a record of a peer is taken without
//! the checks of this room.

mod behaviour;
mod handle;
mod room;

pub(super) use behaviour::{Behaviour, BehaviourEvent};
pub use handle::Handle;
pub(super) use room::Room;
