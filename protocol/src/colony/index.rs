//! Every index over live processes, kept in step by one rule: taken out before a process changes, put back after.
//!
//! Nothing here is stored: it follows from the processes, and is made anew from them after a restart.

use std::collections::{BTreeMap, BTreeSet};

use super::{leases::Leases, queue::Queue};
use crate::{
    model::{Process, State},
    time::Timestamp,
};

/// Indexes over live processes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Ready processes.
    pub(super) queue: Queue,
    /// When waiting processes fail.
    pub(super) waits: BTreeSet<(Timestamp, u64)>,
    /// When leases end whatever happens.
    pub(super) hard: BTreeSet<(Timestamp, u64)>,
    /// Who holds what.
    pub(super) leases: Leases,
    /// Of processes that wait for parents: how many have not succeeded yet. Changed by transitions of the parents,
    /// not by [`Self::insert`] and [`Self::remove`].
    pub(super) pending: BTreeMap<u64, usize>,
}

impl Index {
    pub(super) fn insert(&mut self, process: &Process) {
        match process.state {
            State::Waiting => {
                if !process.waits_for_parents {
                    self.queue.insert(process);
                }
                self.waits.extend(process.wait_deadline.map(|deadline| (deadline, process.number())));
            }
            State::Running => {
                self.leases.insert(process);
                self.hard.extend(hard_deadline(process));
            }
            State::Success | State::Failed | State::Cancelled => {}
        }
    }

    pub(super) fn remove(&mut self, process: &Process) {
        match process.state {
            State::Waiting => {
                if !process.waits_for_parents {
                    self.queue.remove(process);
                }
                if let Some(deadline) = process.wait_deadline {
                    self.waits.remove(&(deadline, process.number()));
                }
            }
            State::Running => {
                self.leases.remove(process);
                if let Some(deadline) = hard_deadline(process) {
                    self.hard.remove(&deadline);
                }
            }
            State::Success | State::Failed | State::Cancelled => {}
        }
    }
}

fn hard_deadline(process: &Process) -> Option<(Timestamp, u64)> {
    let deadline = process.lease.and_then(|lease| lease.hard_deadline);
    deadline.map(|deadline| (deadline, process.number()))
}
