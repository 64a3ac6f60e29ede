//! What changes under way: a voter that restarts, an executor that has another address.

use std::time::{Duration, Instant};

use colony_tests::{
    internet::Nat,
    outcome::{DEADLINE, Running},
};

use crate::town::{Town, UP};

/// How soon all must work again.
const AGAIN: Duration = Duration::from_secs(15);

#[test]
fn all_works_again_soon_after_the_public_node_was_killed_and_started() {
    let Some(mut town) = Town::found(Nat::Cone, "executor", Nat::Symmetric) else { return };
    town.voter.kill();
    town.voter.serve(&UP);
    println!("work was done {:?} after the restart", town.works(AGAIN));
}

#[test]
fn an_executor_whose_address_changes_keeps_its_lease() {
    let Some(mut town) = Town::found(Nat::Cone, "executor", Nat::Cone) else { return };
    // Longer than it takes to notice that the old address leads nowhere, and no second attempt is allowed.
    let script = "sleep 20; echo done";
    let args = ["exec", "--retries", "0", "--", "sh", "-c", script];
    let begun = Instant::now();
    let running = Running::start(town.submitter.colony(&args), None);
    town.until_running();
    town.executor.machine.move_to(77);
    let outcome = running.finish(DEADLINE).ok();
    assert_eq!(outcome.stdout.trim(), "done", "{outcome:#?}\n{}", town.said());
    println!("done {:?} after the submission", begun.elapsed());
    println!("work was done {:?} after that", town.works(AGAIN));
}
