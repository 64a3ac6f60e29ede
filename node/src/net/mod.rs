//! How bytes reach this node and leave it again: libp2p, and nothing of what the bytes mean.
//!
//! Peers speak two protocols with the same content (see [`colony_protocol::rpc`]): a substream per request, and one
//! long-lived stream with many requests in flight. Both end in the one [`Handler`], which the service implements.
//!
//! What may never happen here: the swarm's task waits for anybody, verifies anything or panics; memory is taken for
//! bytes that a peer has only announced; a queue fed by a peer grows without bound. When there is no room for a request
//! it is answered at once with [`Handler::overloaded`].

mod peer;

use std::{future::Future, pin::Pin};

pub use libp2p::{Multiaddr, PeerId};
pub use peer::{identity_of, keypair, peer_of};

/// The bytes of an outcome under way.
pub type Handling = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

/// Answers requests. Implemented by the node's service.
pub trait Handler: Send + Sync + 'static {
    /// Carries out one request and gives the bytes of the outcome, at most [`colony_protocol::rpc::OUTCOME_MAX`].
    ///
    /// `from` is who delivered the bytes, not who signed them. The future is dropped if that peer goes away.
    fn handle(&self, from: PeerId, request: Vec<u8>) -> Handling;

    /// The bytes of the outcome "too busy, try again".
    fn overloaded(&self) -> Vec<u8>;
}
