//! Who judges what is heard before it is passed on.

use std::fmt;

use crate::net::PeerId;

/// What becomes of a message that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Genuine and new: it is passed on.
    Accept,
    /// Of no use, and nobody's fault: it goes no further.
    Ignore,
    /// Forged, or nonsense: it goes no further, and who passed it on is trusted less.
    Reject,
}

/// Listens to one colony's topic. Called on the processor pool, by several threads at once.
pub trait Ear: Send + Sync + fmt::Debug + 'static {
    /// Judges a message that `from` passed on; its author is whoever signed `message`.
    fn hear(&self, from: PeerId, message: &[u8]) -> Verdict;
}
