//! `colony exec` behaves like the command it runs.

use std::time::Duration;

use colony_tests::{dev::Dev, home::Home, outcome::DEADLINE};
use nix::sys::signal::Signal;

use crate::{PATIENCE, RUNNING};

#[test]
fn streams_and_exit_status_of_a_remote_command_arrive_as_if_it_were_local() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let outcome = home.run(["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]).with_code(3);
    assert_eq!(outcome.stdout, "out\n");
    assert!(outcome.stderr.lines().any(|line| line == "err"), "{outcome:#?}");
    assert!(outcome.stderr.contains('3'), "the exit code is named: {outcome:#?}");
}

#[test]
fn output_arrives_while_the_command_runs() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    // The second line is written only after somebody has seen the first.
    let script = "echo first; until [ -e seen ]; do sleep 0.05; done; echo second";
    let script = script.replace("seen", &home.path().join("seen").display().to_string());
    let running = home.start(["exec", "--", "sh", "-c", &script]);
    home.until(PATIENCE, &["logs", "last"], |logs| logs.stdout.contains("first").then_some(()));
    home.write("seen", "");
    assert_eq!(running.finish(DEADLINE).ok().stdout, "first\nsecond\n");
}

#[test]
fn ctrl_c_leaves_the_process_running_and_says_how_to_cancel_it() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let running = home.start(["exec", "--", "sleep", "1000"]);
    home.until(PATIENCE, &["ps", "-o", "json", "--state", "running"], |listed| {
        (listed.json().as_array().map(Vec::len) == Some(1)).then_some(())
    });

    running.signal(Signal::SIGINT);
    drop(running.finish(Duration::from_secs(10)).with_code(130).says("colony cancel"));

    let process = home.run(["get", "last", "-o", "json"]).ok().json();
    assert_eq!(process["state"], RUNNING, "{process:#}");
    drop(home.run(["cancel", "last"]).ok());
    let cancelled = home.run(["get", "last", "-o", "json"]).ok().json();
    assert_eq!(cancelled["state"], 4, "{cancelled:#}");
}
