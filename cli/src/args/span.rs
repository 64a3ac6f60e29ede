//! Spans of time, as people write them: `90s`, `10m`, `1h`, `7d`.

use std::time::Duration;

/// Seconds in each unit, by its letter.
const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];

/// Longest span: a century, so that adding one to any date of ours cannot overflow.
const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Reads a number and its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || "write a number and its unit: 90s, 10m, 1h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wanted)?;
    let (_, seconds) = UNITS.iter().find(|(letter, _)| *letter == unit).ok_or_else(wanted)?;
    let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wanted())?;
    let span = Duration::from_secs(number.saturating_mul(*seconds));
    match span {
        Duration::ZERO => Err("at least 1s".to_owned()),
        span if span > MAX => Err("at most 36500d".to_owned()),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "1", "h", "1.5h", "-1h", "1w", "0s", "1h ", "99999999999999999999d", "36501d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
