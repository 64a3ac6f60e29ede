//! What strangers may take from a node.

/// Bounds on everything a peer can make a node hold.
#[derive(Debug, Clone)]
pub struct NetLimits {
    /// Connections, handshakes included. Each takes a file descriptor and some tens of kilobytes.
    pub connections: u32,
    /// Connections of one peer: one for each transport and direction, and one that is being replaced.
    pub connections_per_peer: u32,
    /// Handshakes under way: they cost a signature each and have ten seconds.
    pub handshakes: u32,
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
