//! One clock for all clients of a run.
//!
//! It is the clock that sleeps go by, which an emulator may move. Monotonic, and no two readings are equal: if one call had its answer before another was sent, the numbers say so.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A reading: nanoseconds since the first one of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// Before everything.
    pub const START: Self = Self(0);
    /// After everything: when a call without an answer ends.
    pub const NEVER: Self = Self(i64::MAX);

    /// Now, and later than every reading before.
    #[must_use]
    pub fn now() -> Self {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        static LAST: AtomicI64 = AtomicI64::new(0);
        let elapsed = BEGIN.get_or_init(Instant::now).elapsed().as_nanos();
        let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(elapsed.max(last + 1)));
        Self(elapsed.max(last.unwrap_or_default() + 1))
    }

    /// How long after another reading this one was taken; zero if before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_readings_are_equal_on_any_thread() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..1_000).map(|_| Moment::now()).collect::<Vec<_>>()))
            .collect();
        let mut all: Vec<Moment> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4_000);
    }
}
