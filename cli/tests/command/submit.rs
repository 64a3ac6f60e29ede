//! `colony submit`, `wait`, `get`, `retry`, `explain`: work from files and what becomes of it.

use super::lab::Lab;

const ECHO: &str = r#"{"funcname":"echo","args":["hi",1],"conditions":{"executortype":"cli"}}"#;

#[test]
fn a_spec_is_queued_from_a_file_and_from_standard_input() {
    let lab = Lab::start();
    let file = lab.home.file("echo.json", ECHO);
    assert_eq!(lab.run(&["submit", &file]).exits(0).out, "p1\n");
    let ended = lab.home.run_with_input(&["submit", "-", "--wait"], ECHO).exits(0);
    assert_eq!(ended.out, "p2\n");
    assert!(ended.err.starts_with("p2 succeeded in "), "{ended:?}");
    let process = lab.run(&["get", "p2", "-o", "json"]).exits(0).json();
    assert_eq!(process["out"][0], "hi 1");
    let id = process["processid"].as_str().unwrap();
    for name in [id, &id[..10], "last", "p2"] {
        assert_eq!(lab.run(&["get", name, "-o", "quiet"]).exits(0).out, "p2\n", "{name}");
    }
}

#[test]
fn a_list_is_queued_whole_or_not_at_all() {
    let lab = Lab::start();
    let file = lab.home.file("two.json", &format!("[{ECHO},{ECHO}]"));
    let ended = lab.run(&["submit", &file, "-o", "json"]).exits(0).json();
    assert_eq!((&ended[0]["number"], &ended[1]["number"]), (&1.into(), &2.into()));

    let bad = ECHO.replace("\"args\"", "\"priority\":99999,\"args\"");
    let file = lab.home.file("bad.json", &format!("[{ECHO},{bad}]"));
    lab.run(&["submit", &file]).exits(2).says("priority");
    let listed = lab.run(&["ps", "-o", "quiet"]).exits(0);
    assert_eq!(listed.out.lines().count(), 2, "nothing of the second file was queued: {listed:?}");
}

#[test]
fn a_failed_process_runs_again_and_tells_of_which() {
    let lab = Lab::start();
    lab.run(&["exec", "--", "false"]).exits(1);
    assert_eq!(lab.run(&["retry", "p1"]).exits(0).out, "p2\n");
    let process = lab.run(&["get", "p2", "-o", "json"]).exits(0).json();
    assert_eq!(process["retryof"], lab.run(&["get", "p1", "-o", "json"]).json()["processid"]);
    lab.run(&["wait", "p2"]).exits(1).says("p2 failed: exit status 1");
}

#[test]
fn what_waits_is_explained() {
    let lab = Lab::start();
    lab.run(&["exec", "--type", "gpu", "--detach", "--", "train"]).exits(0);
    let explained = lab.run(&["explain", "p1"]).exits(0);
    assert!(explained.out.starts_with("p1 'train' is waiting: 2 executors, none fits\n"), "{explained:?}");
    let explained = explained.prints("no executor of type gpu is registered").prints("type cli (wants gpu)");
    explained.says("hint: lend this machine with `colony executor start --name worker --type gpu`");
    let json = lab.run(&["explain", "p1", "-o", "json"]).exits(0).json();
    assert_eq!(json["blockers"][0]["executortype"], "gpu");
    lab.run(&["retry", "p1"]).exits(1).says("p1 is waiting").says("`colony wait p1`");
    lab.run(&["wait", "p1", "--timeout", "1"]).exits(5).says("has not ended within 1 s");
}

#[test]
fn a_paused_colony_gives_out_nothing_until_resumed() {
    let lab = Lab::start();
    lab.run(&["process", "pause"]).exits(0).says("`colony process resume`");
    lab.run(&["exec", "--detach", "--", "true"]).exits(0);
    lab.run(&["explain", "p1"]).exits(0).prints("paused assignment");
    assert_eq!(lab.run(&["status", "-o", "json"]).json()["paused"], true);
    lab.run(&["process", "resume"]).exits(0);
    lab.run(&["wait", "p1"]).exits(0);
}
