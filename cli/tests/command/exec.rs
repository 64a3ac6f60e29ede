//! `colony exec`: a command elsewhere that feels like a local one.

use std::io::{BufRead as _, BufReader};

use nix::sys::signal::Signal;

use super::lab::{Lab, done, signal};

#[test]
fn its_streams_and_its_exit_status_are_ours() {
    let lab = Lab::start();
    let ended = lab.run(&["exec", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]).exits(3);
    assert_eq!(ended.out, "out\n");
    assert_eq!(ended.err, "err\np1 failed: exit status 3\n");

    let ended = lab.run(&["exec", "--env", "A=1 2", "--", "sh", "-c", "printf %s \"$A\""]).exits(0);
    assert_eq!(ended.out, "1 2");
    assert!(ended.err.starts_with("p2 succeeded in ") && ended.err.ends_with("s on local\n"), "{ended:?}");
}

#[test]
fn what_a_program_writes_passes_through_as_it_is() {
    let lab = Lab::start();
    let bytes = "x".repeat(100_000);
    let script = "head -c 100000 /dev/zero | tr '\\0' x; printf '\\033[1mno line break'";
    let ended = lab.run(&["exec", "--", "sh", "-c", script]).exits(0);
    assert_eq!(ended.out, format!("{bytes}\u{1b}[1mno line break"));
}

#[test]
fn a_program_that_reads_json_gets_the_process_and_nothing_else() {
    let lab = Lab::start();
    let ended = lab.run(&["exec", "-o", "json", "--", "echo", "hi"]).exits(0);
    let process = ended.json();
    assert_eq!(
        (&process["state"], &process["out"][0], &process["number"]),
        (&2.into(), &"hi".into(), &1.into())
    );
    assert_eq!(process["spec"]["funcname"], "echo");
    assert_eq!(process["executorname"], "local");
    assert_eq!(ended.err, "");
}

#[test]
fn detached_it_prints_the_id_at_once() {
    let lab = Lab::start();
    let ended = lab.run(&["exec", "--detach", "--", "echo", "later"]).exits(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("p1\n", ""));
    lab.run(&["wait", "p1"]).exits(0).says("p1 succeeded in ");
    assert_eq!(lab.run(&["logs", "p1"]).exits(0).out, "later\n");
    lab.run(&["log", "ls", "last"]).exits(0).prints("later").prints("local");
    lab.run(&["log", "get", "--processid", "p1"]).exits(0).prints("later");
}

#[test]
fn out_of_time_is_exit_code_five() {
    let lab = Lab::start();
    lab.run(&["exec", "--timeout", "1", "--", "sleep", "60"])
        .exits(5)
        .says("p1 failed: Maximum execution time limit exceeded");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let lab = Lab::start();
    let ended = lab.run(&["exec", "--", "no-such-program"]);
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert!(ended.err.contains("no-such-program"), "{ended:?}");
}

#[test]
fn ctrl_c_stops_the_following_and_not_the_process() {
    let lab = Lab::start();
    let mut exec = lab.home.command(&["exec", "--", "sh", "-c", "echo started; sleep 1000"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    signal(&exec, Signal::SIGINT);
    let ended = done(exec).exits(130);
    assert_eq!(ended.err, "interrupted; p1 goes on\nhint: stop it with `colony cancel p1`\n");

    lab.run(&["ps", "--state", "running"]).exits(0).prints("p1");
    lab.run(&["cancel", "p1"]).exits(0).says("p1 cancelled");
    lab.run(&["wait", "p1"]).exits(1).says("p1 was cancelled");
}
