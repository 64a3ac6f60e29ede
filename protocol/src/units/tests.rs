use proptest::prelude::*;

use super::*;

#[test]
fn cpus_are_read_as_people_write_them() {
    for (text, millis) in [
        ("", 0),
        ("0", 0),
        ("500m", 500),
        ("1000m", 1000),
        ("2", 2000),
        ("0.5", 500),
        (".25", 250),
        ("1.", 1000),
        (" 4 cores ", 4000),
        ("1.5cpu", 1500),
        ("0.0001", 1),
        ("500M", 500),
    ] {
        assert_eq!(parse_cpu(text, "conditions.cpu"), Ok(millis), "{text}");
    }
}

#[test]
fn memory_is_read_as_people_write_it() {
    const MI: u64 = 1 << 20;
    for (text, bytes) in [
        ("", 0),
        ("0", 0),
        ("0Mi", 0),
        ("123", 123),
        ("1b", 1),
        ("1 byte", 1),
        ("1K", 1000),
        ("1kB", 1000),
        ("1Kb", 1000),
        ("1Ki", 1024),
        ("1KIB", 1024),
        ("100MB", 100_000_000),
        ("10240Mi", 10 * 1024 * MI),
        ("8Gi", 8 * 1024 * MI),
        ("1.5GiB", 1536 * MI),
        ("1G", 1_000_000_000),
        ("1gb", 1_000_000_000),
        ("1 TiB", MI * MI),
        ("2Ti", 2 * MI * MI),
        ("1TB", 1_000_000_000_000),
        ("0.3GiB", 322_122_548),
        ("15Ei", 15 << 60),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse_memory(text, "conditions.mem"), Ok(bytes), "{text}");
    }
}

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, millis) in [
        ("10s", 10_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("90", 90_000),
        ("0", 0),
        ("1.5", 1_500),
        ("250ms", 250),
        ("1h30m", 5_400_000),
        ("1h 30m 5s", 5_405_000),
        ("2 min", 120_000),
        ("1D", 86_400_000),
        ("0.5h", 1_800_000),
    ] {
        assert_eq!(parse_duration(text, "--timeout"), Ok(Span::from_millis(millis)), "{text}");
    }
    assert_eq!(parse_duration("36500d", "--ttl"), Ok(Span::MAX));
}

#[test]
fn an_error_names_the_field_the_text_and_an_example() {
    let text = |error: UnitError| error.to_string();
    assert_eq!(
        text(parse_memory("8GX", "conditions.mem").unwrap_err()),
        "conditions.mem: `8GX` has an unknown unit; write for example `10240Mi`, `1.5GiB` or `100MB`"
    );
    assert_eq!(
        text(parse_cpu("two", "conditions.cpu").unwrap_err()),
        "conditions.cpu: `two` has an unknown unit; write for example `500m`, `2` or `0.5`"
    );
    assert_eq!(
        text(parse_duration("-5s", "--timeout").unwrap_err()),
        "--timeout: `-5s` is negative; write for example `10s`, `5m`, `1h30m` or `90`"
    );
    assert_eq!(parse_cpu(&"9".repeat(1_000), "cpu").unwrap_err().text.len(), 40);
}

#[test]
fn what_is_no_amount_is_refused_with_the_reason() {
    for (text, why) in [
        ("1.2.3", Why::Number),
        (".", Why::Number),
        ("+1", Why::Number),
        ("1-", Why::Number),
        ("Gi", Why::Number),
        ("-1", Why::Negative),
        ("0.12345678901", Why::Precision),
        ("16Ei", Why::TooLarge),
        ("18446744073709551616", Why::TooLarge),
        ("99999999999999999999999999", Why::TooLarge),
        ("1Gx", Why::Unit),
        ("1i", Why::Unit),
        ("1Kii", Why::Unit),
        ("1bb", Why::Unit),
        ("1e3", Why::Unit),
        ("٣Gi", Why::Unit),
    ] {
        assert_eq!(parse_memory(text, "mem").unwrap_err().why, why, "{text}");
    }
    for text in ["", " ", "s", "1h30", "5 5", "1x", "36501d", "99999999999999999999h"] {
        assert!(parse_duration(text, "timeout").is_err(), "{text}");
    }
    for text in ["1k", "500mm", "m", "18446744073709551615"] {
        assert!(parse_cpu(text, "cpu").is_err(), "{text}");
    }
}

#[test]
fn amounts_are_written_as_colonyos_normalises_them() {
    assert_eq!(format_cpu(1000), "1000m");
    assert_eq!(format_memory(10 << 30), "10240Mi");
    assert_eq!(format_memory(0), "0Mi");
    assert_eq!(format_memory((1 << 20) - 1), "0Mi");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(millis: u64, mebibytes in 0..=u64::MAX >> 20) {
        prop_assert_eq!(parse_cpu(&format_cpu(millis), "cpu"), Ok(millis));
        let bytes = mebibytes << 20;
        prop_assert_eq!(parse_memory(&format_memory(bytes), "mem"), Ok(bytes));
    }

    #[test]
    fn no_text_makes_reading_panic(text in r"[0-9.+\-]{0,24}[ ]?[a-zA-Zµ]{0,4}[0-9a-z]{0,3}", any in any::<String>()) {
        for text in [text, any] {
            let _ = parse_cpu(&text, "cpu");
            let _ = parse_memory(&text, "mem");
            let _ = parse_duration(&text, "timeout");
        }
    }
}
