//! Latencies, and what they come to.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Latencies of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Measures one request.
    pub(super) fn time<T>(&mut self, request: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let answer = request();
        self.0.push(begun.elapsed());
        answer
    }

    pub(super) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that so many of a thousand did not exceed.
    fn permille(&self, share: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * share / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, high) = (self.permille(500).as_secs_f64() * 1e3, self.permille(990).as_secs_f64() * 1e3);
        write!(f, "p50 {median:.2} ms, p99 {high:.2} ms ({} requests)", self.len())
    }
}
