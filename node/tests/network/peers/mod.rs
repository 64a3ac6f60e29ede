//! Nodes among themselves: one stream for each pair, and what goes over it.

mod exchange;
mod faults;
pub(crate) mod side;
mod snapshots;
mod twins;
