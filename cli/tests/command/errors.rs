//! What is said when something is wrong: what, why, and what to do next.

use std::fs;

use super::lab::{Home, Lab};

#[test]
fn without_a_colony_the_way_to_one_is_shown() {
    let home = Home::new();
    let ended = home.run(&["ps"]).exits(3);
    assert_eq!(
        ended.err,
        "error: this home knows no colony yet\nhint: start a colony on this machine with `colony dev`\n"
    );
    let other = home.path("other home").display().to_string();
    home.run(&["ps", "--home", &other]).exits(3).says(&format!("`colony --home '{other}' dev`"));
}

#[test]
fn a_colony_that_is_gone_is_unreachable() {
    let home = Lab::start().stop();
    let ended = home.run(&["exec", "--", "true"]).exits(3);
    assert!(ended.err.starts_with("error: cannot reach the colony: "), "{ended:?}");
    ended.says("hint: start a colony on this machine with `colony dev`");
}

#[test]
fn a_key_of_nobody_is_denied() {
    let lab = Lab::start();
    let stranger = [("COLONIES_PRVKEY", "1111111111111111111111111111111111111111111111111111111111111111")];
    let ended = lab.home.run_with(&stranger, &["exec", "--", "true"]).exits(4);
    ended.says("denied").says("`colony ctx show`");
}

#[test]
fn a_used_port_is_named() {
    let lab = Lab::start();
    let address = lab.ready["listen"][0].as_str().unwrap().split("/p2p/").next().unwrap().to_owned();
    let ended = Home::new().run(&["dev", "--listen", &address]).exits(1);
    assert_eq!(
        ended.err,
        format!(
            "error: address already in use: {address}\n\
             hint: let the system choose a port: `colony dev --listen /ip4/127.0.0.1/tcp/0`\n"
        )
    );
}

#[test]
fn a_development_colony_stays_on_this_machine() {
    let ended = Home::new().run(&["dev", "--listen", "/ip4/0.0.0.0/tcp/0"]).exits(2);
    ended.says("because everybody knows its keys").says("`colony dev --listen /ip4/127.0.0.1/tcp/50081`");
}

#[test]
fn mistakes_in_a_file_are_found_before_anything_is_asked() {
    // No colony is needed to be told.
    let home = Home::new();
    let file = home.file("a.json", "{\n  \"funcname\": \"x\",\n  oops\n}\n");
    let ended = home.run(&["submit", &file]).exits(2);
    assert!(ended.err.starts_with(&format!("error: {file}:3:3: not valid JSON: ")), "{ended:?}");

    let file = home.file("b.json", r#"{"funcname": "x", "conditions": {"exectype": "cli"}}"#);
    home.run(&["submit", &file]).exits(2).says("b.json:1:").says("exectype").says("executortype");

    let file =
        home.file("c.json", r#"{"funcname": "x", "conditions": {"executortype": "cli", "mem": "lots"}}"#);
    home.run(&["submit", &file]).exits(2).says("conditions.mem");

    home.run(&["submit", "/no/such/file"]).exits(2).says("cannot read /no/such/file");
    home.run(&["submit", "/no/such/file"]).exits(2).says("`colony submit --help`");
}

#[test]
fn what_is_not_there_is_named() {
    let lab = Lab::start();
    lab.run(&["get", "p99"]).exits(1).says("p99").says("not found").says("`colony ps`");
    lab.run(&["get", "w99"]).exits(1).says("w99").says("`colony workflow ls`");
    lab.run(&["get", "last"]).exits(1).says("not found");
    lab.run(&["logs", "w1"]).exits(2).says("a process is wanted here");
    lab.run(&["get", "x7"]).exits(2).says("not an id");
    lab.run(&["--context", "other", "ps"]).exits(2).says("no context named other");
}

#[test]
fn a_broken_contexts_file_is_named_with_its_line() {
    let home = Home::new();
    fs::create_dir_all(home.path("home")).unwrap();
    home.file("home/contexts.toml", "current = 7\n");
    home.run(&["ps"]).exits(2).says("contexts.toml").says("line 1");
}

#[test]
fn words_that_do_not_exist_are_refused() {
    let home = Home::new();
    home.run(&["frobnicate"]).exits(2).says("frobnicate");
    home.run(&["dev", "--nodes", "2"]).exits(2).says("--nodes");
    home.run(&["exec"]).exits(2);
}
