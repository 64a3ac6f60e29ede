//! Each combination of NATs that matters: work crosses all of them, by the best way that they allow.

use std::time::Duration;

use colony_tests::internet::{Internet, Nat};

use crate::town::{JOINED, Resident, Town, UP};

/// How soon after it can work a member has the best way to another: a place at a relay, and a hole. Both ends must begin
/// within a few milliseconds of each other, which takes some tries on a machine that runs two Internets and a compiler.
const SETTLED: Duration = Duration::from_secs(90);

/// The executor in one home does what the submitter in the other wants done, and is reached in one of these ways, be it
/// a member that keeps nothing or one that keeps a replica.
#[track_caller]
fn cross(executor: Nat, submitter: Nat, ways: &[&str]) {
    for role in ["executor", "observer"] {
        let Some(town) = Town::found(executor, role, submitter) else { return };
        assert!(town.joined < JOINED, "{role}: {:?}", town.joined);
        let way = town.way(ways, SETTLED);
        println!(
            "{role} {executor}/{submitter}: {way}; work was done {:?} after its join began",
            town.joined
        );
    }
}

#[test]
fn between_two_cones_a_hole_is_punched() {
    cross(Nat::Cone, Nat::Cone, &["punched"]);
}

#[test]
fn between_a_cone_and_a_symmetric_nat_a_relay_helps() {
    cross(Nat::Cone, Nat::Symmetric, &["relayed"]);
}

#[test]
fn between_two_symmetric_nats_a_relay_helps() {
    cross(Nat::Symmetric, Nat::Symmetric, &["relayed"]);
}

#[test]
fn to_a_full_cone_a_way_leads_directly_or_through_a_hole() {
    cross(Nat::FullCone, Nat::Cone, &["direct", "punched"]);
}

#[test]
fn to_a_public_executor_the_way_is_direct() {
    cross(Nat::None, Nat::Symmetric, &["direct"]);
}

#[test]
fn a_colony_whose_only_voter_is_behind_a_nat_works_through_a_public_node() {
    let Some(mut internet) = Internet::new() else { return };
    let mut public = Resident::new(internet.public());
    let mut voter = Resident::new(internet.behind(Nat::Symmetric));
    let mut executor = Resident::new(internet.behind(Nat::Cone));
    let submitter = Resident::new(internet.behind(Nat::Cone));
    public.found();
    public.serve(&UP);
    voter.serve(&["join", &public.invite("voter"), "--name", "home"]);
    // The founder gives its vote away, and only relays from then on. (Of two that may vote the second only waits.)
    drop(public.run(&["members", "demote", "voter"]).ok());
    public.until("home votes alone", |node| votes(node) == ["home"]);

    executor.begin(&["join", &public.invite("executor"), "--name", "executor"]);
    drop(submitter.run(&["join", &public.invite("user"), "--name", "submitter"]).ok());
    let town = Town::of(internet, public, executor, submitter);
    println!("work was done after {:?}, with the voter behind a symmetric NAT", town.works(JOINED));
    drop(voter);
}

/// Who votes, as a node says.
fn votes(node: &Resident) -> Vec<String> {
    let status = node.run(&["status", "-o", "json"]).json();
    let voters = status["voters"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> =
        voters.iter().filter_map(|voter| Some(voter["name"].as_str()?.to_owned())).collect();
    names.sort();
    names
}
