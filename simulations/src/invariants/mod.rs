//! What must hold whatever goes wrong, one invariant per file.
//!
//! An invariant is told every [`Fact`] in the order of the log, sees more than any client could, and writes down what it finds
//! broken. It never changes a run.

mod acknowledged_stays;
mod children_after_parents;
mod counts_add_up;
mod everything_ends;
mod expired_is_refused;
mod one_applied_result;
mod one_terminal_state;
mod replicas_agree;
mod stale_writes_refused;
mod tokens_grow;

use colony_protocol::{
    colony::{Colony, Event},
    command::Command,
    model::Process,
    reply::Reply,
};

use crate::{
    coordinator::{Answer, Applied, Coordinator, Entry},
    disk::Disk,
};

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// Time passed at the start of an entry.
    Fired(&'a [Event]),
    /// A request was applied.
    Applied(&'a Applied),
    /// An entry is on the disk.
    Committed(&'a Entry, &'a Coordinator),
    /// A client got its answer: from now on it is a promise.
    Told(&'a Command, &'a Answer),
    /// The coordinator came back from its disk.
    Restored(&'a Coordinator),
    /// The run is over.
    Over(&'a Coordinator),
}

impl<'a> Fact<'a> {
    /// The events of this fact.
    #[must_use]
    pub fn events(&self) -> &'a [Event] {
        match self {
            Self::Fired(events) => events,
            Self::Applied(applied) => &applied.events,
            _ => &[],
        }
    }

    /// The leases granted by this fact.
    #[must_use]
    pub fn grants(&self) -> &'a [Process] {
        match self {
            Self::Applied(Applied {
                answer: Ok(Reply::Assigned { processes, .. }), repeated: false, ..
            }) => processes,
            _ => &[],
        }
    }
}

/// A thing that must hold.
pub trait Invariant: std::fmt::Debug {
    /// Its name, as a sentence.
    fn name(&self) -> &'static str;

    /// Looks at a fact and writes down what is broken.
    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>);
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_terminal_state::OneTerminalState::default()),
        Box::new(one_applied_result::OneAppliedResult::default()),
        Box::new(tokens_grow::TokensGrow::default()),
        Box::new(stale_writes_refused::StaleWritesRefused::default()),
        Box::new(children_after_parents::ChildrenAfterParents::default()),
        Box::new(counts_add_up::CountsAddUp),
        Box::new(acknowledged_stays::AcknowledgedStays::default()),
        Box::new(expired_is_refused::ExpiredIsRefused),
        Box::new(replicas_agree::ReplicasAgree),
        Box::new(everything_ends::EverythingEnds),
    ]
}

/// A process, wherever it is.
fn find(colony: &Colony, disk: &Disk, number: u64) -> Option<Process> {
    colony.live_process(number).cloned().or_else(|| disk.archived_process(number))
}
