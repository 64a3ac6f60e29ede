//! What goes wrong, and what is said then: what, why, and a hint; with the exit code scripts rely on.

use colony_tests::{dev::Dev, home::Home};

use crate::submit;

/// A key nobody registered: a valid secp256k1 scalar.
const STRANGER: &str = "1111111111111111111111111111111111111111111111111111111111111111";

#[test]
fn malformed_json_is_refused_with_line_and_column() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    home.write("bad.json", "{\n  \"func\": \"sleep\",\n  \"args\": [1,]\n}\n");
    let refused = home.run(["submit", "bad.json"]).with_code(2);
    drop(refused.clone().says("bad.json"));
    assert!(refused.stderr.contains("line 3") || refused.stderr.contains(":3:"), "{refused:#?}");
}

#[test]
fn an_unknown_field_is_named() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    home.write(
        "typo.json",
        r#"{ "func": "true", "maxexctime": 5, "conditions": { "executortype": "cli" } }"#,
    );
    drop(home.run(["submit", "typo.json"]).with_code(2).says("maxexctime"));
}

#[test]
fn a_wrong_value_names_its_field() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let spec = r#"{ "func": "true", "conditions": { "executortype": "cli", "mem": "lots" } }"#;
    home.write("mem.json", spec);
    drop(home.run(["submit", "mem.json"]).with_code(2).says("mem"));
}

#[test]
fn work_nobody_can_do_waits_and_explain_says_why() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    home.write("gpu.json", r#"{ "func": "true", "conditions": { "executortype": "quantum" } }"#);
    let id = submit(&home, "gpu.json");
    let explained = home.run(["explain", &id]).ok();
    assert!(explained.stdout.contains("quantum"), "{explained:#?}");
    drop(home.run(["wait", &id, "--timeout", "1"]).with_code(5));
}

#[test]
fn a_key_that_is_no_member_is_denied() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let mut command = home.colony(["ps"]);
    command.env("COLONIES_PRVKEY", STRANGER);
    let denied = colony_tests::outcome::run(command, None, colony_tests::outcome::DEADLINE);
    drop(denied.with_code(4).says("hint:"));
}

#[test]
fn without_a_node_the_hint_says_how_to_start_one() {
    let home = Home::new();
    let mut dev = Dev::start(&home, &[]);
    assert_eq!(dev.leave(), Some(0), "{}", dev.stderr());
    drop(home.run(["ps"]).with_code(3).says("hint:"));
}

#[test]
fn a_used_port_is_named() {
    let home = Home::new();
    let dev = Dev::start(&home, &[]);
    let address = dev.listen().into_iter().find(|address| address.contains("/tcp/")).unwrap();
    let address = address.split("/p2p/").next().unwrap().to_owned();
    let port = address.rsplit('/').next().unwrap();

    let said = Dev::try_start(&Home::new(), &["--listen", &address]).unwrap_err();
    assert!(said.contains(port), "the port {port} is not named:\n{said}");
    assert!(!said.contains("panicked at"), "{said}");
}
