//! How long things took, in the buckets of a Prometheus histogram.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Upper ends of the buckets, in microseconds: from what memory answers to what a long poll waits.
pub(crate) const BUCKETS: [u64; 14] = [
    500,
    1_000,
    2_000,
    3_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
    5_000_000,
    30_000_000,
    300_000_000,
];

/// Times, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    /// By how long they were, each bucket alone; the last is for those above all.
    pub(crate) buckets: [u64; BUCKETS.len() + 1],
    /// Of all together.
    pub(crate) sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub(crate) fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A histogram that many write to.
#[derive(Debug, Default)]
pub(crate) struct SharedHistogram(Mutex<Histogram>);

impl SharedHistogram {
    /// Counts several.
    pub(crate) fn add(&self, times: impl Iterator<Item = Duration>) {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.for_each(|took| histogram.add(took));
    }

    /// What was counted so far.
    pub(crate) fn read(&self) -> Histogram {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_where_they_belong() {
        let histogram = SharedHistogram::default();
        let times = [0, 500, 501, 300_000_000, 300_000_001, u64::MAX].map(Duration::from_micros);
        histogram.add(times.into_iter());
        let read = histogram.read();
        assert_eq!((read.count(), read.buckets[0], read.buckets[1]), (6, 2, 1));
        assert_eq!((read.buckets[13], read.buckets[14]), (1, 2));
    }
}
