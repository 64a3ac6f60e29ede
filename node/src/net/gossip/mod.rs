//! Word that spreads from member to member: the swarm's gossipsub.
//!
//! The room of the swarm's task that joins topics, sends what is published and hands over what is heard. Nothing is
//! forwarded before somebody has judged it, in a task of its own. Who publishes and listens holds a [`Handle`].

mod behaviour;
mod handle;
mod room;

pub(super) use behaviour::behaviour;
pub use handle::Handle;
pub(super) use room::Room;
