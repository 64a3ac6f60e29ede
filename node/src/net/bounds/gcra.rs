//! How often somebody may do something: the generic cell rate algorithm, on whatever clock it is told.
//!
//! One time is kept for each key: when it would next be on schedule if everything so far had come evenly spaced. Who
//! is ahead of that by more than its burst is told how long to wait. A key that is on schedule needs no memory, so what
//! is kept is bounded by the keys that were busy lately, and by a limit on top: when even those are too many, a key
//! nobody knows is refused, not one that is known forgotten.

use std::{collections::BTreeMap, time::Duration};

/// At most this many keys are looked at to admit one more, on average: a sweep is due when the table has doubled.
const SWEEP_MIN: usize = 64;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Time between two, on average.
    interval: Duration,
    /// How far ahead of that somebody may be.
    tolerance: Duration,
}

impl Rate {
    /// So many a second on average, and `burst` at once after a pause; at least one of each.
    #[must_use]
    pub const fn per_second(count: u32, burst: u32) -> Self {
        let count = if count == 0 { 1 } else { count };
        let burst = if burst == 0 { 1 } else { burst };
        let nanos = 1_000_000_000_u64 / count as u64;
        let interval = Duration::from_nanos(if nanos == 0 { 1 } else { nanos });
        Self { interval, tolerance: interval.saturating_mul(burst - 1) }
    }
}

/// What is remembered of one key: when it would be on schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cell(Duration);

impl Cell {
    /// Counts one more at `now`, or says how long to wait before there is room for it. A refused one is not counted: who
    /// keeps asking too early is not punished beyond that.
    ///
    /// # Errors
    /// The time to wait.
    pub(crate) fn take(&mut self, now: Duration, rate: Rate) -> Result<(), Duration> {
        let due = self.0.max(now);
        let ahead = due.saturating_sub(now);
        if ahead > rate.tolerance {
            return Err(ahead.saturating_sub(rate.tolerance));
        }
        self.0 = due.saturating_add(rate.interval);
        Ok(())
    }

    /// Whether it is as good as new.
    const fn is_idle(&self, now: Duration) -> bool {
        self.0.as_nanos() <= now.as_nanos()
    }
}

/// The same rate for each of many keys.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: Rate,
    cells: BTreeMap<K, Cell>,
    /// Most keys that may be busy at once.
    keys_max: usize,
    /// How many keys there may be before idle ones are looked for.
    sweep_at: usize,
}

impl<K: Ord> Limiter<K> {
    /// Nobody is known yet; at most `keys_max` will be.
    pub(crate) const fn new(rate: Rate, keys_max: usize) -> Self {
        Self { rate, cells: BTreeMap::new(), keys_max, sweep_at: SWEEP_MIN }
    }

    /// Counts one more of `key` at `now`.
    ///
    /// # Errors
    /// The time to wait.
    pub(crate) fn take(&mut self, key: K, now: Duration) -> Result<(), Duration> {
        if let Some(cell) = self.cells.get_mut(&key) {
            return cell.take(now, self.rate);
        }
        if self.cells.len() >= self.sweep_at.min(self.keys_max) {
            self.cells.retain(|_, cell| !cell.is_idle(now));
            self.sweep_at = self.cells.len().saturating_mul(2).max(SWEEP_MIN);
        }
        if self.cells.len() >= self.keys_max {
            return Err(self.rate.interval);
        }
        let mut cell = Cell::default();
        cell.take(now, self.rate)?;
        self.cells.insert(key, cell);
        Ok(())
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let rate = Rate::per_second(10, 5);
        let mut cell = Cell::default();
        let now = Duration::from_secs(7);
        for _ in 0..5 {
            assert_eq!(cell.take(now, rate), Ok(()));
        }
        // The wait that is named is the wait that is needed, to the nanosecond.
        let wait = cell.take(now, rate).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert!(cell.take(now + wait - Duration::from_nanos(1), rate).is_err());
        assert_eq!(cell.take(now + wait, rate), Ok(()));
        assert!(cell.take(now + wait, rate).is_err());
        // After a long pause the whole burst is there again, and no more than that.
        let later = now + Duration::from_secs(1_000);
        assert_eq!((0..100).filter(|_| cell.take(later, rate).is_ok()).count(), 5);
    }

    #[test]
    fn keys_do_not_share_and_idle_ones_are_forgotten() {
        let mut limiter = Limiter::new(Rate::per_second(1, 1), 1_000_000);
        for second in 0..10_000_u64 {
            assert_eq!(limiter.take(second, Duration::from_secs(second)), Ok(()));
            assert!(limiter.take(second, Duration::from_secs(second)).is_err());
        }
        assert!(limiter.len() <= 2 * SWEEP_MIN, "{} are remembered", limiter.len());
    }

    #[test]
    fn too_many_busy_keys_are_refused_and_the_known_ones_keep_their_place() {
        let mut limiter = Limiter::new(Rate::per_second(1, 1), 100);
        for key in 0..100 {
            assert_eq!(limiter.take(key, Duration::ZERO), Ok(()));
        }
        assert!(limiter.take(100, MILLI).is_err());
        assert_eq!(limiter.len(), 100);
        assert_eq!(limiter.take(5, Duration::from_secs(1)), Ok(()));
        assert_eq!(limiter.take(100, Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn times_and_rates_without_sense_do_no_harm() {
        let mut cell = Cell::default();
        let rate = Rate::per_second(0, 0);
        assert_eq!(cell.take(Duration::MAX, rate), Ok(()));
        assert!(cell.take(Duration::ZERO, rate).is_err());
        assert_eq!(Rate::per_second(u32::MAX, u32::MAX).interval, Duration::from_nanos(1));
    }

    proptest! {
        /// Over any stretch of time no more passes than the burst and what the rate gives for that time.
        #[test]
        fn never_more_than_burst_and_rate(
            count in 1_u32..1_000,
            burst in 1_u32..50,
            pauses in proptest::collection::vec(0_u64..20_000, 1..200),
        ) {
            let rate = Rate::per_second(count, burst);
            let mut cell = Cell::default();
            let start = Duration::from_secs(1);
            let (mut now, mut passed) = (start, 0_u64);
            for pause in pauses {
                now += Duration::from_micros(pause);
                passed += u64::from(cell.take(now, rate).is_ok());
                let earned = (now - start).as_nanos() / rate.interval.as_nanos();
                prop_assert!(u128::from(passed) <= u128::from(burst) + earned);
            }
        }
    }
}
