//! Who keeps a colony: from what its members decided to who replicates and votes.
//!
//! Two memberships exist. That of people is in the colony's rules: who was let in, as what, until when. That of the
//! consensus engine says who replicates and whose votes count. [`Keeper`] is the task that brings the second after the
//! first on whichever node coordinates; the decision itself is the pure function [`plan`]. [`join`] is the other side:
//! a machine with a ticket, or one that leaves. [`disk`] keeps a node from taking part under the name of a disk it no
//! longer has, and `probe` asks the others when none of them speaks to this node any more.
//!
//! What may never happen: a node with an empty disk taken for the one that voted; a colony that loses its majority by
//! a change of its own making.

mod announce;
pub mod disk;
mod health;
pub mod join;
mod keeper;
pub mod plan;
pub(crate) mod probe;
mod seating;
pub(crate) mod view;
mod words;

pub use keeper::{Keeper, Parts};
