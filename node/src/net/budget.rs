//! How many bytes of requests from peers may be in memory at once.
//!
//! Shared by every reader of frames. Bytes are charged as they arrive, never when they are announced, so a peer that
//! wants to use up the budget has to send it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that may be held, and those that are.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes charged to a budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// A charge of no bytes yet.
    pub(crate) fn open(self: &Arc<Self>) -> Charge {
        Charge { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Charge {
    /// Charges more bytes; says no, and charges nothing, if the budget does not have them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.budget.limit);
        let grown = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if grown {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        grown
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_given_back_and_never_exceeds_the_budget() {
        let budget = Budget::new(100);
        let mut first = budget.open();
        assert!(first.grow(60) && !first.grow(41) && first.grow(40));
        let mut second = budget.open();
        assert!(!second.grow(1));
        assert!(!second.grow(usize::MAX), "the sum does not overflow");
        drop(first);
        assert!(second.grow(100));
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
