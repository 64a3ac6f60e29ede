//! The guide of ColonyOS, with `colony` for `colonies`.

use super::lab::Lab;

/// The guide's `sleep.json`, with less time to wait for.
fn sleep(retries: i64) -> String {
    format!(
        r#"{{"conditions": {{"executortype": "cli"}}, "func": "sleep", "args": ["100"],
            "maxexectime": 1, "maxretries": {retries}, "env": {{"TEST": "testenv"}}}}"#
    )
}

#[test]
fn a_process_that_takes_too_long_is_listed_as_failed() {
    let lab = Lab::start();
    let file = lab.home.file("sleep.json", &sleep(0));
    assert_eq!(lab.run(&["function", "submit", "--spec", &file]).exits(0).out, "p1\n");
    lab.run(&["wait", "p1"]).exits(1);
    lab.run(&["process", "pss"]).exits(0).says("no processes");
    lab.run(&["process", "psf"]).exits(0).prints("p1").prints("sleep").prints("Maximum execution time");
    lab.run(&["process", "get", "--processid", "p1"]).exits(0).prints("TEST=testenv").prints("failed");
}

#[test]
fn it_is_tried_as_often_as_the_spec_says() {
    let lab = Lab::start();
    let file = lab.home.file("sleep.json", &sleep(1));
    lab.run(&["function", "submit", "--spec", &file, "--wait"]).exits(1).says("p1 failed");
    let process = lab.run(&["process", "get", "--processid", "last", "-o", "json"]).exits(0).json();
    assert_eq!((&process["retries"], &process["attempt"]), (&1.into(), &2.into()));
}

#[test]
fn functions_are_called_with_arguments() {
    let lab = Lab::start();
    let args = ["function", "exec", "--func", "echo", "--args", "a,b", "--targettype", "cli", "--wait"];
    lab.run(&args).exits(0).says("p1 succeeded");
    lab.run(&["process", "pss"]).exits(0).prints("a b");
    lab.run(&["function", "ls"]).exits(0);
    lab.run(&["function", "exec", "--func", "x", "--targettype", "none"]).exits(0);
    lab.run(&["process", "psw"]).exits(0).prints("p2");
    lab.run(&["process", "cancel", "-p", "p2"]).exits(0);
    lab.run(&["process", "psc"]).exits(0).prints("p2");
}

#[test]
fn the_documented_variables_replace_the_key_and_the_colony() {
    let lab = Lab::start();
    let owner = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514";
    let owner_id = "4787a5071856a4acf702b2ffcea422e3237a679c681314113d86139461290cf4";
    assert_eq!(lab.ready["colonyid"], owner_id);
    for colony in ["dev", owner_id] {
        let variables = [("COLONIES_PRVKEY", owner), ("COLONIES_COLONY_NAME", colony)];
        let shown = lab.home.run_with(&variables, &["ctx", "show", "-o", "json"]).exits(0).json();
        assert_eq!(shown["id"], owner_id);
    }
    let variables = [("COLONIES_COLONY_NAME", "elsewhere")];
    lab.home.run_with(&variables, &["ps"]).exits(2).says("elsewhere").says("`colony ctx ls`");
    lab.home.run_with(&[("COLONIES_PRVKEY", "zz")], &["ps"]).exits(2).says("COLONIES_PRVKEY");
}
