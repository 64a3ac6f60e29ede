//! When crons run: six-field expressions, descriptors, time zones, plain intervals.
//!
//! Every replica works these moments out for itself when it applies an entry, and all must come to the same ones. So there
//! is no clock here, no random source and no time zone of the machine: zones are part of the program, an expression
//! without one means UTC, and a random delay is drawn from the cron's id and the moment it delays.
//!
//! A *tick* is a moment the schedule names; the run of a tick is at the tick, or a random delay after it. What may never
//! happen: an expression that is accepted and never comes, or one that takes long to look through.

mod calendar;
mod zone;

use calendar::Calendar;

use crate::{
    identity::Digest,
    model::{Cron, CronId, Schedule},
    time::{Span, Timestamp},
    units::parse_duration,
};

/// The shortest interval: ColonyOS looks at its crons once a second.
pub const INTERVAL_MIN: Span = Span::from_secs(1);

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Not six fields.
    #[error(
        "expected exactly 6 fields, found {found}: second minute hour day-of-month month day-of-week; for the \
         five fields of crontab put a 0 in front"
    )]
    Fields {
        /// How many there are.
        found: usize,
    },
    /// A field that is not understood.
    #[error("{0}")]
    Field(String),
    /// Signs that other dialects have.
    #[error("`L`, `W`, `#` and `+` are not part of ColonyOS's cron expressions")]
    Dialect,
    /// A day that no month has.
    #[error("no month has such a day: it would never run")]
    Never,
    /// An unknown descriptor.
    #[error(
        "unknown descriptor `{0}`: there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and \
         @every 1h30m"
    )]
    Descriptor(String),
    /// What stands behind `@every` or is given as an interval.
    #[error("`{0}` is no duration such as 90s, 5m or 1h30m")]
    Duration(String),
    /// An interval that is too short.
    #[error("an interval is at least one second")]
    TooShort,
    /// A time zone that is not known.
    #[error("unknown time zone `{name}`{}", suggestion.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    Zone {
        /// As it was written.
        name: String,
        /// What it may have meant.
        suggestion: Option<&'static str>,
    },
}

/// A schedule, understood.
#[derive(Debug, Clone)]
pub enum Timetable {
    /// Moments of a calendar.
    Calendar(Box<CalendarSchedule>),
    /// The same span again and again.
    Every {
        /// The span.
        span: Span,
        /// Whether each run is at a random moment of its span.
        random: bool,
    },
}

/// Moments of a calendar in a time zone.
#[derive(Debug, Clone)]
pub struct CalendarSchedule(Calendar);

impl Timetable {
    /// Understands a schedule.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn new(schedule: &Schedule) -> Result<Self, ScheduleError> {
        match schedule {
            Schedule::Expression(text) => Self::parse(text),
            Schedule::Interval { every, random } => Self::every(*every, *random),
        }
    }

    /// Understands an expression or a descriptor, with `TZ=Area/City` or `CRON_TZ=Area/City` in front if it is meant in
    /// that zone.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let (zone, rest) = zone::split(text)?;
        let Some(descriptor) = rest.strip_prefix('@') else {
            return Self::calendar(rest, zone);
        };
        if let Some(duration) = descriptor.strip_prefix("every ") {
            let duration = duration.trim();
            let span = parse_duration(duration, "@every")
                .map_err(|_| ScheduleError::Duration(duration.to_owned()))?;
            // Fractions of a second are dropped, as in ColonyOS.
            return Self::every(Span::from_secs(span.as_micros() / 1_000_000), false);
        }
        let fields = match descriptor.to_ascii_lowercase().as_str() {
            "yearly" | "annually" => "0 0 0 1 1 *",
            "monthly" => "0 0 0 1 * *",
            "weekly" => "0 0 0 * * 0",
            "daily" | "midnight" => "0 0 0 * * *",
            "hourly" => "0 0 * * * *",
            _ => return Err(ScheduleError::Descriptor(rest.to_owned())),
        };
        Self::calendar(fields, zone)
    }

    fn calendar(fields: &str, zone: chrono_tz::Tz) -> Result<Self, ScheduleError> {
        Ok(Self::Calendar(Box::new(CalendarSchedule(Calendar::parse(fields, zone)?))))
    }

    fn every(span: Span, random: bool) -> Result<Self, ScheduleError> {
        if span < INTERVAL_MIN {
            return Err(ScheduleError::TooShort);
        }
        Ok(Self::Every { span, random })
    }

    /// The first tick of a cron that is made now. `None`: there is none any more.
    #[must_use]
    pub fn first(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Calendar(calendar) => calendar.0.after(now),
            // The first run is somewhere in the span that begins now.
            Self::Every { random: true, .. } => Some(now),
            Self::Every { span, random: false } => Some(now.after(*span)),
        }
    }

    /// The first tick after `now`, given an earlier one. However many lie between, they are passed over.
    #[must_use]
    pub fn next(&self, tick: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Calendar(calendar) => calendar.0.after(tick.max(now)),
            Self::Every { span, .. } => {
                let every = span.as_micros().max(1);
                let passed = now.since(tick).as_micros() / every;
                let ahead = passed.saturating_add(1).saturating_mul(every);
                Some(Timestamp::from_micros(tick.as_micros().saturating_add(ahead)))
            }
        }
    }

    /// The tick whose run comes next after `now`, and that run, given the tick before. Runs whose moment has passed
    /// are passed over; that of a span which `now` lies in may still be ahead.
    #[must_use]
    pub fn next_run(&self, cron: &CronId, tick: Timestamp, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let begun = match self {
            Self::Every { span, random: true } => now.before(*span),
            _ => now,
        };
        let next = self.next(tick, begun)?;
        let next = if self.run_at(cron, next) > now { next } else { self.next(next, now)? };
        Some((next, self.run_at(cron, next)))
    }

    /// When the run of a tick is.
    #[must_use]
    pub fn run_at(&self, cron: &CronId, tick: Timestamp) -> Timestamp {
        match self {
            Self::Every { span, random: true } => tick.after(delay(cron, tick, *span)),
            _ => tick,
        }
    }
}

/// A delay below `span` that looks random and is the same on every replica.
fn delay(cron: &CronId, tick: Timestamp, span: Span) -> Span {
    let hash = Digest::of(&[b"colony/cron-delay/1\n", cron.as_bytes(), &tick.as_micros().to_be_bytes()]);
    let mut head = [0; 8];
    head.copy_from_slice(&hash.0[..8]);
    // A century of microseconds is below 2^52, so the remainder is even enough.
    Span::from_micros(u64::from_be_bytes(head) % span.as_micros().max(1))
}

/// The next runs of a cron, the nearest first.
#[must_use]
pub fn upcoming(cron: &Cron, count: usize) -> Vec<Timestamp> {
    let (Ok(timetable), Some(next)) = (Timetable::new(&cron.schedule), cron.next_run) else {
        return Vec::new();
    };
    let ticks = std::iter::successors(Some(cron.tick), |tick| timetable.next(*tick, *tick));
    let later = ticks.skip(1).map(|tick| timetable.run_at(&cron.id, tick));
    std::iter::once(next).chain(later).take(count).collect()
}

#[cfg(test)]
mod tests;
