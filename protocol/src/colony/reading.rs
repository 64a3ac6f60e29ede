//! What others may see of a colony. Nothing here changes anything.

use super::Colony;
use crate::{
    charter::SignedDelegation,
    identity::Identity,
    model::{
        Cron, Executor, ExecutorState, Generator, Name, Policy, Process, RegisteredFunction, State, User,
        Workflow, member::Member,
    },
    reply::Statistics,
    time::Timestamp,
};

/// How much there is to do in a colony, and how much of it is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Processes that could be taken now.
    pub ready: u64,
    /// When the oldest of them was submitted.
    pub oldest: Option<Timestamp>,
    /// Processes that executors hold.
    pub leases: u64,
}

impl Colony {
    /// The moment of the last entry.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.meta.now
    }

    /// The colony's id: its owner's identity.
    #[must_use]
    pub fn id(&self) -> Identity {
        self.id
    }

    /// Its name; empty before it was founded.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.meta.name
    }

    /// Whether the first command was applied.
    #[must_use]
    pub fn is_founded(&self) -> bool {
        self.meta.founded
    }

    /// Whether the owner stopped assignment.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.meta.paused
    }

    /// Counts by state, finished ones included.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            processes: self.meta.counters.processes,
            workflows: self.meta.counters.workflows,
            ..Statistics::default()
        };
        for executor in self.members.executors.values() {
            statistics.executors += 1;
            match executor.state {
                ExecutorState::Approved => statistics.active_executors += 1,
                ExecutorState::Unregistered => statistics.unregistered_executors += 1,
                ExecutorState::Pending | ExecutorState::Rejected => {}
            }
        }
        statistics
    }

    /// A process in memory: waiting, running, or of an unfinished workflow.
    #[must_use]
    pub fn live_process(&self, number: u64) -> Option<&Process> {
        self.processes.get(&number).map(|process| &**process)
    }

    /// All processes in memory, by number.
    pub fn live_processes(&self) -> impl DoubleEndedIterator<Item = &Process> {
        self.processes.values().map(|process| &**process)
    }

    /// Ready processes, in queue order.
    pub fn queue(&self) -> impl Iterator<Item = &Process> {
        self.index.queue.all().filter_map(|number| self.live_process(number))
    }

    /// How much is waiting, since when, and how much is held.
    #[must_use]
    pub fn load(&self) -> Load {
        let ready = |process: &&Process| process.state == State::Waiting && !process.waits_for_parents;
        Load {
            ready: self.index.queue.len(),
            // Numbers are given out in the order of submission.
            oldest: self.live_processes().find(ready).map(|process| process.submitted_at),
            leases: self.index.leases.count(),
        }
    }

    /// An unfinished workflow.
    #[must_use]
    pub fn live_workflow(&self, number: u64) -> Option<&Workflow> {
        self.workflows.get(&number).map(|workflow| &workflow.row)
    }

    /// All unfinished workflows, by number.
    pub fn live_workflows(&self) -> impl DoubleEndedIterator<Item = &Workflow> {
        self.workflows.values().map(|workflow| &workflow.row)
    }

    /// The highest process number given out; numbers start at 1, so 0 means none.
    #[must_use]
    pub fn last_process_number(&self) -> u64 {
        self.meta.last_process
    }

    /// The highest workflow number given out; numbers start at 1, so 0 means none.
    #[must_use]
    pub fn last_workflow_number(&self) -> u64 {
        self.meta.last_workflow
    }

    /// All executors, removed ones included, by identity.
    pub fn executors(&self) -> impl Iterator<Item = &Executor> {
        self.members.executors.values()
    }

    /// An executor by identity.
    #[must_use]
    pub fn executor(&self, id: &Identity) -> Option<&Executor> {
        self.members.executors.get(id)
    }

    /// All users, by identity.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.members.users.values()
    }

    /// All members, gone ones included, by identity.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.roster.all()
    }

    /// A member by identity, also if it is gone.
    #[must_use]
    pub fn member_by_id(&self, id: &Identity) -> Option<&Member> {
        self.roster.get(id)
    }

    /// Who may speak for the colony to strangers, as the owner last said.
    #[must_use]
    pub fn delegation(&self) -> Option<&SignedDelegation> {
        self.delegation.as_ref()
    }

    /// Crons with numbers above `number`, in this order.
    pub fn crons_after(&self, number: u64) -> impl Iterator<Item = &Cron> {
        self.crons.after(number)
    }

    /// Generators with numbers above `number`, in this order.
    pub fn generators_after(&self, number: u64) -> impl Iterator<Item = &Generator> {
        self.generators.after(number)
    }

    /// How long finished work is kept.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All registered functions, by number.
    pub fn functions(&self) -> impl Iterator<Item = &RegisteredFunction> {
        self.functions.by_number.values()
    }
}
