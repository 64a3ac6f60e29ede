//! Real nodes and clients over real sockets, within one process.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests measure by the real clock and fail loudly"
)]

mod bounds;
mod calls;
mod discovery;
mod endpoint;
mod faults;
mod gossip;
mod peers;
mod reach;
mod support;
mod transports;
