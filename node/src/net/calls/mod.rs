//! Asking nodes: streams for requests, to whichever node is at some addresses.
//!
//! A [`Line`] leads to one node. It takes a connection that is there already, whoever made it, and a direct one rather
//! than a relayed one; where there is none it dials the node's addresses, the likeliest and cheapest first, each next
//! one after a head start. The [`Room`] is the part in the swarm's task, which only carries out. It serves a member's
//! swarm as well as the small one that a command makes for itself.
//!
//! What may never happen: a connection that nobody waits for any more is kept; an address fails without being named.

mod line;
mod order;
mod room;

use libp2p::swarm::NetworkBehaviour;

pub(crate) use line::{CallError, Doubt, Lane, Line, peer_in};
pub(crate) use order::is_relayed;
pub(crate) use room::{Handle, Room};

use super::streams;

/// What a swarm does that opens streams.
pub(crate) trait OpensStreams: NetworkBehaviour {
    /// The part of it that does that.
    fn streams(&mut self) -> &mut streams::Behaviour;
}
