//! The deterministic state machine that decides everything about a colony's queue.
//!
//! It owns the live state of one colony: waiting and running processes, unfinished workflows, members, functions,
//! remembered requests. It is driven by log entries alone: same entries in, same bytes out, on every replica. It
//! has no clock: the time of an entry is the time. It keeps finished work only until it has told the store.
//!
//! What may never happen: an iteration order that depends on anything but keys, a panic on any input, a rule about the
//! queue decided elsewhere.

mod outbox;
mod row;

pub use outbox::{Change, Event, Outbox};
pub use row::{RestoreError, RowKey};
