//! Which zone an expression is meant in.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::ScheduleError;

/// How alike a name must be to one that exists to be suggested: the measure runs from 0 to 1.
const ALIKE: f64 = 0.8;

/// Takes `TZ=` or `CRON_TZ=` off an expression. Without one it is meant in UTC: the zone of a machine would differ from
/// replica to replica.
pub(super) fn split(text: &str) -> Result<(Tz, &str), ScheduleError> {
    let text = text.trim();
    let Some(rest) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) else {
        return Ok((Tz::UTC, text));
    };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let zone =
        name.parse().map_err(|_| ScheduleError::Zone { name: name.to_owned(), suggestion: near(name) })?;
    Ok((zone, rest.trim()))
}

fn near(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let alike = |zone: &Tz| strsim::jaro_winkler(&name, &zone.name().to_ascii_lowercase());
    let best = TZ_VARIANTS.iter().map(|zone| (alike(zone), zone.name()));
    let best = best.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, name)| name)
}
