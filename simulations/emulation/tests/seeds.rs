//! Seeds that have shown something before, by name, and equal seeds that must give equal runs. Each runs the emulator as people
//! do, in a process of its own: `cargo test --release --manifest-path simulations/emulation/Cargo.toml`. What was found with
//! them stands in `../FOUND.md`.

use std::process::Command;

/// Runs the emulator; gives what it said, if it has found nothing.
fn emulate(arguments: &str) -> String {
    emulate_with(arguments, &[])
}

fn emulate_with(arguments: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colony-emulation"));
    command.args(arguments.split_whitespace()).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The hash of everything that happened.
fn trace(said: &str) -> &str {
    said.split_whitespace().find_map(|word| word.strip_prefix("trace=")).unwrap()
}

#[test]
fn a_node_whose_disk_fails_refuses_in_words_and_the_same_way_through_every_node() {
    emulate("--seed 3 --faults disk-error");
}

#[test]
fn a_request_that_a_failing_node_refused_may_have_been_carried_out_by_another() {
    emulate("--seed 117 --faults membership,one-way,disk-error");
}

#[test]
fn a_second_coordinator_of_a_term_does_not_take_the_entries_of_the_first_for_its_own() {
    emulate("--seed 1017 --faults crash,power-cut,split,pause,clients-cut,leader-isolated");
}

#[test]
fn a_coordinator_that_is_started_again_answers_nothing_from_an_older_state() {
    emulate("--seed 253 --faults crash,restart");
    emulate("--seed 233 --faults leader-isolated,full-disk");
}

#[test]
fn a_node_that_was_away_hears_a_coordinator_that_came_meanwhile() {
    emulate("--seed 93 --faults disk-error,clock-jump,membership");
}

#[test]
fn a_node_that_joined_anew_and_was_stopped_while_it_caught_up_starts_again() {
    emulate("--seed 132 --faults restart,clock-jump,clients-cut,membership");
}

#[test]
fn a_node_that_installs_a_second_snapshot_after_a_restart_has_the_state_of_it() {
    emulate("--seed 131 --faults power-cut,membership,succession,last-word");
}

#[test]
fn a_node_that_replays_the_vote_of_its_former_disk_deposes_nobody() {
    emulate("--seed 21 --faults clock-drift,clients-cut,bit-flip");
}

#[test]
fn a_guest_hears_a_coordinator_that_was_let_in_after_it_asked_who_votes() {
    emulate("--seed 54 --faults restart,slow-disk,succession");
}

#[test]
fn no_second_voter_is_taken_from_a_colony_before_it_has_decided_that_the_first_is_back() {
    emulate("--seed 358 --faults leader-isolated,bit-flip,membership");
}

#[test]
fn what_a_coordinator_has_answered_last_is_known_to_its_successor_and_it_answers_no_more() {
    emulate("--seed 3 --faults last-word");
}

#[test]
fn equal_seeds_give_equal_runs_whatever_else_the_process_is_told() {
    for arguments in ["--seed 1", "--seed 7 --faults crash,split,membership", "--seed 11 --nodes 5"] {
        let first = emulate(arguments);
        let home = ("HOME", "/nowhere");
        let again = emulate_with(arguments, &[home, ("RUST_BACKTRACE", "1"), ("TZ", "Asia/Tokyo")]);
        let loud = emulate_with(&format!("{arguments} --trace"), &[("RUST_LOG", "colony_node=debug")]);
        assert_eq!(trace(&first), trace(&again), "{arguments}");
        assert_eq!(trace(&first), trace(&loud), "{arguments}");
    }
    assert_ne!(trace(&emulate("--seed 1")), trace(&emulate("--seed 2")));
}

#[test]
fn a_run_whose_fault_never_happened_is_a_failure() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colony-emulation"));
    // A bridge needs two nodes on each of its sides.
    command.args(["--seed", "1", "--nodes", "1", "--faults", "bridge", "--steps", "200"]);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn who_was_just_let_in_is_refused_by_no_coordinator_that_was_deposed_and_does_not_know_it() {
    emulate("--seed 403 --faults power-cut,bridge,pause,clock-jump");
    emulate("--seed 435 --faults flapping,pause,clock-drift,bit-flip");
}
