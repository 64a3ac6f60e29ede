//! The way between two nodes at home, with a public node that relays: direct where their NATs allow it.

use std::time::{Duration, Instant};

use colony_tests::internet::{Internet, Nat};
use serde_json::Value;

use crate::town::Resident;

/// How soon after the last one has joined the two must have found the best way.
const FOUND: Duration = Duration::from_secs(30);
/// How soon they must have one again after the relay came back.
const AGAIN: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);
/// How the public node is run.
const RELAY: [&str; 2] = ["up", "--relay"];

/// A public node that relays, and two nodes at home.
struct Pair {
    one: Resident,
    other: Resident,
    relay: Resident,
    _internet: Internet,
}

impl Pair {
    fn join(one: Nat, other: Nat) -> Option<Self> {
        let mut internet = Internet::new()?;
        let mut relay = Resident::new(internet.public());
        let (mut one, mut other) =
            (Resident::new(internet.behind(one)), Resident::new(internet.behind(other)));
        relay.found();
        relay.serve(&RELAY);
        one.serve(&["join", &relay.invite("observer"), "--name", "one"]);
        other.serve(&["join", &relay.invite("observer"), "--name", "other"]);
        Some(Self { one, other, relay, _internet: internet })
    }

    /// The way from one to the other, as it is shown there.
    fn way(&self) -> String {
        let shown = self.one.run(&["members", "-o", "json", "--stale"]);
        let members: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
        let members = members.as_array().cloned().unwrap_or_default();
        let other = members.iter().find(|member| member["name"] == "other");
        other.and_then(|other| other["path"].as_str()).unwrap_or("?").to_owned()
    }

    /// Insists on one of some ways, soon.
    #[track_caller]
    fn finds(&self, ways: &[&str], within: Duration) {
        let begun = Instant::now();
        loop {
            let way = self.way();
            if ways.contains(&way.as_str()) {
                println!("{way} after {:?}", begun.elapsed());
                return;
            }
            let said = || format!("one:\n{}\nother:\n{}", self.one.said(), self.other.said());
            assert!(begun.elapsed() < within, "{way}, not {ways:?}, after {within:?}\n{}", said());
            std::thread::sleep(LOOK);
        }
    }
}

/// Two nodes at home find one of these ways to each other.
#[track_caller]
fn way(one: Nat, other: Nat, ways: &[&str]) {
    let Some(pair) = Pair::join(one, other) else { return };
    print!("{one}/{other}: ");
    pair.finds(ways, FOUND);
}

#[test]
fn between_two_cones_a_hole_is_punched() {
    way(Nat::Cone, Nat::Cone, &["punched", "direct"]);
}

#[test]
fn between_a_cone_and_a_symmetric_nat_it_is_relayed() {
    way(Nat::Cone, Nat::Symmetric, &["relayed"]);
}

#[test]
fn between_two_symmetric_nats_it_is_relayed() {
    way(Nat::Symmetric, Nat::Symmetric, &["relayed"]);
}

#[test]
fn a_full_cone_is_reached_directly() {
    way(Nat::FullCone, Nat::Cone, &["punched", "direct"]);
}

#[test]
fn whoever_has_no_nat_is_reached_directly() {
    way(Nat::None, Nat::Symmetric, &["direct"]);
}

#[test]
fn a_relay_that_was_killed_relays_again_soon_after_its_start() {
    let Some(mut pair) = Pair::join(Nat::Symmetric, Nat::Symmetric) else { return };
    pair.finds(&["relayed"], FOUND);
    pair.relay.kill();
    pair.finds(&["-"], FOUND);
    pair.relay.serve(&RELAY);
    pair.finds(&["relayed"], AGAIN);
}
