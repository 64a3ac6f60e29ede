//! Points in time and spans of it, as the rules see them: numbers that came from a log entry, never from a clock.
//!
//! Arithmetic saturates: a hostile duration can make a deadline useless, never make a node panic.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Microseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself: "never happened".
    pub const ZERO: Self = Self(0);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Nanoseconds since the Unix epoch, as ColonyOS counts log and priority time; saturates in the year 2262.
    #[must_use]
    pub fn as_nanos(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX).saturating_mul(1_000)
    }

    /// This moment plus a span.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This moment minus a span.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A span of time in microseconds, at most [`Span::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// 100 years: longer than any lease, short enough that sums with a [`Timestamp`] stay meaningful.
    pub const MAX: Self = Self(100 * 365 * 86_400 * 1_000_000);

    /// From seconds, clamped to [`Span::MAX`].
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// From milliseconds, clamped to [`Span::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// From microseconds, clamped to [`Span::MAX`].
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// In microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// In seconds, with fraction, for showing to people and for statistics.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "100 years of microseconds fit 53 bits")]
        let micros = self.0 as f64;
        micros / 1e6
    }

    /// As the standard library counts spans.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let micros = u64::deserialize(deserializer)?;
        if micros > Self::MAX.0 {
            return Err(de::Error::custom("a span of time above 100 years"));
        }
        Ok(Self(micros))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_std())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn spans_we_make_are_clamped_to_a_century() {
        for span in [Span::from_secs(u64::MAX), Span::from_millis(u64::MAX), Span::from_micros(u64::MAX)] {
            assert_eq!(span, Span::MAX);
        }
        assert_eq!(Span::from_secs(2), Span::from_millis(2_000));
        assert_eq!(Span::from_secs(2).to_std().as_secs(), 2);
    }

    #[test]
    fn a_span_from_the_wire_above_a_century_is_refused() {
        let max = Span::MAX.as_micros();
        assert_eq!(codec::decode(&codec::encode(&max).unwrap()), Ok(Span::MAX));
        for micros in [max + 1, u64::MAX] {
            assert!(codec::decode::<Span>(&codec::encode(&micros).unwrap()).is_err());
        }
        assert!(codec::decode::<Span>(&codec::encode(&-1i64).unwrap()).is_err());
        assert!(codec::decode::<Span>(&codec::encode(&1.5f64).unwrap()).is_err());
    }

    #[test]
    fn arithmetic_at_the_ends_of_time_saturates() {
        let end = Timestamp::from_micros(u64::MAX);
        assert_eq!(end.after(Span::MAX), end);
        assert_eq!(Timestamp::ZERO.before(Span::MAX), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.since(end), Span::ZERO);
        // A difference between two timestamps may exceed a century: then it is longer than any limit we compare with.
        assert!(end.since(Timestamp::ZERO) > Span::MAX);
        assert_eq!(end.as_nanos(), i64::MAX);
        assert!(end.since(Timestamp::ZERO).as_secs_f64().is_finite());
    }
}
