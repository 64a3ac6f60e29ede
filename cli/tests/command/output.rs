//! The forms of output: tables that fit, JSON that parses, ids alone, and nothing else on stdout.

use serde_json::Value;

use super::lab::{Home, Lab};

#[test]
fn tables_fit_eighty_columns_and_show_no_hex() {
    let lab = Lab::start();
    let long = "a-function-with-a-very-long-name-that-would-not-fit-into-any-table-at-all".repeat(2);
    lab.run(&["exec", "--detach", "--type", "nobody", "--", &long]).exits(0);
    lab.run(&["exec", "--", "sh", "-c", "echo an output that is quite long as well, and goes on and on"])
        .exits(0);
    for args in [&["ps"][..], &["executor", "ls"], &["ctx"], &["explain", "p1"]] {
        let table = lab.run(args).exits(0);
        let widest = table.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{args:?} is {widest} wide:\n{}", table.out);
    }
    let listed = lab.run(&["ps"]).exits(0).out;
    let titles: Vec<_> = listed.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(titles, ["ID", "FUNCTION", "STATE", "ON", "AGE", "TRY", "NOTE"]);
    assert!(lab.run(&["ps", "-o", "wide"]).exits(0).out.contains(&long));
}

#[test]
fn programs_get_json_in_the_shape_of_colonyos() {
    let lab = Lab::start();
    lab.run(&["exec", "--", "echo", "1"]).exits(0);
    lab.run(&["exec", "--", "echo", "2"]).exits(0);
    let list = lab.run(&["ps", "-o", "json"]).exits(0).json();
    let newest = &list[0];
    for key in ["processid", "state", "spec", "out", "errors", "retries", "number", "attempt", "token"] {
        assert!(newest.get(key).is_some(), "{key} is missing: {newest}");
    }
    assert_eq!(newest["spec"]["conditions"]["colonyname"], "dev");
    let lines = lab.run(&["ps", "-o", "jsonl"]).exits(0).out;
    let numbers: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["number"].clone()).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(lab.run(&["ps", "-o", "quiet"]).exits(0).out, "p2\np1\n");
    let lines = lab.run(&["logs", "p1", "-o", "jsonl"]).exits(0).json();
    assert_eq!((&lines["message"], &lines["stream"]), (&"1\n".into(), &"out".into()));
}

#[test]
fn an_empty_list_is_no_data() {
    let lab = Lab::start();
    let listed = lab.run(&["ps"]).exits(0);
    assert_eq!((listed.out.as_str(), listed.err.as_str()), ("", "no processes\n"));
    assert_eq!(lab.run(&["ps", "-o", "json"]).exits(0).json(), Value::Array(Vec::new()));
}

#[test]
fn status_has_the_promised_keys() {
    let lab = Lab::start();
    let status = lab.run(&["status", "-o", "json"]).exits(0).json();
    let keys = ["colony", "colonyid", "term", "coordinator", "voters", "learners", "committed", "applied"];
    for key in keys.into_iter().chain(["waiting", "running"]) {
        assert!(status.get(key).is_some(), "{key} is missing: {status}");
    }
    assert!(status["coordinator"]["id"].is_string() && status["coordinator"]["name"].is_string());
    lab.run(&["status"]).exits(0).prints("coordinator");
}

#[test]
fn shells_learn_the_words() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        home.run(&["completions", shell]).exits(0).prints("executor");
    }
    assert!(home.run(&["--version"]).exits(0).out.starts_with("colony "));
    home.run(&["--help"]).exits(0).prints("colony exec -- uname -a").prints("130 interrupted");
}
