//! Being reached, and reaching those who cannot be dialled: relays, hole punching, and what others see of us.
//!
//! The room of the swarm's task that only carries out: it asks relays for places, closes what a better path replaces, and
//! keeps the facts. What is to be done is decided by [`crate::reach`], which holds the [`Handle`].
//!
//! What may never happen: a stranger relayed; an own address believed because one peer has said so.

mod behaviour;
mod connections;
mod guests;
mod handle;
mod outlook;
mod outside;
mod places;
mod room;
mod sieve;
mod sight;

pub(super) use behaviour::{Behaviour, BehaviourEvent};
pub use connections::Way;
pub(crate) use guests::Knows;
pub use handle::Handle;
pub use room::Order;
pub(super) use room::Room;
pub use sight::{Held, NatKind, Punches, Reach, Relayed, Reservation, Sight, Standing};
