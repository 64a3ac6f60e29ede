//! Chance that a seed fixes.

use colony_protocol::time::Span;

/// `SplitMix64` (Steele et al. 2014). Written out here so that a seed means the same run for ever, whatever becomes of a
/// dependency.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Equal seeds give equal numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number below `bound`; zero if that is zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.number() % bound }
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// True in so many of a thousand cases.
    pub const fn per_mille(&mut self, cases: u64) -> bool {
        self.below(1000) < cases
    }

    /// A span between two numbers of milliseconds.
    pub const fn millis(&mut self, low: u64, high: u64) -> Span {
        Span::from_micros(self.between(low.saturating_mul(1000), high.saturating_mul(1000)))
    }

    /// One of a list.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(items.len()).unwrap_or(u64::MAX));
        items.get(usize::try_from(place).unwrap_or_default())
    }

    /// A source of its own for one actor, so that what one does never shifts the luck of another.
    #[must_use]
    pub const fn split(&mut self) -> Self {
        Self::new(self.number())
    }

    /// Sixteen bytes that do not come again.
    pub fn bytes(&mut self) -> [u8; 16] {
        (u128::from(self.number()) << 64 | u128::from(self.number())).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers() {
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            [(); 4].map(|()| chance.number())
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn bounds_are_kept() {
        let mut chance = Chance::new(3);
        assert!((0..1000).all(|_| (5..=9).contains(&chance.between(5, 9))));
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.one_of::<u8>(&[]), None);
    }
}
