//! Each combination of NATs that matters.

use colony_tests::internet::Nat;

use crate::town::{JOINED, Town};

/// The executor in one home does what the submitter in the other wants done.
#[track_caller]
fn cross(executor: Nat, submitter: Nat) {
    let Some(town) = Town::found(executor, submitter) else { return };
    println!("{executor}/{submitter}: work was done {:?} after the executor's join began", town.joined);
    assert!(town.joined < JOINED, "{:?}", town.joined);
}

#[test]
fn work_crosses_two_cones() {
    cross(Nat::Cone, Nat::Cone);
}

#[test]
fn work_crosses_a_cone_and_a_symmetric_nat() {
    cross(Nat::Cone, Nat::Symmetric);
}

#[test]
fn work_crosses_two_symmetric_nats() {
    cross(Nat::Symmetric, Nat::Symmetric);
}

#[test]
fn work_crosses_a_full_cone_and_a_cone() {
    cross(Nat::FullCone, Nat::Cone);
}

#[test]
fn work_crosses_nothing_and_a_symmetric_nat() {
    cross(Nat::None, Nat::Symmetric);
}
