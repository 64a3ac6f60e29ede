//! How long nodes wait for each other, as it follows from how far they are from each other.

use std::time::Duration;

use crate::{consensus::Timing, runtime::Runtime};

/// First wait between two attempts to reach a peer. A process that is restarted needs about that long.
const FIRST: Duration = Duration::from_millis(50);

/// How long nodes wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// A peer that owes a sign of life for this long counts as unreachable, and another way to it is tried.
    pub(super) silence: Duration,
    /// A stream on which nothing was heard for this long is given up, also if there is no other.
    pub(super) dead: Duration,
    /// One attempt to reach a peer, handshakes included.
    pub(super) attempt: Duration,
    /// Longest wait between two attempts.
    pub(super) back_off: Duration,
}

impl Patience {
    /// What follows from the distance. A peer counts as silent a little after the others would have elected another
    /// coordinator in its place, not before.
    pub(super) fn new(timing: Timing) -> Self {
        let silence = timing.election_max().saturating_mul(5) / 2;
        Self {
            silence,
            dead: silence.saturating_mul(10),
            attempt: silence.saturating_mul(2),
            back_off: silence.saturating_mul(2).min(Duration::from_secs(5)),
        }
    }

    /// How often a stream is looked at: a sign of life is asked for after one such time without any.
    pub(super) fn tick(&self) -> Duration {
        self.silence / 4
    }

    /// The wait before the next attempt, after so many failures: twice the last one, and a random half of it less, so
    /// that two nodes do not meet again and again.
    pub(super) fn back_off(&self, failures: u32, runtime: &Runtime) -> Duration {
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX));
        let longest = doubled.min(self.back_off);
        let [random] = runtime.random::<1>();
        longest - longest.saturating_mul(u32::from(random)) / (2 * 256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test]
    async fn waits_grow_and_stay_within_their_bounds() {
        let runtime = Runtime::new(Tokio::new());
        for timing in [Timing::Local, Timing::Internet] {
            let patience = Patience::new(timing);
            assert!(patience.back_off(0, &runtime) <= FIRST);
            for failures in 0..100 {
                let wait = patience.back_off(failures, &runtime);
                assert!(wait >= FIRST / 2 && wait <= patience.back_off, "{wait:?} after {failures}");
            }
            assert!(patience.back_off(50, &runtime) >= patience.back_off / 2);
        }
    }
}
