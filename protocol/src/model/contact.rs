//! When an executor can be reached, as it says in advance: a satellite in its orbit, a ship in its ports, a laptop at night.
//!
//! Silence that was foretold is no failure. Who holds a lease and has said that it will be silent is waited for until two
//! of its windows have passed without a word ([`ContactPlan::renew_by`]). Where nothing was said, nothing changes.

use serde::{Deserialize, Serialize};

use super::is_default;
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
    /// Bytes a second that pass in it, either way; 0 where nobody said so: then enough.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rate: u64,
}

impl Window {
    /// Bytes that pass from `from` to `to`, as far as that is within it; `None` for any number.
    fn volume(&self, from: Timestamp, to: Timestamp) -> Option<u64> {
        if self.rate == 0 {
            return None;
        }
        let span = to.min(self.end).since(from.max(self.start));
        let bytes = u128::from(self.rate).saturating_mul(u128::from(span.as_micros())) / 1_000_000;
        Some(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
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

/// What work puts on the links of its executor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Freight {
    /// Bytes that go up to it: the process and its input.
    pub up: u64,
    /// Bytes that come back: the result, behind those of other work that it holds.
    pub back: u64,
    /// When the result must be back, if it must.
    pub deadline: Option<Timestamp>,
}

/// The leg of a way there and back that fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leg {
    /// What is left of the window carries too little up.
    Up {
        /// The window's end.
        until: Timestamp,
        /// Bytes that still pass.
        carries: u64,
    },
    /// There is no contact in time: the first one after the deadline.
    Late(Timestamp),
    /// No window in time carries the result: the largest of them.
    Back {
        /// Its begin.
        from: Timestamp,
        /// Bytes that pass.
        carries: u64,
    },
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

    /// Whether work that is taken at `now` gets up, and its result back in time; else which leg fails.
    ///
    /// How long the work takes is not known, but that it may take until its deadline: so the result travels in a later
    /// window, or in this one if that lasts until the deadline. It travels as one message, so one window must carry all
    /// of it; beyond its last window a plan says nothing, and refuses nothing.
    ///
    /// # Errors
    /// The [`Leg`] that fails.
    pub fn round_trip(&self, now: Timestamp, freight: Freight) -> Result<(), Leg> {
        let left = self.after(now);
        let current = left.first().filter(|window| window.start <= now);
        if let Some(window) = current
            && let Some(carries) = window.volume(now, window.end).filter(|carries| *carries < freight.up)
        {
            return Err(Leg::Up { until: window.end, carries });
        }
        let end = freight.deadline.unwrap_or(Timestamp::from_micros(u64::MAX));
        let stays = current.filter(|window| window.end >= end);
        let later = left.get(usize::from(current.is_some())..).unwrap_or_default();
        let opens = |window: &Window| window.start.after(self.margin);
        let in_time = later.iter().take_while(|window| opens(window) <= end);
        let ways = stays.into_iter().map(|window| (now, window));
        let ways = ways.chain(in_time.map(|window| (opens(window), window)));
        let mut largest = None;
        for (from, window) in ways {
            match window.volume(from, end) {
                Some(carries) if carries < freight.back => {
                    largest = largest.max(Some((carries, window.start)));
                }
                _ => return Ok(()),
            }
        }
        match (largest, later.first()) {
            (Some((carries, from)), _) => Err(Leg::Back { from, carries }),
            (None, Some(next)) => Err(Leg::Late(next.start)),
            (None, None) => Ok(()),
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
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    const fn window(start: u64, end: u64, rate: u64) -> Window {
        Window { start: at(start), end: at(end), rate }
    }

    /// Eight minutes of every ninety-five, as a satellite has them.
    fn orbits() -> ContactPlan {
        let windows = (0..10).map(|orbit| window(orbit * 5_700, orbit * 5_700 + 480, 0));
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

    fn by(deadline: u64) -> Freight {
        Freight { deadline: Some(at(deadline)), ..Freight::default() }
    }

    #[test]
    fn work_is_refused_whose_result_cannot_be_back_in_time() {
        let plan = orbits();
        assert_eq!(plan.round_trip(at(100), by(400)), Ok(()));
        assert_eq!(plan.round_trip(at(100), by(1_000)), Err(Leg::Late(at(5_700))));
        assert_eq!(plan.round_trip(at(100), by(6_000)), Ok(()));
        assert_eq!(ContactPlan::default().round_trip(at(100), by(200)), Ok(()));
        // Nothing is known of the time after the last window.
        assert_eq!(plan.round_trip(at(9 * 5_700 + 10), by(100_000)), Ok(()));
    }

    #[test]
    fn what_a_window_does_not_carry_is_refused_with_the_leg_that_fails() {
        let windows = vec![window(0, 100, 1_000), window(1_000, 1_100, 10), window(2_000, 2_100, 50)];
        let plan = ContactPlan { windows: List::new(windows).unwrap(), margin: Span::from_secs(20) };
        let freight = |up, back, deadline| Freight { up, back, deadline: Some(at(deadline)) };
        assert_eq!(plan.round_trip(at(90), freight(10_000, 800, 1_100)), Ok(()));
        let up = Leg::Up { until: at(100), carries: 10_000 };
        assert_eq!(plan.round_trip(at(90), freight(10_001, 800, 1_100)), Err(up));
        // A window that is cut short by its margin, then by the deadline.
        let back = |from, carries| Err(Leg::Back { from: at(from), carries });
        assert_eq!(plan.round_trip(at(90), freight(1, 801, 1_100)), back(1_000, 800));
        assert_eq!(plan.round_trip(at(90), freight(1, 801, 2_030)), back(1_000, 800));
        assert_eq!(plan.round_trip(at(90), freight(1, 801, 2_040)), Ok(()));
        assert_eq!(
            plan.round_trip(at(90), Freight { up: 1, back: 4_001, deadline: None }),
            back(2_000, 4_000)
        );
    }

    proptest! {
        /// What is admitted is what an exhaustive look for a moment to send the result finds.
        #[test]
        fn admission_is_what_trying_every_second_of_every_window_finds(
            spans in vec((1_u64..40, 1_u64..40, 0_u64..4), 1..12),
            now in 0_u64..200,
            deadline in 0_u64..600,
            up in 0_u64..60,
            back in 0_u64..60,
            margin in 0_u64..10,
        ) {
            let mut begin = 0;
            let mut windows = Vec::new();
            for (gap, lasts, rate) in spans {
                windows.push(window(begin + gap, begin + gap + lasts, rate));
                begin += gap + lasts;
            }
            let deadline = now + deadline;
            let carried = |window: &Window, from: u64, bytes: u64, to: u64| {
                let second = |second: u64| window.start <= at(second) && at(second + 1) <= window.end;
                let sent = (from..to).filter(|moment| second(*moment)).count() as u64 * window.rate;
                window.rate == 0 || sent >= bytes
            };
            let current = windows.iter().find(|window| window.start <= at(now) && at(now) < window.end);
            let gets_up = current.is_none_or(|window| carried(window, now, up, begin));
            let later: Vec<&Window> = windows.iter().filter(|window| window.start > at(now)).collect();
            let comes_back = (later.is_empty() && current.is_none_or(|window| window.end < at(deadline)))
                || current.is_some_and(|window| window.end >= at(deadline) && carried(window, now, back, deadline))
                || later.iter().any(|window| {
                    let opens = window.start.after(Span::from_secs(margin));
                    let from = opens.as_micros() / 1_000_000;
                    opens <= at(deadline) && carried(window, from, back, deadline)
                });
            let plan = ContactPlan { windows: List::new(windows.clone()).unwrap(), margin: Span::from_secs(margin) };
            let freight = Freight { up, back, deadline: Some(at(deadline)) };
            prop_assert_eq!(plan.round_trip(at(now), freight).is_ok(), gets_up && comes_back);
        }
    }

    #[test]
    fn a_plan_in_disorder_is_named() {
        let plan = |pairs: &[(u64, u64)]| {
            let windows = pairs.iter().map(|(start, end)| window(*start, *end, 0));
            ContactPlan { windows: List::new(windows.collect()).unwrap(), margin: Span::ZERO }
        };
        assert_eq!(plan(&[(0, 5), (5, 9)]).check(), Ok(()));
        assert_eq!(plan(&[(0, 5), (4, 9)]).check().unwrap_err().0, Some(1));
        assert_eq!(plan(&[(5, 5)]).check().unwrap_err().0, Some(0));
    }
}
