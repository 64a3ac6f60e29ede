//! What the doctor says where something is wrong, and where nothing is.

use std::time::{Duration, Instant};

use colony_tests::{
    internet::{Internet, Nat},
    outcome::Outcome,
};
use serde_json::Value;

use crate::town::{Resident, Town, UP};

/// A peer is asked every fifteen seconds whether it is there; two answers, and some room, tell twins from a restart.
const NOTICED: Duration = Duration::from_secs(60);

/// A check of a diagnosis.
#[track_caller]
fn check<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let checks = diagnosis["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {diagnosis:#}"))
}

#[track_caller]
fn says(diagnosis: &Value, name: &str, status: &str, finding: &str) {
    let check = check(diagnosis, name);
    assert_eq!(check["status"], status, "{diagnosis:#}");
    assert!(check["finding"].as_str().unwrap().contains(finding), "{check:#}");
}

#[test]
fn a_member_that_is_well_is_said_to_be_and_one_that_is_cut_off_is_told_why() {
    let Some(mut town) = Town::found(Nat::Cone, "executor", Nat::Symmetric) else { return };
    // The voter: its node answers, it is not refused for its time, its disk is written to.
    let voter = town.voter.run(&["doctor", "-o", "json"]).json();
    for name in ["node", "colony", "listening", "version", "twins", "keys"] {
        assert_eq!(check(&voter, name)["status"], "ok", "{voter:#}");
    }
    // Who has no node of its own hears from the voter, whose clock is another.
    let well = town.submitter.run(&["doctor", "-o", "json"]).ok().json();
    says(&well, "colony", "ok", "voter coordinates");
    says(&well, "clock", "ok", "voter's");

    // A public member is reached directly, at each of its addresses.
    let direct = town.submitter.run(&["doctor", "voter", "-o", "json"]).ok().json();
    assert_eq!((&direct["peer"], &direct["path"]), (&"voter".into(), &"direct".into()), "{direct:#}");

    // An executor keeps no replica, and tells how it is met all the same.
    town.executor.until("its doctor finds a place at a relay", |executor| {
        let diagnosis = executor.run(&["doctor", "-o", "json"]).json();
        check(&diagnosis, "relays")["status"] == "ok"
    });
    let lent = town.executor.run(&["doctor", "-o", "json"]).json();
    says(&lent, "executor", "ok", "executor runs");
    says(&lent, "relays", "ok", "through voter");
    says(&lent, "listening", "ok", "QUIC, TCP");
    says(&lent, "addresses", "ok", "others see this node at");

    // A machine that is off: each step that fails says so, and what to do.
    town.executor.kill();
    let off = town.submitter.run(&["doctor", "executor", "-o", "json"]).with_code(1).json();
    assert_eq!((&off["path"], &off["status"]), (&"none".into(), &"fail".into()), "{off:#}");
    for (step, fix) in [("direct", "colony doctor (on executor)"), ("relayed", "colony members")] {
        let step = check(&off, step);
        assert!(step["status"] == "fail" && step["fix"].as_str().unwrap().contains(fix), "{off:#}");
    }
    let idle = town.executor.run(&["doctor", "-o", "json"]).ok().json();
    says(&idle, "executor", "warn", "does not take work");

    // Nobody is there: who was asked, where, and what came of it.
    town.voter.kill();
    let cut = town.submitter.run(&["doctor", "-o", "json"]).with_code(1).json();
    says(&cut, "colony", "fail", "Connection refused");
    assert!(check(&cut, "colony")["fix"].as_str().unwrap().contains("colony up"), "{cut:#}");
    town.voter.serve(&UP);
}

#[test]
fn a_key_that_two_machines_use_is_named() {
    let Some(mut internet) = Internet::new() else { return };
    let mut voter = Resident::new(internet.public());
    let mut watcher = Resident::new(internet.public());
    voter.found();
    voter.serve(&UP);
    let listen = format!("/ip4/{}/tcp/4100", watcher.machine.address());
    watcher.serve(&["join", &voter.invite("observer"), "--name", "watcher", "--listen", &listen]);
    // Somebody copies the machine while it is off, and runs both.
    watcher.kill();
    let mut copy = Resident::copied(internet.public(), &watcher);
    let listen = format!("/ip4/{}/tcp/4100", copy.machine.address());
    watcher.serve(&UP);
    copy.begin(&["up", "--listen", &listen]);
    let begun = Instant::now();
    loop {
        let outcome: Outcome = voter.run(&["doctor", "-o", "json"]);
        let diagnosis = outcome.json();
        if check(&diagnosis, "twins")["status"] == "fail" {
            says(&diagnosis, "twins", "fail", "the key of watcher is in use twice");
            assert_eq!(outcome.code, Some(1));
            break;
        }
        assert!(begun.elapsed() < NOTICED, "{diagnosis:#}\n{}", voter.said());
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("two machines with one key were noticed after {:?}", begun.elapsed());
}
