//! `colony executor` and `colony user`: who may do what.

use std::io::{BufRead as _, BufReader};

use nix::sys::signal::Signal;

use super::lab::{Home, Lab, done, signal};

#[test]
fn this_machine_is_lent_until_ctrl_c() {
    let lab = Lab::start_with(Home::new(), &["--no-executor"]);
    let args = ["executor", "os", "start", "--executorname", "w1", "--executortype", "cli"];
    let mut executor = lab.home.command(&args).spawn().unwrap();
    let mut line = String::new();
    let mut err = BufReader::new(executor.stderr.take().unwrap());
    err.read_line(&mut line).unwrap();
    assert!(line.starts_with("w1 takes work of type cli for dev: "), "{line}");
    lab.run(&["exec", "--", "true"]).exits(0).says("on w1");
    lab.run(&["executor", "ls"]).exits(0).prints("w1").prints("approved");
    signal(&executor, Signal::SIGINT);
    assert_eq!(done(executor).code, Some(0));
    // Its key stays, so the same executor comes back under its name.
    assert!(lab.home.path("home/keys/executor-w1.key").exists());
}

#[test]
fn the_owner_decides_who_takes_work() {
    let lab = Lab::start();
    let added = lab.run(&["executor", "add", "--name", "far", "--type", "gpu"]).exits(0);
    assert_eq!(added.out.trim().len(), 64);
    added.says("`colony executor approve far`");
    lab.run(&["executor", "get", "far"]).exits(0).prints("pending");
    lab.run(&["executor", "approve", "far"]).exits(0);
    lab.run(&["executor", "get", "far", "-o", "json"]).exits(0).prints("\"state\": 1");
    lab.run(&["executor", "reject", "far"]).exits(0);
    lab.run(&["executor", "get", "far"]).exits(0).prints("rejected");
    lab.run(&["executor", "rm", "far"]).exits(0);
    lab.run(&["executor", "approve", "nobody"]).exits(1).says("not found").says("`colony executor ls`");
}

#[test]
fn a_user_may_submit_and_look_but_not_decide() {
    let lab = Lab::start();
    lab.run(&["user", "add", "--name", "alice", "--email", "a@x"]).exits(0);
    lab.run(&["user", "ls"]).exits(0).prints("alice").prints("a@x");
    let key = std::fs::read_to_string(lab.home.path("home/keys/alice.key")).unwrap();
    let alice = [("COLONIES_PRVKEY", key.trim()), ("COLONIES_COLONY_PRVKEY", key.trim())];
    lab.home.run_with(&alice, &["exec", "--", "true"]).exits(0);
    assert_eq!(lab.run(&["get", "last", "-o", "json"]).json()["initiatorname"], "alice");
    lab.home.run_with(&alice, &["executor", "rm", "local"]).exits(4).says("denied");
    lab.run(&["user", "rm", "alice"]).exits(0);
    lab.home.run_with(&alice, &["ps"]).exits(4).says("`colony ctx show`");
}
