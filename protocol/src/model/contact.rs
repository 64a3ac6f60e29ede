//! When an executor can be reached, as it says in advance: a satellite in its orbit, a ship in its ports, a laptop at night.
//!
//! Silence that was foretold is no failure. Who holds a lease and has said that it will be silent is waited for until two
//! of its windows have passed without a word ([`ContactPlan::renew_by`]). Where nothing was said, nothing changes.

use serde::{Deserialize, Serialize};

use crate::{
    bounded::List,
    time::{Span, Timestamp},
};

/// Most windows of a plan: two weeks of orbits. Who has more declares again when some have passed.
pub const WINDOWS_MAX: usize = 256;
/// Longest margin. A plan that is more wrong than this is none.
pub const MARGIN_MAX: Span = Span::from_secs(3_600);
/// Windows that pass without a word before their executor is overdue.
const MISSED: usize = 2;

/// A time in which an executor can be reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Window {
    /// From here on.
    pub start: Timestamp,
    /// Up to here.
    pub end: Timestamp,
}

/// When an executor can be reached. No windows: always.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactPlan {
    /// In order, without overlap.
    pub windows: List<Window, WINDOWS_MAX>,
    /// By how much a window may begin or end at another time, getting in contact included.
    pub margin: Span,
}

/// Whether an executor can be reached at a moment, by its plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// There is no plan for that moment.
    Unplanned,
    /// In a window, which ends then.
    InContact(Timestamp),
    /// Silent, until then.
    Silent(Timestamp),
}

impl ContactPlan {
    /// What is wrong with it: the field, and why.
    ///
    /// # Errors
    /// The number of the window, and what is wrong; no number for the margin.
    pub fn check(&self) -> Result<(), (Option<usize>, &'static str)> {
        if self.margin > MARGIN_MAX {
            return Err((None, "at most an hour"));
        }
        let mut last = Timestamp::ZERO;
        for (place, window) in self.windows.iter().enumerate() {
            if window.end <= window.start {
                return Err((Some(place), "it ends before it begins"));
            }
            if window.start < last {
                return Err((Some(place), "it begins before the one before it ends"));
            }
            last = window.end;
        }
        Ok(())
    }

    /// Whether the executor can be reached at `now`.
    #[must_use]
    pub fn reach(&self, now: Timestamp) -> Reach {
        match self.after(now).first() {
            None => Reach::Unplanned,
            Some(window) if window.start <= now => Reach::InContact(window.end),
            Some(window) => Reach::Silent(window.start),
        }
    }

    /// By when somebody last heard at `heard` must be heard again who promised a sign at least every `heartbeat`.
    ///
    /// Well within a window that is the promise. Otherwise it is the end of the second window that begins later, and the
    /// margin: one window may be missed. After the last window there is only the promise.
    #[must_use]
    pub fn renew_by(&self, heard: Timestamp, heartbeat: Span) -> Timestamp {
        let promised = heard.after(heartbeat);
        let left = self.after(heard);
        let within = left.first().filter(|window| window.start <= heard);
        if within.is_some_and(|window| promised.after(self.margin) <= window.end) {
            return promised;
        }
        let later = left.get(usize::from(within.is_some())..).unwrap_or_default();
        let last = later.get(..MISSED.min(later.len())).and_then(<[Window]>::last);
        last.map_or(promised, |window| window.end.after(self.margin).max(promised))
    }

    /// When something could be brought back that must be back at `deadline`, and is taken at `now`: `Ok` if in time, else
    /// the next contact after it.
    ///
    /// # Errors
    /// The start of the first window after the deadline.
    pub fn returns_by(&self, now: Timestamp, deadline: Timestamp) -> Result<(), Timestamp> {
        match self.after(now).iter().find(|window| window.start > now || window.end >= deadline) {
            Some(window) if window.start > now && window.start.after(self.margin) > deadline => {
                Err(window.start)
            }
            _ => Ok(()),
        }
    }

    /// The plan without windows that were over at `now`.
    #[must_use]
    pub fn since(&self, now: Timestamp) -> Self {
        let windows = List::new(self.after(now.before(self.margin)).to_vec()).unwrap_or_default();
        Self { windows, margin: self.margin }
    }

    /// Windows that are not over.
    fn after(&self, now: Timestamp) -> &[Window] {
        let passed = self.windows.partition_point(|window| window.end <= now);
        self.windows.get(passed..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Eight minutes of every ninety-five, as a satellite has them.
    fn orbits() -> ContactPlan {
        let windows = (0..10).map(|orbit| Window { start: at(orbit * 5_700), end: at(orbit * 5_700 + 480) });
        ContactPlan { windows: List::new(windows.collect()).unwrap(), margin: Span::from_secs(30) }
    }

    const BEAT: Span = Span::from_secs(10);

    #[test]
    fn within_a_window_the_promise_counts_and_outside_two_windows_may_pass() {
        let plan = orbits();
        assert_eq!(plan.renew_by(at(100), BEAT), at(110));
        // Too near the end of the window to tell silence from its end.
        assert_eq!(plan.renew_by(at(450), BEAT), at(2 * 5_700 + 480 + 30));
        assert_eq!(plan.renew_by(at(3_000), BEAT), at(2 * 5_700 + 480 + 30));
        // One window is left, then none.
        assert_eq!(plan.renew_by(at(8 * 5_700 + 600), BEAT), at(9 * 5_700 + 510));
        assert_eq!(plan.renew_by(at(9 * 5_700 + 600), BEAT), at(9 * 5_700 + 610));
        assert_eq!(ContactPlan::default().renew_by(at(5), BEAT), at(15));
    }

    #[test]
    fn reach_says_until_when() {
        let plan = orbits();
        assert_eq!(plan.reach(at(0)), Reach::InContact(at(480)));
        assert_eq!(plan.reach(at(480)), Reach::Silent(at(5_700)));
        assert_eq!(plan.reach(at(60_000)), Reach::Unplanned);
        assert_eq!(plan.since(at(5_800)).windows.len(), 9);
    }

    #[test]
    fn work_is_refused_whose_result_cannot_be_back_in_time() {
        let plan = orbits();
        assert_eq!(plan.returns_by(at(100), at(400)), Ok(()));
        assert_eq!(plan.returns_by(at(100), at(1_000)), Err(at(5_700)));
        assert_eq!(plan.returns_by(at(100), at(6_000)), Ok(()));
        assert_eq!(ContactPlan::default().returns_by(at(100), at(200)), Ok(()));
    }

    #[test]
    fn a_plan_in_disorder_is_named() {
        let plan = |pairs: &[(u64, u64)]| {
            let windows = pairs.iter().map(|(start, end)| Window { start: at(*start), end: at(*end) });
            ContactPlan { windows: List::new(windows.collect()).unwrap(), margin: Span::ZERO }
        };
        assert_eq!(plan(&[(0, 5), (5, 9)]).check(), Ok(()));
        assert_eq!(plan(&[(0, 5), (4, 9)]).check().unwrap_err().0, Some(1));
        assert_eq!(plan(&[(5, 5)]).check().unwrap_err().0, Some(0));
    }
}
