//! `colony dev`, `ctx`, `demo` and `bench`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::lab::{Home, Lab};

#[test]
fn a_development_colony_says_when_it_serves() {
    let lab = Lab::start();
    let ready = &lab.ready;
    assert_eq!(
        (&ready["event"], &ready["colony"], &ready["members"]),
        (&"ready".into(), &"dev".into(), &1.into())
    );
    assert!(ready["http"].is_null() && ready["millis"].is_u64());
    assert!(ready["listen"][0].as_str().unwrap().starts_with("/ip4/127.0.0.1/tcp/"));
    let names = lab.run(&["executor", "ls", "-o", "quiet"]).exits(0).out;
    assert_eq!(names.lines().collect::<Vec<_>>(), ["dev", "local"]);
    lab.stop();
}

#[test]
fn its_keys_are_files_for_the_owner_alone() {
    let lab = Lab::start();
    for key in ["dev.key", "dev-owner.key"] {
        let mode = fs::metadata(lab.home.path("home/keys").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let key = lab.home.path("home/keys/dev.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    lab.run(&["ps"]).exits(2).says("can be read by others");
}

#[test]
fn data_kept_in_a_directory_survives_a_power_cut() {
    let home = Home::new();
    let data = home.path("data").display().to_string();
    let lab = Lab::start_with(home, &["--data", &data]);
    lab.run(&["exec", "--", "echo", "kept"]).exits(0);
    let home = lab.kill();
    let lab = Lab::start_with(home, &["--data", &data]);
    lab.run(&["ps"]).exits(0).prints("kept");
    lab.run(&["exec", "--", "true"]).exits(0).says("p2 succeeded");
}

#[test]
fn contexts_are_listed_chosen_and_shown() {
    let lab = Lab::start();
    lab.run(&["ctx"]).exits(0).prints("*").prints("dev");
    lab.run(&["ctx", "show"]).exits(0).prints("keys/dev.key");
    lab.run(&["ctx", "use", "dev"]).exits(0).says("commands now use dev");
    lab.run(&["ctx", "use", "other"]).exits(2).says("no context named other").says("`colony ctx ls`");
    let listed = lab.run(&["ctx", "ls", "-o", "json"]).exits(0).json();
    assert_eq!((&listed[0]["name"], &listed[0]["current"]), (&"dev".into(), &true.into()));
}

#[test]
fn the_demo_needs_nothing_and_checks_itself() {
    let home = Home::new();
    let shown = home.run(&["demo", "--tasks", "5"]).exits(0);
    shown.prints("added up from 5 parts").prints("6 processes: each ended exactly once");
    let file = home.file("text", "one two\nthree\tfour  five\n");
    let shown = home.run(&["demo", "--input", &file, "-o", "json"]).exits(0).json();
    assert_eq!(shown["words"], 5);
    home.run(&["demo", "--input", "/no/such"]).exits(2).says("cannot read /no/such");
    assert!(!home.path("home").exists(), "the demo leaves nothing behind");
}

#[test]
fn the_bench_measures_every_process_and_cleans_up() {
    let lab = Lab::start();
    let args = ["bench", "--processes", "50", "--batch", "7", "--submitters", "2", "--executors", "2"];
    let measured = lab.run(&[&args[..], &["-o", "json"]].concat()).exits(0).json();
    for phase in ["submit", "assign", "close", "queue"] {
        assert_eq!(measured[phase]["processes"], 50, "{phase}");
        assert!(measured[phase]["p99_ms"].as_f64().unwrap() > 0.0, "{phase}");
    }
    lab.run(&args).exits(0).prints("PER SECOND").prints("P99");
    let states = lab.run(&["executor", "ls", "-o", "json"]).exits(0).json();
    let active = states.as_array().unwrap().iter().filter(|executor| executor["state"] == 1).count();
    assert_eq!(active, 2);
}
