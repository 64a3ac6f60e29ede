//! `colony cron` and `colony generator`.

use super::lab::Lab;

const ECHO: &str = r#"{"func": "echo", "args": ["hello"], "conditions": {"executortype": "cli"}}"#;

#[test]
fn a_cron_is_added_shown_run_and_removed() {
    let lab = Lab::start();
    let file = lab.home.file("echo.json", ECHO);
    let args = ["cron", "add", &file, "--name", "nightly", "--cron", "TZ=Europe/Stockholm 0 30 2 * * *"];
    assert_eq!(lab.run(&args).exits(0).says("nightly runs next in").out, "c1\n");
    lab.run(&["cron", "ls"]).exits(0).prints("nightly").prints("TZ=Europe/Stockholm");

    let cron = lab.run(&["cron", "get", "nightly", "-o", "json"]).exits(0).json();
    assert_eq!(
        (&cron["name"], &cron["interval"], &cron["runs"]),
        (&"nightly".into(), &(-1).into(), &0.into())
    );
    let upcoming: Vec<&str> =
        cron["upcoming"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    assert_eq!((upcoming.len(), upcoming[0]), (5, cron["nextrun"].as_str().unwrap()));
    assert!(upcoming.windows(2).all(|pair| pair[0] < pair[1]), "{upcoming:?}");
    lab.run(&["cron", "get", "c1"]).exits(0).prints("next runs");

    assert_eq!(lab.run(&["cron", "run", "nightly"]).exits(0).out, "w1\n");
    lab.run(&["wait", "w1"]).exits(0);
    assert_eq!(lab.run(&["cron", "get", "c1", "-o", "json"]).exits(0).json()["runs"], 1);
    lab.run(&["cron", "rm", "nightly"]).exits(0).says("cron nightly removed");
    lab.run(&["cron", "get", "nightly"]).exits(1).says("`colony cron ls`");
    lab.run(&["cron", "ls"]).exits(0).says("no crons");
}

#[test]
fn a_cron_starts_its_workflow_by_itself() {
    let lab = Lab::start();
    let file = lab.home.file("echo.json", ECHO);
    lab.run(&["cron", "add", "--spec", &file, "--name", "often", "--interval", "1", "--waitprevious"])
        .exits(0);
    lab.run(&["cron", "add", &file, "--name", "spread", "--every", "1s", "--random"]).exits(0);
    for cron in ["often", "spread"] {
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while lab.run(&["cron", "get", cron, "-o", "json"]).exits(0).json()["runs"].as_u64().unwrap() < 2 {
            assert!(std::time::Instant::now() < patience, "{cron} does not run");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    lab.run(&["process", "pss"]).exits(0).prints("hello");
}

#[test]
fn a_schedule_that_is_none_is_refused_with_what_is_wrong() {
    let lab = Lab::start();
    let file = lab.home.file("echo.json", ECHO);
    let add = |schedule| lab.run(&["cron", "add", &file, "--name", "x", "--cron", schedule]);
    add("* * * * *").exits(2).says("6 fields");
    add("TZ=Europe/Stokholm @daily").exits(2).says("did you mean Europe/Stockholm?");
    add("0 0 0 30 2 *").exits(2).says("no month has such a day");
    lab.run(&["cron", "add", &file, "--name", "x"]).exits(2).says("--every");
    lab.run(&["cron", "ls"]).exits(0).says("no crons");
}

#[test]
fn a_generator_starts_a_workflow_with_what_was_packed_in_order() {
    let lab = Lab::start();
    let file = lab.home.file("batch.json", ECHO);
    let args = ["generator", "add", &file, "--name", "batch", "--trigger", "3", "--timeout", "-1"];
    assert_eq!(lab.run(&args).exits(0).out, "g1\n");
    assert_eq!(lab.run(&["generator", "pack", "batch", "one", "two"]).exits(0).out, "");
    assert_eq!(lab.run(&["generator", "get", "g1", "-o", "json"]).exits(0).json()["queuesize"], 2);
    let packed = lab.run(&["generator", "pack", "--generatorid", "g1", "--arg", "three"]).exits(0);
    assert_eq!(packed.says("0 of 3 wait in batch").out, "w1\n");
    lab.run(&["wait", "w1"]).exits(0);
    lab.run(&["logs", "last"]).exits(0).prints("one two three");
    lab.run(&["generator", "ls"]).exits(0).prints("0 of 3");
    lab.run(&["generator", "remove", "batch"]).exits(0);
    lab.run(&["generator", "pack", "batch", "x"]).exits(1).says("`colony generator ls`");
}

#[test]
fn a_timeout_takes_what_is_there() {
    let lab = Lab::start();
    let file = lab.home.file("batch.json", ECHO);
    lab.run(&["generator", "add", "--spec", &file, "--name", "batch", "--trigger", "9", "--timeout", "1"])
        .exits(0);
    lab.run(&["generator", "pack", "batch", "alone"]).exits(0);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while lab.run(&["generator", "get", "batch", "-o", "json"]).exits(0).json()["runs"] != 1 {
        assert!(std::time::Instant::now() < patience, "the timeout does not start anything");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    lab.run(&["wait", "p1"]).exits(0);
    lab.run(&["logs", "p1"]).exits(0).prints("alone");
}

#[test]
fn without_a_trigger_or_with_one_of_nothing_there_is_no_generator() {
    let lab = Lab::start();
    let file = lab.home.file("batch.json", ECHO);
    lab.run(&["generator", "add", &file, "--name", "x"]).exits(2).says("--trigger");
    lab.run(&["generator", "add", &file, "--name", "x", "--trigger", "0"]).exits(2);
    lab.run(&["generator", "ls"]).exits(0).says("no generators");
}

#[test]
fn lines_are_found_in_all_logs_newest_process_first() {
    let lab = Lab::start();
    for word in ["first needle", "hay", "second needle"] {
        lab.run(&["exec", "--", "echo", word]).exits(0);
    }
    let found = lab.run(&["log", "search", "needle", "-o", "quiet"]).exits(0);
    assert_eq!(found.out, "second needle\nfirst needle\n");
    let first = lab.run(&["log", "search", "--text", "needle", "--days", "1", "--count", "1", "-o", "json"]);
    assert_eq!(first.exits(0).json()[0]["executorname"], "local");
    lab.run(&["log", "search", "needle", "--executorname", "nobody"]).exits(0).says("no such lines");
}

#[test]
fn a_policy_is_set_by_the_owner_and_shown() {
    let lab = Lab::start();
    lab.run(&["policy", "get"]).exits(0).prints("for ever");
    let set = lab.run(&["policy", "set", "--success", "30d", "--logs", "12h", "-o", "json"]).exits(0).json();
    assert_eq!(
        (&set["success"], &set["failed"], &set["logs"]),
        (&2_592_000.into(), &().into(), &43_200.into())
    );
    lab.run(&["policy", "set", "--failed", "1s"]).says("at least one minute");
    assert_eq!(lab.run(&["policy", "get", "-o", "json"]).exits(0).json()["success"], 2_592_000);
}
