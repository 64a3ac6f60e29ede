//! Counts of values in buckets of about one and a half percent: any number of samples in little memory, and the same
//! quantiles whatever the order.

/// Buckets in each doubling.
const SUB: u64 = 64;

/// Counts by size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u128,
    max: u64,
}

/// The bucket of a value: exact below [`SUB`].
fn bucket(value: u64) -> usize {
    if value < SUB {
        return value as usize;
    }
    let doubling = u64::from(63 - value.leading_zeros()) - 6;
    ((doubling + 1) * SUB + ((value >> doubling) - SUB)) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB {
        return bucket;
    }
    let doubling = bucket / SUB - 1;
    let low = (bucket % SUB + SUB) << doubling;
    low + (1_u64 << doubling) / 2
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        let place = bucket(value);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The largest.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Their mean; zero of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum as f64 / self.total as f64 }
    }

    /// The value below which so many of a thousand are; zero of none.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> u64 {
        let wanted = (self.total * per_mille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(place).min(self.max);
            }
        }
        0
    }

    /// The cumulative distribution: values, and the share of all that are no larger.
    #[must_use]
    pub fn cumulative(&self) -> Vec<(u64, f64)> {
        let mut seen = 0;
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let points = filled.map(|(place, count)| {
            seen += count;
            (middle(place).min(self.max), seen as f64 / self.total as f64)
        });
        points.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_in_order() {
        for value in (0..2_000).chain((1..50).map(|power| 3_u64 << power)) {
            let error = middle(bucket(value)).abs_diff(value);
            assert!(error * 64 <= value, "{value} became {}", middle(bucket(value)));
            assert!(bucket(value) <= bucket(value + 1));
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|value| histogram.add(value));
        for (per_mille, value) in [(500, 500_u64), (990, 990), (1_000, 1_000)] {
            assert!(histogram.quantile(per_mille).abs_diff(value) * 60 <= value);
        }
        assert_eq!((histogram.count(), histogram.max(), histogram.mean()), (1_000, 1_000, 500.5));
        assert_eq!(Histogram::default().quantile(500), 0);
        assert_eq!(histogram.cumulative().last(), Some(&(1_000, 1.0)));
    }
}
