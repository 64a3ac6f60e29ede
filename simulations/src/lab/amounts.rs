//! Amounts as people write them in a scenario: `500ms`, `90s`, `10m`, `1Gbit`, and shares between 0 and 1.
//!
//! They are read once, into integers, so that no float reaches the run: microseconds, kilobits a second, millionths.

use serde::{Deserialize, Deserializer, de};

/// Microseconds in each unit of time, longest names first so that `ms` is not read as `s`.
const TIMES: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
/// Longest span: a century, as in the rules.
const LONGEST: u64 = 100 * 365 * 86_400_000_000;
/// Kilobits a second in each unit of bandwidth.
const RATES: [(&str, u64); 3] = [("kbit", 1), ("Mbit", 1_000), ("Gbit", 1_000_000)];
/// Millionths in a whole.
pub const WHOLE: u32 = 1_000_000;

/// A span of virtual time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub u64);

/// A bandwidth in kilobits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

/// A part of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share(pub u32);

impl Time {
    /// From seconds.
    #[must_use]
    pub const fn secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }
}

impl Share {
    /// From a number between 0 and 1.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(value: f64) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&value) {
            return Err(format!("{value} is no share: write a number from 0 to 1"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most a million, as checked above"
        )]
        let millionths = (value * f64::from(WHOLE)).round() as u32;
        Ok(Self(millionths))
    }

    /// As a number between 0 and 1.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

/// Reads a number, which may have a decimal point, and its unit, in the smallest unit.
fn amount(text: &str, units: &[(&str, u64)], wanted: &str) -> Result<u64, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative: {wanted}"));
    }
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let wrong = || format!("`{text}` is no amount: {wanted}");
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let mut sum = whole.saturating_mul(*factor);
    let mut place = *factor;
    for digit in part.chars() {
        place /= 10;
        sum = sum.saturating_add(u64::from(digit.to_digit(10).ok_or_else(wrong)?).saturating_mul(place));
    }
    Ok(sum)
}

/// Reads a span of time.
///
/// # Errors
/// What is wrong with it.
pub fn time(text: &str) -> Result<Time, String> {
    let micros = amount(text, &TIMES, "write a number and its unit: 500us, 20ms, 90s, 10m, 1h or 7d")?;
    if micros > LONGEST { Err(format!("`{text}` is more than a century")) } else { Ok(Time(micros)) }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        time(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match amount(&text, &RATES, "write a number and its unit: 500kbit, 20Mbit or 1Gbit") {
            Ok(0) => Err(de::Error::custom("a bandwidth of zero carries nothing")),
            Ok(kilobits) => Ok(Self(kilobits)),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_and_units() {
        for (text, micros) in
            [("500us", 500), ("1.5ms", 1_500), ("90s", 90_000_000), ("10m", 600_000_000), ("0s", 0)]
        {
            assert_eq!(time(text), Ok(Time(micros)), "{text}");
        }
        for text in ["", "1", "ms", "-5ms", "1w", "1.x s", "40000d", "99999999999999999999s"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(time("-5ms").unwrap_err().contains("negative"));
    }

    #[test]
    fn a_share_is_from_zero_to_one() {
        assert_eq!(Share::new(0.25), Ok(Share(250_000)));
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Share::new(value).is_err(), "{value}");
        }
    }
}
