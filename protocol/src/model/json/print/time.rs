//! Moments as ColonyOS writes them.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::time::Timestamp;

/// "Never", as Go writes its zero time; its clients test for exactly this.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// The last moment RFC 3339 can express, in microseconds: the end of the year 9999.
const LAST_MICROS: u64 = 253_402_300_799_999_999;

/// A moment in RFC 3339, in UTC, to the microsecond without trailing zeros. The epoch itself means never.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    if at == Timestamp::ZERO {
        return NEVER.to_owned();
    }
    let nanos = i128::from(at.as_micros().min(LAST_MICROS)).saturating_mul(1_000);
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        // Cannot happen between 1970 and 9999.
        .unwrap_or_else(|| NEVER.to_owned())
}

/// The same for a moment that may not have come.
pub(super) fn maybe(at: Option<Timestamp>) -> String {
    rfc3339(at.unwrap_or(Timestamp::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_without_trailing_zeros_and_never_is_the_year_one() {
        for (micros, text) in [
            (0, "0001-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (1_000_000_000_000_000, "2001-09-09T01:46:40Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (1_795_345_086_029_860, "2026-11-22T10:58:06.02986Z"),
            (LAST_MICROS, "9999-12-31T23:59:59.999999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_micros(micros)), text);
        }
    }
}
