//! In the calm after all faults a node is replaced: sent away, and let in again by a ticket with an empty disk.
//!
//! It replays a history in which it, and perhaps the coordinator of now, voted on other disks, left and came back. Nobody
//! is deposed for that (Raft §6, "disruptive servers"), and it must vote again in time.

use std::time::Duration;

use colony_protocol::model::member::Role;
use tokio::time::{Instant, sleep};

use crate::colony::{Colony, Started};

/// How long it may take until the node votes again.
const BACK: Duration = Duration::from_secs(10);
/// Before it tries to join again.
const AGAIN: Duration = Duration::from_millis(500);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The fewest nodes of which one may be missing.
const NODES_MIN: usize = 3;

/// Replaces a node that does not coordinate.
pub async fn replace(colony: &mut Colony, broken: &mut Vec<String>) {
    if colony.voters() < NODES_MIN {
        return;
    }
    // Who came back last may still be catching up; without one more, those who vote would be no majority.
    if !all_vote(colony).await {
        broken.push(format!("replacement: not all vote within {BACK:?} of the calm"));
        return;
    }
    let Some(before) = office(colony) else {
        broken.push("replacement: nobody coordinates".to_owned());
        return;
    };
    let Some(number) = (0..colony.voters()).rev().find(|number| *number != before.1) else { return };
    colony.trace.note(format_args!("node {number} is replaced in the calm"));
    if !colony.send_away(number).await {
        broken.push(format!("replacement: node {number} cannot be sent away"));
        return;
    }
    let started = colony.start(number).await;
    if !matches!(started, Started::Running) {
        broken.push(format!("replacement: node {number} does not start on an empty disk: {started:?}"));
        return;
    }
    let begun = Instant::now();
    // Where a coordinator's clock was ahead, so is the colony's time: a ticket of now is older than the farewell for a while.
    while colony.join(number, Role::Voter).await.is_none() {
        if begun.elapsed() > BACK {
            broken.push(format!("replacement: node {number} has not joined again within {BACK:?}"));
            return;
        }
        sleep(AGAIN).await;
    }
    while !colony.has_all_voters() {
        if begun.elapsed() > BACK {
            broken.push(format!("replacement: node {number} does not vote {BACK:?} after it has joined"));
            return;
        }
        sleep(LOOK).await;
    }
    let now = office(colony);
    if now != Some(before) {
        broken.push(format!("replacement: term and coordinator were {before:?}, and are {now:?}"));
    }
}

/// Waits until as many vote as are to, and says whether that took no longer than it may.
async fn all_vote(colony: &Colony) -> bool {
    let begun = Instant::now();
    while !colony.has_all_voters() {
        if begun.elapsed() > BACK {
            return false;
        }
        sleep(LOOK).await;
    }
    true
}

/// The term, and who coordinates.
fn office(colony: &Colony) -> Option<(u64, usize)> {
    let number = colony.coordinator()?;
    Some((colony.seats[number].status()?.term, number))
}
