//! `colony workflow`, and what other commands do with workflows.

use super::lab::Lab;

/// `a` and `b`, and `c` that reads what both said; `b` does as `$1` says.
fn diamond(b: &str) -> String {
    format!(
        r#"[{{"nodename":"a","funcname":"echo","args":["3"],"conditions":{{"executortype":"cli"}}}},
            {{"nodename":"b","funcname":"sh","args":["-c","{b}"],"conditions":{{"executortype":"cli"}}}},
            {{"nodename":"c","funcname":"cat","conditions":{{"executortype":"cli","dependencies":["a","b"]}}}}]"#
    )
}

#[test]
fn outputs_flow_to_children_in_order() {
    let lab = Lab::start();
    let file = lab.home.file("w.json", &diamond("echo 4"));
    let ended = lab.run(&["workflow", "submit", &file, "--wait"]).exits(0);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("w1\n", "w1 succeeded: 3 processes\n"));
    assert_eq!(lab.run(&["get", "p3", "-o", "json"]).json()["out"][0], "3\n4");
    lab.run(&["get", "w1"]).exits(0).prints("3 success").prints("p3");
    let graph = lab.run(&["workflow", "get", "w1", "-o", "json"]).exits(0).json();
    assert_eq!((&graph["state"], graph["processids"].as_array().unwrap().len()), (&2.into(), 3));
    lab.run(&["workflow", "rm", "w1"]).exits(0);
    lab.run(&["workflow", "ls"]).exits(0).says("no workflows");
}

#[test]
fn only_the_failed_part_runs_again() {
    let lab = Lab::start();
    let flag = lab.home.path("flag").display().to_string();
    let file = lab.home.file("w.json", &diamond(&format!("test -e {flag} && echo 4")));
    let failed = lab.run(&["submit", &file, "--wait"]).exits(1).says("w1 failed: 2 of 3");
    failed.says("hint: run what did not succeed again with `colony retry --failed w1`");
    lab.run(&["retry", "p2"]).exits(2).says("p2 is part of w1");

    lab.home.file("flag", "");
    assert_eq!(lab.run(&["retry", "--failed", "w1"]).exits(0).out, "w2\n");
    lab.run(&["wait", "w2"]).exits(0).says("w2 succeeded: 2 processes");
    assert_eq!(lab.run(&["get", "last", "-o", "json"]).json()["out"][0], "3\n4");
    lab.run(&["retry", "--failed", "w2"]).exits(1).says("all of w2 succeeded");
    assert_eq!(lab.run(&["retry", "w2"]).exits(0).out, "w3\n");
}

#[test]
fn a_cycle_is_refused_before_anything_is_stored() {
    let lab = Lab::start();
    let file = lab.home.file(
        "cycle.json",
        r#"[{"nodename":"a","funcname":"x","conditions":{"executortype":"cli","dependencies":["b"]}},
            {"nodename":"b","funcname":"x","conditions":{"executortype":"cli","dependencies":["a"]}}]"#,
    );
    lab.run(&["workflow", "submit", "--spec", &file]).exits(2).says("cycle.json:").says("cycle");
    lab.run(&["ps"]).exits(0).says("no processes");
}

#[test]
fn a_cancelled_workflow_is_listed_as_such() {
    let lab = Lab::start();
    let file = lab.home.file("w.json", &diamond("sleep 1000"));
    lab.run(&["submit", &file]).exits(0);
    lab.run(&["cancel", "w1"]).exits(0).says("w1 cancelled");
    assert_eq!(lab.run(&["workflow", "psc", "-o", "quiet"]).exits(0).out, "w1\n");
    lab.run(&["workflow", "ps"]).exits(0).says("no workflows");
}
