//! A step in the words of the log.

use std::collections::BTreeSet;

use colony_store::MemberId;

use super::plan::{Leaving, Seating, Step};

/// What is about to be done, and why.
pub(super) fn of(step: &Step, name: impl Fn(&MemberId) -> String) -> String {
    match step {
        Step::Complete { voters } => {
            format!("completing the change of voters that was left half done: {}", all(voters, &name))
        }
        Step::Drop { node, why } => {
            format!("{} no longer replicates the colony: it {}", name(node), because(*why))
        }
        Step::Add { node, .. } => format!("{} begins to replicate the colony", name(node)),
        Step::Inform { node, .. } => format!("{} is reached in another way now", name(node)),
        Step::Seat { voters, why } => {
            format!("voters are now {}: {}", all(voters, &name), of_seating(*why, &name))
        }
    }
}

fn of_seating(why: Seating, name: impl Fn(&MemberId) -> String) -> String {
    match why {
        Seating::Unseat(voter, why) => format!("{} {}", name(&voter), because(why)),
        Seating::Replace(voter) => format!("{} has been gone for too long", name(&voter)),
        Seating::Grow => "more of them survive more failures".to_owned(),
    }
}

const fn because(why: Leaving) -> &'static str {
    match why {
        Leaving::NoMember => "is no node of the colony any more",
        Leaving::Demoted => "is an observer now",
        Leaving::OtherDisk => "has joined with an empty disk and starts from the beginning",
    }
}

fn all(voters: &BTreeSet<MemberId>, name: impl Fn(&MemberId) -> String) -> String {
    voters.iter().map(name).collect::<Vec<_>>().join(", ")
}
