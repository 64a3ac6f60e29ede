//! A hash over everything that happened, to compare runs with.

use colony_protocol::identity::Digest;

/// Grows with each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Trace(Digest);

impl Default for Trace {
    fn default() -> Self {
        Self(Digest::of(&[b"colony/simulation/1\n"]))
    }
}

impl Trace {
    /// Adds something, in the form it is printed in for debugging.
    pub fn add(&mut self, happened: &impl std::fmt::Debug) {
        self.0 = Digest::of(&[&self.0.0, format!("{happened:?}").as_bytes()]);
    }

    /// The hash so far.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.0
    }
}
