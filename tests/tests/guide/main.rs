//! The getting-started guide of ColonyOS, retold with `colony`, and what a beginner gets wrong.
//!
//! `COLONY_GUIDE_SECONDS` stretches the time limits: 1 by default, 5 as the guide writes it.

mod bad_input;
mod commands;
mod contacts;
mod disks;
mod limits;
mod workflows;

use std::time::Duration;

use colony_tests::{home::Home, outcome::Outcome, parameter::parameter};
use serde_json::Value;

/// ColonyOS's numbers for the states of a process.
const RUNNING: u64 = 1;
const SUCCESS: u64 = 2;
const FAILED: u64 = 3;

/// How long a state may take to be reached: a few leases' lifetimes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time limit in the guide's specs.
fn limit_seconds() -> u64 {
    parameter("COLONY_GUIDE_SECONDS", 1)
}

/// The guide's `sleep.json`.
fn sleep_json(limit: u64, retries: i64) -> String {
    let spec = serde_json::json!({
        "conditions": { "executortype": "cli" },
        "func": "sleep",
        "args": ["100"],
        "maxexectime": limit,
        "maxretries": retries,
        "env": { "TEST": "testenv" }
    });
    format!("{spec:#}")
}

/// A process as `colony get` shows it.
#[track_caller]
fn get(home: &Home, id: &str) -> Value {
    home.run(["get", id, "-o", "json"]).ok().json()
}

/// Waits until a process is in a state.
#[track_caller]
fn until_state(home: &Home, id: &str, state: u64) -> Value {
    home.until(PATIENCE, &["get", id, "-o", "json"], |outcome: &Outcome| {
        let process = outcome.clone().ok().json();
        (process["state"] == state).then_some(process)
    })
}

/// The only id that `submit` printed.
#[track_caller]
fn submit(home: &Home, file: &str) -> String {
    let outcome = home.run(["submit", file, "-o", "quiet"]).ok();
    let ids: Vec<&str> = outcome.stdout.lines().collect();
    let [id] = ids.as_slice() else { panic!("not one id:\n{outcome:#?}") };
    (*id).to_owned()
}
