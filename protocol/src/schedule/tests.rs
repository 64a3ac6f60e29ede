use proptest::prelude::*;

use super::*;
use crate::{bounded::Text, envelope::RequestId, identity::Identity, model::json::rfc3339};

/// 2026-03-28T22:30:00Z, the evening before the clocks of Europe go forward.
const BEFORE_SPRING: Timestamp = Timestamp::from_micros(1_774_737_000_000_000);
/// 2026-10-24T22:30:00Z, the evening before they go back.
const BEFORE_AUTUMN: Timestamp = Timestamp::from_micros(1_792_881_000_000_000);

fn runs(text: &str, from: Timestamp, count: usize) -> Vec<String> {
    let timetable = Timetable::parse(text).unwrap();
    let ticks = std::iter::successors(timetable.first(from), |tick| timetable.next(*tick, *tick));
    ticks.take(count).map(rfc3339).collect()
}

fn refused(text: &str) -> ScheduleError {
    Timetable::parse(text).unwrap_err()
}

fn cron_id(number: u64) -> CronId {
    CronId::make(&Identity::NOBODY, &Identity::NOBODY, &RequestId::from_bytes([7; 16]), number)
}

#[test]
fn six_fields_begin_with_the_second() {
    assert_eq!(
        runs("15 30 12 * * MON-FRI", BEFORE_SPRING, 2),
        ["2026-03-30T12:30:15Z", "2026-03-31T12:30:15Z"]
    );
    assert_eq!(runs("*/20 * * * * *", BEFORE_SPRING, 2), ["2026-03-28T22:30:20Z", "2026-03-28T22:30:40Z"]);
    // From 5 on, every 25: as ColonyOS reads it.
    assert_eq!(runs("5/25 0 0 ? * *", BEFORE_SPRING, 2), ["2026-03-29T00:00:05Z", "2026-03-29T00:00:30Z"]);
}

#[test]
fn if_both_kinds_of_day_are_given_either_may_match() {
    let mondays_and_firsts = runs("0 0 12 1 * MON", BEFORE_SPRING, 3);
    assert_eq!(mondays_and_firsts, ["2026-03-30T12:00:00Z", "2026-04-01T12:00:00Z", "2026-04-06T12:00:00Z"]);
}

#[test]
fn descriptors_stand_for_expressions() {
    for (descriptor, first) in [
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-04-01T00:00:00Z"),
        ("@weekly", "2026-03-29T00:00:00Z"),
        ("@daily", "2026-03-29T00:00:00Z"),
        ("@midnight", "2026-03-29T00:00:00Z"),
        ("@hourly", "2026-03-28T23:00:00Z"),
        ("@every 5m", "2026-03-28T22:35:00Z"),
        ("@every 1h30m10.9s", "2026-03-29T00:00:10Z"),
    ] {
        assert_eq!(runs(descriptor, BEFORE_SPRING, 1), [first], "{descriptor}");
    }
}

#[test]
fn a_time_zone_moves_the_hour_and_its_changes_are_followed() {
    let noon = "CRON_TZ=Europe/Stockholm 0 0 12 * * *";
    assert_eq!(
        runs(noon, Timestamp::from_micros(1_774_612_800_000_000), 2),
        ["2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"]
    );
    // 02:30 does not exist that night: it is made up for right after the gap, once.
    assert_eq!(
        runs("TZ=Europe/Stockholm 0 30 2 * * *", BEFORE_SPRING, 2),
        ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    // 02:30 comes twice that night, and counts once.
    assert_eq!(
        runs("TZ=Europe/Stockholm 0 30 2 * * *", BEFORE_AUTUMN, 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

#[test]
fn what_is_wrong_with_a_schedule_is_said() {
    assert_eq!(refused("* * * * *"), ScheduleError::Fields { found: 5 });
    assert_eq!(refused(""), ScheduleError::Fields { found: 0 });
    assert_eq!(refused("0 0 0 30 2 *"), ScheduleError::Never);
    assert_eq!(refused("0 0 0 31 2,4,6,9,11 *"), ScheduleError::Never);
    for other in ["0 0 0 L * *", "0 0 0 15W * *", "0 0 0 * * 5#2", "0 0 0 13 * +5"] {
        assert_eq!(refused(other), ScheduleError::Dialect, "{other}");
    }
    assert!(matches!(refused("61 * * * * *"), ScheduleError::Field(_)));
    assert!(matches!(refused("*/0 * * * * *"), ScheduleError::Field(_)));
    assert_eq!(refused("@fortnightly"), ScheduleError::Descriptor("@fortnightly".to_owned()));
    assert_eq!(refused("@every soon"), ScheduleError::Duration("soon".to_owned()));
    assert_eq!(refused("@every 900ms"), ScheduleError::TooShort);
    let zone = refused("TZ=Europe/Stokholm 0 0 0 * * *");
    assert!(zone.to_string().ends_with("did you mean Europe/Stockholm?"), "{zone}");
}

#[test]
fn an_interval_keeps_its_grid_and_passes_over_what_was_missed() {
    let every = Schedule::Interval { every: Span::from_secs(60), random: false };
    let timetable = Timetable::new(&every).unwrap();
    let at = Timestamp::from_micros;
    let first = timetable.first(at(5)).unwrap();
    assert_eq!(first, at(60_000_005));
    assert_eq!(timetable.next(first, first), Some(at(120_000_005)));
    assert_eq!(timetable.next(first, at(400_000_000)), Some(at(420_000_005)));
}

#[test]
fn a_random_delay_is_drawn_from_the_cron_and_the_tick_and_spreads_over_the_span() {
    let span = Span::from_secs(100);
    let timetable = Timetable::new(&Schedule::Interval { every: span, random: true }).unwrap();
    let delay = |cron, tick| {
        let tick = Timestamp::from_micros(tick);
        timetable.run_at(&cron_id(cron), tick).since(tick)
    };
    let drawn: Vec<Span> = (1..=1_000).map(|tick| delay(1, tick * 100_000_000)).collect();
    assert!(drawn.iter().all(|delay| *delay < span));
    for tenth in 0..10 {
        let (low, high) = (Span::from_secs(tenth * 10), Span::from_secs(tenth * 10 + 10));
        let inside = drawn.iter().filter(|delay| (low..high).contains(delay)).count();
        assert!((60..=140).contains(&inside), "{inside} of 1000 in tenth {tenth}");
    }
    assert_eq!(delay(1, 5), delay(1, 5));
    assert_ne!(delay(1, 5), delay(2, 5));
}

#[test]
fn the_rarest_moment_is_found_across_a_century_without_a_leap_year() {
    let before = Timestamp::from_micros(3_981_225_600_000_000);
    assert_eq!(rfc3339(before), "2096-02-28T00:00:00Z");
    assert_eq!(runs("0 0 0 29 2 *", before, 2), ["2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"]);
}

fn field() -> impl Strategy<Value = String> {
    let number = 0..70u32;
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => number.clone().prop_map(|n| n.to_string()),
        1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("{a}/{b}")),
        1 => (number.clone(), number).prop_map(|(a, b)| format!("{a},{b}")),
        1 => "[*?,/#LW+0-9A-Za-zäß-]{0,6}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_refused_or_comes_and_its_moments_only_grow(
        fields in prop::collection::vec(field(), 6),
        zone in prop_oneof![3 => Just(""), 1 => Just("TZ=America/Sao_Paulo "), 1 => Just("TZ=Australia/Lord_Howe ")],
        from in 0..4_000_000_000_000_000u64,
    ) {
        let text = format!("{zone}{}", fields.join(" "));
        let Ok(timetable) = Timetable::parse(&text) else { return Ok(()) };
        let mut last = Timestamp::from_micros(from);
        let mut tick = timetable.first(last);
        for _ in 0..3 {
            let at = tick.unwrap_or_else(|| panic!("`{text}` never comes after {last:?}"));
            prop_assert!(at > last, "`{}` stands still at {:?}", text, last);
            last = at;
            tick = timetable.next(at, at);
        }
    }

    #[test]
    fn text_of_any_kind_is_no_danger(text in "\\PC{0,60}") {
        let _ = Timetable::parse(&text);
        let _ = Timetable::new(&Schedule::Expression(Text::cut(&text)));
    }
}
