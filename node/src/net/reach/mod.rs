//! Being reached, and reaching those who cannot be dialled: relays, hole punching, and what others see of us.
//!
//! The room of the swarm's task that only carries out: it listens through relays, closes what a better path replaces, and
//! reports. What is to be done is decided elsewhere, by whoever holds the [`Handle`].

mod behaviour;
mod handle;
mod room;

pub(super) use behaviour::{Behaviour, BehaviourEvent};
pub use handle::Handle;
pub(super) use room::Room;
