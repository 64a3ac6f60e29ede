//! `colony key`: a new key for whoever has one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use colony_protocol::identity::{Identity, SecretKey};

use super::{lab::Home, machine::Machine};

fn identity(home: &Home, name: &str) -> Identity {
    let key: SecretKey = fs::read_to_string(file(home, name)).unwrap().parse().unwrap();
    key.identity()
}

fn file(home: &Home, name: &str) -> std::path::PathBuf {
    home.path("home/keys").join(format!("{name}.key"))
}

fn write(path: &Path, key: &SecretKey) {
    fs::write(path, key.to_hex()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_user_an_executor_and_the_owner_take_new_keys_and_stay_who_they_are() {
    let machine = Machine::founder(&[]);
    let home = &machine.home;
    let spec = home.file("spec.json", r#"{"funcname": "f", "conditions": {"executortype": "gpu"}}"#);
    let process = machine.run(&["submit", &spec]).exits(0).out;
    let before = identity(home, "lab");
    let told = machine.run(&["key", "change"]).exits(0).says("counts for nothing in lab");
    assert_eq!(told.out.trim(), identity(home, "lab").to_hex());
    assert_ne!(identity(home, "lab"), before);
    assert_eq!(fs::metadata(file(home, "lab")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file(home, "lab-next").exists());
    // What it submitted before is its own still.
    let key = fs::read_to_string(file(home, "lab")).unwrap();
    let without_owner = [("COLONIES_COLONY_PRVKEY", key.trim())];
    home.run_with(&without_owner, &["cancel", process.trim()]).exits(0);

    machine.run(&["executor", "add", "--name", "far", "--type", "gpu", "--approve"]).exits(0);
    let id = machine.run(&["key", "change", "far"]).exits(0).out;
    let executor = machine.run(&["executor", "get", "far", "-o", "json"]).exits(0).json();
    assert_eq!((executor["executorid"].as_str(), &executor["state"]), (Some(id.trim()), &1.into()));

    machine.run(&["key", "change", "--owner"]).exits(0);
    machine.run(&["user", "add", "--name", "bob"]).exits(0);
    assert_eq!(identity(home, "lab-owner").to_hex().len(), 64);
    // A node is known by its key.
    machine.run(&["key", "change", "node"]).exits(4).says("joins with a ticket");
}

#[test]
fn who_was_interrupted_asks_again_and_a_key_that_is_elsewhere_is_named() {
    let machine = Machine::founder(&[]);
    let home = &machine.home;
    // As it is left when the colony was told of the new key and the home was not changed any more.
    let next = SecretKey::derive(b"next");
    write(&file(home, "lab-next"), &next);
    machine.run(&["key", "change", "--to", &next.identity().to_hex()]).exits(0);
    machine.run(&["ps"]).exits(4);
    machine.run(&["key", "change"]).exits(0).says("lab.key");
    assert_eq!(identity(home, "lab"), next.identity());
    machine.run(&["ps"]).exits(0);

    machine.run(&["user", "add", "--name", "bob"]).exits(0);
    let bob = fs::read_to_string(file(home, "bob")).unwrap();
    let as_bob = [("COLONIES_PRVKEY", bob.trim())];
    home.run_with(&as_bob, &["key", "change"]).exits(2).says("--to");
    let other = SecretKey::derive(b"other").identity().to_hex();
    home.run_with(&as_bob, &["key", "change", "--to", &other]).exits(0).prints(&other);
    home.run_with(&as_bob, &["ps"]).exits(4);
    machine.run(&["user", "ls", "-o", "json"]).exits(0).prints(&other);
}
