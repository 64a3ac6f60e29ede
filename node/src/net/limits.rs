//! What peers may take from a node. See [`super::bounds`] for who counts as a stranger.

use super::bounds::{defaults, gcra::Rate};

/// Bounds on everything a peer can make a node hold.
#[derive(Debug, Clone)]
pub struct NetLimits {
    /// Connections, handshakes included. Each takes a file descriptor and some tens of kilobytes.
    pub connections: u32,
    /// Connections of one peer: one for each transport and direction, and one that is being replaced.
    pub connections_per_peer: u32,
    /// Handshakes under way: they cost a signature each and have ten seconds.
    pub handshakes: u32,
    /// Connections and handshakes from one network of the Internet, a /24 or a /48: some offices behind one address.
    pub connections_per_subnet: u32,
    /// Handshakes under way from one such network.
    pub handshakes_per_subnet: u32,
    /// How often one such network may shake hands.
    pub handshakes_of_subnet: Rate,
    /// How often all may that do not come from the Internet directly.
    pub handshakes_nearby: Rate,
    /// Peers connected whose key is no member's: clients with a made-up key among them.
    pub strangers: usize,
    /// Requests under way of one stranger; the next is not read before one of them is answered.
    pub requests_per_stranger: usize,
    /// Requests under way of all strangers.
    pub requests_of_strangers: usize,
    /// How often all strangers may ask: each request costs a signature's work before anything is known of it.
    pub rate_of_strangers: Rate,
    /// Bytes of requests under way of all strangers.
    pub bytes_of_strangers: usize,
    /// Long-lived streams of all peers.
    pub streams: usize,
    /// Long-lived streams of one peer.
    pub streams_per_peer: usize,
    /// Requests under way on one stream; the next is not read before one of them is answered. Enough for a machine
    /// full of executors that wait for work over one connection.
    pub requests_per_stream: usize,
    /// Requests under way of one peer.
    pub requests_per_peer: usize,
    /// Requests under way of all peers, waiting executors included.
    pub requests: usize,
    /// Bytes of requests under way of all peers.
    pub request_bytes: usize,
    /// No new connections while the process holds more than this share of the machine's memory.
    pub memory_share: f64,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_peer: 8,
            handshakes: 512,
            connections_per_subnet: 128,
            handshakes_per_subnet: 32,
            handshakes_of_subnet: defaults::OF_SUBNET,
            handshakes_nearby: defaults::NEARBY,
            strangers: 3072,
            requests_per_stranger: 4,
            requests_of_strangers: 1024,
            rate_of_strangers: Rate::per_second(1_000, 4_096),
            bytes_of_strangers: 8 * 1024 * 1024,
            streams: 8192,
            streams_per_peer: 8,
            requests_per_stream: 1024,
            requests_per_peer: 2048,
            requests: 16 * 1024,
            request_bytes: 64 * 1024 * 1024,
            memory_share: 0.5,
        }
    }
}
