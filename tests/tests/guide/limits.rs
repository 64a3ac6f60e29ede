//! Execution time limits, retries, and executors that vanish.

use std::time::{Duration, Instant};

use colony_tests::{dev::Dev, home::Home};
use nix::sys::signal::Signal;

use crate::{FAILED, PATIENCE, RUNNING, SUCCESS, get, limit_seconds, sleep_json, submit, until_state};

#[test]
fn a_process_that_runs_too_long_fails_and_says_why() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    home.write("sleep.json", sleep_json(limit_seconds().max(2), 0));

    // While it runs, the ColonyOS spelling lists it, with its program.
    let id = submit(&home, "sleep.json");
    home.until(PATIENCE, &["process", "ps"], |listed| listed.stdout.contains("sleep").then_some(()));

    // After the limit it is among the failed ones, and nobody calls it successful.
    until_state(&home, &id, FAILED);
    assert!(home.run(["process", "psf"]).ok().stdout.contains("sleep"));
    assert!(!home.run(["process", "pss"]).ok().stdout.contains("sleep"));

    let process = get(&home, &id);
    let errors = process["errors"].to_string();
    assert!(errors.contains("xecution time"), "the error names the limit: {errors}");
    assert_eq!(process["spec"]["env"]["TEST"], "testenv");
}

#[test]
fn two_retries_make_three_attempts() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    home.write("sleep.json", sleep_json(limit_seconds(), 2));

    let started = Instant::now();
    let id = submit(&home, "sleep.json");
    let process = until_state(&home, &id, FAILED);

    assert_eq!(process["retries"], 2, "{process:#}");
    assert_eq!(process["attempt"], 3, "{process:#}");
    // Three attempts of this length cannot be over sooner.
    assert!(started.elapsed() >= Duration::from_secs(3 * limit_seconds()));
}

#[test]
fn when_an_executor_is_killed_another_one_finishes_its_process() {
    let home = Home::new();
    let _dev = Dev::start(&home, &["--no-executor"]);
    let mut executors = ["first", "second"].map(|name| {
        let running = home.start(["executor", "start", "--name", name, "--type", "cli"]);
        (name, Some(running))
    });
    let spec = serde_json::json!({
        "conditions": { "executortype": "cli" },
        "func": "sh", "args": ["-c", "sleep 2; echo done"],
        "maxexectime": 60, "maxretries": 3
    });
    home.write("work.json", spec.to_string());

    // Kill the one that took it, in the middle of it. No handler runs; nobody is told.
    let id = submit(&home, "work.json");
    let holder = until_state(&home, &id, RUNNING)["executorname"].as_str().unwrap().to_owned();
    let (_, killed) = executors.iter_mut().find(|(name, _)| *name == holder).unwrap();
    killed.take().unwrap().signal(Signal::SIGKILL);

    let process = until_state(&home, &id, SUCCESS);
    assert_ne!(process["executorname"], holder.as_str(), "{process:#}");
    assert!(process["out"].to_string().contains("done"), "{process:#}");
}
