//! Executors that say in advance when they will be silent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colony_protocol::{model::json::rfc3339, time::Timestamp};
use colony_tests::{dev::Dev, home::Home};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::{PATIENCE, RUNNING, get, submit, until_state};

/// Longer than the sign of life that an executor promises: without a plan its lease is lost by then.
const LONG_SILENCE: Duration = Duration::from_secs(14);

/// So many seconds from now, as people write it.
fn in_seconds(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    rfc3339(Timestamp::from_micros(u64::try_from(now.as_micros()).unwrap()))
}

#[test]
fn an_executor_behind_its_horizon_keeps_its_work_and_everybody_sees_until_when() {
    let home = Home::new();
    let _dev = Dev::start(&home, &["--no-executor"]);
    let windows = json!({ "margin": "1s", "rate": 2_000, "windows": [
        { "start": in_seconds(0), "end": in_seconds(8) },
        { "start": in_seconds(3_600), "end": in_seconds(4_200) },
        { "start": in_seconds(7_200), "end": in_seconds(7_800) },
    ] });
    home.write("windows.json", windows.to_string());
    home.write(
        "work.json",
        r#"{ "func": "sleep", "args": ["100"], "conditions": { "executortype": "cli" } }"#,
    );
    let args = ["executor", "start", "--name", "satellite", "--type", "cli", "--contacts", "windows.json"];
    let satellite = home.start(args);
    let shows = |args: &[&str], text: &str| {
        let outcome = home.run(args).ok();
        assert!(outcome.stdout.contains(text), "{outcome:#?}");
    };

    // It takes work, and is out of sight: nothing is heard of it any more.
    let id = submit(&home, "work.json");
    until_state(&home, &id, RUNNING);
    satellite.signal(Signal::SIGKILL);
    std::thread::sleep(LONG_SILENCE);
    let process = get(&home, &id);
    assert_eq!((&process["state"], &process["retries"]), (&json!(RUNNING), &json!(0)), "{process:#}");
    shows(&["ps"], "silent, next contact in 5");
    shows(&["executor", "ls"], "silent, next contact in 5");

    // What could not be back in time, or does not fit into a window, is not for it, and the leg that fails is named.
    let short = r#"{ "func": "sleep", "maxexectime": 60, "conditions": { "executortype": "cli" } }"#;
    home.write("short.json", short);
    let short = submit(&home, "short.json");
    shows(&["explain", &short], "return next contact");
    let outcome = home.run(["executor", "start", "--name", "x", "--type", "cli", "--contacts", "none.json"]);
    drop(outcome.with_code(2).says("none.json"));
    home.until(PATIENCE, &["get", &short, "-o", "json"], |seen| {
        (seen.clone().ok().json()["state"] == 0).then_some(())
    });
}
