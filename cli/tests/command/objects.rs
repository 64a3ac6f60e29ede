//! `colony file`, `label`, `snapshot`, `location`, `blueprint` and `channel`, and lines that are added to a log.

use super::lab::Lab;

#[test]
fn files_are_recorded_listed_kept_by_a_snapshot_and_removed() {
    let lab = Lab::start();
    let file = lab.home.file("a.txt", "hello");
    let place = ["--label", "/d", "--server", "h:9000", "--bucket", "b"];
    let add = |object| {
        let args = [&["file", "add", file.as_str(), "--object", object][..], &place].concat();
        lab.run(&args).exits(0)
    };
    add("o1");
    add("o2");
    lab.run(&["file", "ls", "/d"]).exits(0).prints("a.txt");
    // SHA-256 of what is in it.
    let checksum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    lab.run(&["file", "get", "/d/a.txt", "-o", "json"]).exits(0).prints("\"o2\"").prints(checksum);
    lab.run(&["file", "get", "/d/a.txt", "--all", "-o", "json"]).exits(0).prints("\"o1\"");
    lab.run(&["label", "ls"]).exits(0).prints("/d");
    lab.run(&["snapshot", "create", "s1", "--label", "/d"]).exits(0).says("s1 keeps");
    lab.run(&["file", "rm", "/d/a.txt"]).exits(0).says("2 revisions removed");
    lab.run(&["file", "get", "/d/a.txt"]).exits(1);
    lab.run(&["snapshot", "get", "s1"]).exits(0).prints("a.txt");
    lab.run(&["snapshot", "ls"]).exits(0).prints("s1");
    lab.run(&["snapshot", "rm", "s1"]).exits(0);
}

#[test]
fn a_blueprint_that_its_definition_does_not_allow_is_refused_and_another_is_reconciled() {
    let lab = Lab::start();
    let definition = lab.home.file(
        "lamps.json",
        r#"{"kind": "BlueprintDefinition", "metadata": {"name": "lamps"}, "spec": {"names": {"kind": "Lamp"},
            "schema": {"type": "object", "required": ["power"]},
            "handler": {"executorType": "dev", "functionName": "reconcile"}}}"#,
    );
    let lamp = |name, spec: &str| {
        let text = format!(r#"{{"kind": "Lamp", "metadata": {{"name": "hall"}}, "spec": {spec}}}"#);
        lab.home.file(name, &text)
    };
    lab.run(&["blueprint", "definition", "add", &definition]).exits(0).says("lamps added");
    lab.run(&["blueprint", "add", &lamp("dark.json", "{}")]).exits(2).says("power");
    lab.run(&["blueprint", "add", &lamp("hall.json", r#"{"power": true}"#)]).exits(0);
    lab.run(&["blueprint", "ls"]).exits(0).prints("hall");
    lab.run(&["ps"]).exits(0).prints("reconcile");
    lab.run(&["blueprint", "update", &lamp("off.json", r#"{"power": false}"#)]).exits(0);
    lab.run(&["blueprint", "get", "hall"]).exits(0).prints("\"generation\": 1");
    lab.run(&["blueprint", "history", "hall"]).exits(0);
    lab.run(&["blueprint", "definition", "rm", "lamps"]).exits(2).says("remove them first");
    lab.run(&["blueprint", "rm", "hall"]).exits(0);
    lab.run(&["location", "add", "home", "--long", "20.25", "--lat", "63.8"]).exits(0);
    lab.run(&["location", "ls"]).exits(0).prints("home").prints("20.25");
    lab.run(&["location", "rm", "home"]).exits(0);
}

#[test]
fn what_is_said_in_a_channel_is_read_and_lines_are_added_to_logs() {
    let lab = Lab::start();
    let spec = r#"{"func": "talk", "channels": ["words"], "conditions": {"executortype": "nobody"}}"#;
    lab.run(&["submit", &lab.home.file("talk.json", spec)]).exits(0);
    lab.run(&["channel", "append", "last", "words", "hello"]).exits(0);
    lab.run(&["channel", "append", "last", "words", "there"]).exits(0);
    assert_eq!(lab.run(&["channel", "read", "last", "words"]).exits(0).out, "hello\nthere\n");
    lab.run(&["channel", "ls", "last"]).exits(0).prints("words");
    lab.run(&["channel", "append", "last", "other", "hello"]).exits(1).says("not found");
    // Nobody runs it, so nobody writes its log; an executor has one of its own.
    assert_ne!(lab.run(&["log", "add", "--processid", "last", "-m", "mine"]).code, Some(0));
    lab.run(&["log", "add", "all is well\nmore"]).exits(0);
    lab.run(&["log", "search", "all is well"]).exits(0).prints("all is well");
}
