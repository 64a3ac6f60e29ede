//! Six-field expressions, read and looked through by a crate.
//!
//! Only what ColonyOS's dialect has is accepted: `* ? , - /`, names of months and days. With it a day of each leap year
//! is the rarest moment there is, so looking for the next one is short; a day that no month has is refused before anybody
//! looks for it. At a change of the clock a fixed time that is skipped comes right after the gap, and one that comes
//! twice runs once.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::ScheduleError;
use crate::time::Timestamp;

/// Fields of an expression.
const FIELDS: usize = 6;
/// Days of each month, in the longest year.
const DAYS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// An expression in its zone.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    cron: Cron,
    zone: Tz,
}

impl Calendar {
    /// Reads six fields.
    pub(super) fn parse(text: &str, zone: Tz) -> Result<Self, ScheduleError> {
        let found = text.split_whitespace().count();
        if found != FIELDS {
            return Err(ScheduleError::Fields { found });
        }
        if text.contains('+') {
            return Err(ScheduleError::Dialect);
        }
        // Sloppy ranges are those ColonyOS has: `5/15` means from 5 on, every 15.
        let parser =
            CronParser::builder().seconds(Seconds::Required).year(Year::Optional).sloppy_ranges(true).build();
        let cron = parser.parse(text).map_err(|error| ScheduleError::Field(error.to_string()))?;
        if cron.pattern.days.has_modifiers() || cron.pattern.days_of_week.has_modifiers() {
            return Err(ScheduleError::Dialect);
        }
        if never_comes(&cron) {
            return Err(ScheduleError::Never);
        }
        Ok(Self { cron, zone })
    }

    /// The first moment after `now`.
    pub(super) fn after(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = i64::try_from(now.as_micros() / 1_000_000).ok()?;
        let now = DateTime::<Utc>::from_timestamp(seconds, 0)?.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&now, false).ok()?;
        let seconds = u64::try_from(next.timestamp()).ok()?;
        Some(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
    }
}

/// Whether the days and months of an expression never meet. Days of the week always come.
fn never_comes(cron: &Cron) -> bool {
    if !cron.pattern.is_dow_wildcard() {
        return false;
    }
    let days = cron.pattern.days.values();
    let longest = |month: &u16| {
        let place = usize::from(month.saturating_sub(1));
        DAYS.get(place).copied().unwrap_or_default()
    };
    let most = cron.pattern.months.values().iter().map(longest).max().unwrap_or_default();
    !days.iter().any(|day| *day <= most)
}
