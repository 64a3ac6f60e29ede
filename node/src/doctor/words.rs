//! Numbers as people say them.

use std::{path::Path, time::Duration};

/// A kibibyte.
const KIB: u64 = 1024;

/// A short time with as many digits as matter.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1_000.0;
    match millis {
        ..10.0 => format!("{millis:.1}ms"),
        ..10_000.0 => format!("{millis:.0}ms"),
        _ => format!("{:.1}s", millis / 1_000.0),
    }
}

/// So many bytes.
pub(super) fn bytes(count: u64) -> String {
    match count {
        ..KIB => format!("{count} B"),
        _ => {
            let units = ["KiB", "MiB", "GiB", "TiB"];
            let step = (count.ilog2() / 10).min(4);
            let unit = usize::try_from(step.saturating_sub(1)).ok().and_then(|at| units.get(at));
            let whole = count >> step.saturating_mul(10);
            format!("{whole} {}", unit.copied().unwrap_or_default())
        }
    }
}

/// How far this clock is off, if another one is so far ahead of it.
pub(super) fn off(ahead: f64, name: &str) -> String {
    if ahead.abs() < 1.0 {
        return format!("within {:.0}ms of {name}'s", (ahead.abs() * 1_000.0).max(1.0).ceil());
    }
    format!("{} {} {name}'s", span(ahead.abs()), if ahead > 0.0 { "behind" } else { "ahead of" })
}

/// How far another clock is off.
pub(super) fn theirs(ahead: f64, name: &str) -> String {
    format!("{name}'s is {} {}", span(ahead.abs()), if ahead > 0.0 { "ahead" } else { "behind" })
}

/// Most of them are right.
pub(super) fn agrees(count: usize) -> String {
    format!("agrees with most of {count} members")
}

/// Some seconds in words that a person grasps.
fn span(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.1}s"),
        ..3_000.0 => format!("{:.0} minutes", seconds / 60.0),
        ..4_500.0 => "an hour".to_owned(),
        ..129_600.0 => format!("{:.0} hours", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// A path as a POSIX shell must be given it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&b));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_do() {
        assert_eq!(duration(Duration::from_micros(420)), "0.4ms");
        assert_eq!(duration(Duration::from_millis(231)), "231ms");
        assert_eq!(duration(Duration::from_secs(12)), "12.0s");
        assert_eq!([12, 2_048, 5 << 30, u64::MAX].map(bytes), ["12 B", "2 KiB", "5 GiB", "16777215 TiB"]);
        assert_eq!([2.0, 120.0, 3_600.0, 7_200.0, 864_000.0].map(span), {
            ["2.0s", "2 minutes", "an hour", "2 hours", "10 days"]
        });
    }

    #[test]
    fn which_clock_is_ahead_is_said_the_right_way_round() {
        assert_eq!(off(3_600.0, "b"), "an hour behind b's");
        assert_eq!(off(-90.0, "b"), "2 minutes ahead of b's");
        assert_eq!(off(0.0004, "b"), "within 1ms of b's");
        assert_eq!(theirs(-3_600.0, "b"), "b's is an hour behind");
    }
}
