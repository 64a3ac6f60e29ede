//! What a person does about a node that did not start.

use colony_node::{
    net::NetError,
    node::{OpenColonyError, OpenError, StartError},
};

use colony_protocol::identity::Identity;

use crate::{
    args::RoleWord,
    context::{Home, Joined, NodeFile},
    error::Failure,
    hint::Hint,
};

/// Says what is in the way, and for the ways out that there are, which command takes them.
pub(in crate::commands) fn of_start(error: StartError, home: &Home, file: &NodeFile) -> Failure {
    let failure = Failure::caused(&error);
    match error {
        StartError::Network(NetError::InUse { .. }) => failure.hint(Hint::UpOnAnyPort),
        StartError::Store(OpenError::InUse { .. }) => in_use(home),
        StartError::Store(OpenError::Damaged { .. }) | StartError::Colony(OpenColonyError::Restore(_)) => {
            damaged(&failure, home, file)
        }
        _ => failure,
    }
}

/// Another node has this home's data open; if it said who it is, so does this.
fn in_use(home: &Home) -> Failure {
    let other = match home.running() {
        Ok(Some(running)) => format!("`{}`, process {}", running.command, running.pid),
        _ => "another process".to_owned(),
    };
    Failure::new(format!("the data directory {} is in use by {other}", home.data().display()))
        .hint(Hint::Status)
}

/// Another process uses this node's key, and was there before.
pub(super) fn second(by: &Identity, home: &Home) -> Failure {
    Failure::new(format!(
        "another process with this node's key takes part already, and member {:.12} hears it: a home was copied, and both \
         copies run. A node must not vote twice, so this one stops. To have two nodes, move {} away here and join with a \
         ticket of its own",
        by.to_hex(),
        home.path().display()
    ))
    .hint(Hint::Invite { role: RoleWord::Voter.as_str(), name: None })
}

/// The node may have forgotten what it voted for, so it must come back as somebody new.
fn damaged(failure: &Failure, home: &Home, file: &NodeFile) -> Failure {
    Failure::new(format!(
        "{}; a node that may have forgotten must not vote. Move {} away and join again with a new ticket",
        failure.what,
        home.data().display()
    ))
    .hint(new_ticket(file))
}

/// A home that joined colonies has no store: a wiped disk.
pub(in crate::commands) fn forgotten(home: &Home, file: &NodeFile) -> Failure {
    let colonies: Vec<&str> = file.colonies.values().map(|joined| joined.colony.as_str()).collect();
    Failure::new(format!(
        "{} is empty, but this home's node is a member of {}; a node that has forgotten must not vote. Join again \
         with a new ticket",
        home.data().display(),
        colonies.join(", ")
    ))
    .hint(new_ticket(file))
}

/// The colony let this node in on another disk.
pub(super) fn other_disk(joined: &Joined) -> Failure {
    let Joined { colony, name, role, .. } = joined;
    Failure::new(format!(
        "the data of {name} is not what {colony} knows it by: the disk was wiped or replaced, and a node that has \
         forgotten must not vote. Let {colony}'s owner make a new ticket, and join again here: colony join TICKET"
    ))
    .hint(Hint::Invite { role: role.as_str(), name: Some(name.clone()) })
}

fn new_ticket(file: &NodeFile) -> Hint {
    let joined = file.colonies.values().next();
    Hint::Invite {
        role: joined.map_or(RoleWord::Voter, |joined| joined.role).as_str(),
        name: joined.map(|joined| joined.name.clone()),
    }
}
