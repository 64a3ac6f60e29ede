//! Finding colonies and their nodes: the swarm's Kademlia table, and what peers say of themselves.
//!
//! The room of the swarm's task that turns orders into queries and events into answers. Who asks holds a [`Handle`].
//! It owns the table of peers ([`table`]) and this node's share of what the network keeps ([`shelf`]). What others want
//! kept is judged by a task of its own ([`judge`]), because signatures cost time that the swarm's task does not have.
//!
//! What may never happen: the swarm's task waits for whoever asked, or verifies; an address or a record of a peer is taken
//! without the checks of this room; a peer that is not reachable for others is handed on to them.

pub mod address;
mod behaviour;
mod handle;
mod judge;
mod orders;
mod queries;
mod room;
mod shelf;
mod table;

pub(super) use behaviour::{Behaviour, BehaviourEvent};
pub use handle::Handle;
pub use orders::{DhtHealth, DhtMode, Finding, LastQuery};
pub(super) use room::Room;
pub(crate) use table::worth_knowing;
