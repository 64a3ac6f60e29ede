//! Spans of time as people say them: short, never more than two units.

use colony_protocol::{
    model::json::rfc3339,
    time::{Span, Timestamp},
};

/// Seconds of a minute, an hour, a day.
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A span in a few characters: `34ms`, `1.2s`, `12s`, `3m20s`, `5h00m`, `2d03h`.
pub(crate) fn short(span: Span) -> String {
    let seconds = span.as_micros() / 1_000_000;
    match seconds {
        0 => format!("{}ms", span.as_micros() / 1_000),
        1..10 => format!("{:.1}s", span.as_secs_f64()),
        10..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m{:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h{:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d{:02}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// A span as a sentence says it: `34 ms`, `0.2 s`, `3m20s`.
pub(crate) fn spoken(span: Span) -> String {
    if span < Span::from_millis(100) {
        format!("{} ms", span.as_micros() / 1_000)
    } else if span < Span::from_secs(MINUTE) {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        short(span)
    }
}

/// How long ago a moment was; `-` for never.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    if then == Timestamp::ZERO { "-".to_owned() } else { format!("{} ago", short(now.since(then))) }
}

/// A moment, and how long ago it was.
pub(crate) fn moment(now: Timestamp, then: Timestamp) -> String {
    format!("{} ({})", rfc3339(then), ago(now, then))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_stay_short() {
        let shown: Vec<_> = [0, 9, 10, 75, 3_700, 90_000].map(|s| short(Span::from_secs(s))).into();
        assert_eq!(shown, ["0ms", "9.0s", "10s", "1m15s", "1h01m", "1d01h"]);
        let said: Vec<_> = [34, 200, 75_000].map(|ms| spoken(Span::from_millis(ms))).into();
        assert_eq!(said, ["34 ms", "0.2 s", "1m15s"]);
        assert_eq!(ago(Timestamp::from_micros(5), Timestamp::ZERO), "-");
    }
}
