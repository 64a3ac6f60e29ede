//! Durations as Go writes them, which ColonyOS's `@every` takes: `90s`, `1h30m`, `1.5h`.

use crate::time::Span;

/// Nanoseconds of each unit. Two-letter units come first, so that `ms` is not read as `m`.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// Digits of a number; more say nothing about a span of at most a century.
const DIGITS_MAX: usize = 18;

/// Reads a duration. Fractions of a second are dropped, as in ColonyOS.
pub(super) fn parse(text: &str) -> Option<Span> {
    let mut rest = text;
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let (unit, scale) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        nanos = nanos.saturating_add(scaled(number, *scale)?);
        rest = behind.get(unit.len()..)?;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    (!text.is_empty()).then(|| Span::from_secs(seconds))
}

/// A decimal number times a scale.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() > DIGITS_MAX || fraction.len() > DIGITS_MAX || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let read = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let tens = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = read(fraction)?.checked_mul(scale)?.checked_div(tens)?;
    read(whole)?.checked_mul(scale)?.checked_add(fraction)
}
