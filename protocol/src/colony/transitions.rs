//! The only place where a live process changes its state.
//!
//! ```text
//!  add ──▶ Waiting ──▶ Running ──▶ Success | Failed | Cancelled
//!             ▲ │          │
//!             │ └──────────┼─────▶ Failed | Cancelled
//!             └── requeue ─┘
//! ```
//!
//! What may never happen: a process that leaves a terminal state; a change that an index, a count, a row or a waiter
//! does not learn of; a child that becomes ready before all its parents succeeded.

use std::collections::VecDeque;

use super::{Colony, Event, Outbox, RowKey, encoding::encode_process, weight};
use crate::{
    bounded::Text,
    model::{Errors, Process, State},
    mutant,
};

/// Most bytes of input a process gets from its parents: with spec and output it still fits an answer frame.
pub(super) const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most values of input, as its type says.
const INPUT_VALUES_MAX: usize = 4096;

/// How a process ends.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) state: State,
    pub(super) errors: Errors,
}

impl Ending {
    pub(super) fn cancelled() -> Self {
        let state = if mutant::is("cancel-as-failed") { State::Failed } else { State::Cancelled };
        Self { state, errors: Errors::default() }
    }

    pub(super) fn failed(why: &str) -> Self {
        Self { state: State::Failed, errors: Errors::new(vec![Text::cut(why)]).unwrap_or_default() }
    }
}

impl Colony {
    /// Takes a new waiting process in.
    pub(super) fn add_process(&mut self, process: Process, out: &mut Outbox) {
        let number = process.number();
        self.meta.last_process = self.meta.last_process.max(number);
        self.meta.counters.add_process(process.workflow.is_none(), process.state);
        self.index.insert(&process);
        if process.waits_for_parents {
            self.index.pending.insert(number, process.parents.len());
        }
        out.touch(RowKey::Process(number));
        out.event(Event::Process { process: process.id, state: process.state });
        let ready = !process.waits_for_parents;
        self.processes.insert(number, Box::new(process));
        if ready {
            self.announce(number, out);
        }
    }

    /// Changes a process, and with it every index, count and row.
    pub(super) fn change(&mut self, number: u64, out: &mut Outbox, change: impl FnOnce(&mut Process)) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let before = process.state;
        self.index.remove(process);
        change(process);
        self.index.insert(process);
        out.touch(RowKey::Process(number));
        if process.state == before {
            return;
        }
        out.event(Event::Process { process: process.id, state: process.state });
        if mutant::is("miscount") {
            return;
        }
        self.meta.counters.move_process(process.workflow.is_none(), before, process.state);
        if let Some(workflow) = process.workflow.and_then(|id| self.workflows.get_mut(&id.number())) {
            workflow.tally.moved(before, process.state);
        }
    }

    /// Says that a process can be assigned.
    pub(super) fn announce(&self, number: u64, out: &mut Outbox) {
        if let Some(process) = self.processes.get(&number) {
            let executor_type = process.spec.conditions.executor_type.clone();
            out.event(Event::Ready { process: process.id, executor_type });
        }
    }

    /// Says that the holder of a process loses its lease.
    pub(super) fn revoke(&self, number: u64, out: &mut Outbox) {
        let Some(process) = self.processes.get(&number) else { return };
        if let Some(lease) = process.lease {
            out.event(Event::LeaseLost { process: process.id, holder: lease.holder });
        }
    }

    /// Takes a running process from its holder and puts it back to its old place in the queue.
    pub(super) fn requeue(&mut self, number: u64, counts_as_retry: bool, out: &mut Outbox) {
        let now = self.meta.now;
        self.revoke(number, out);
        self.change(number, out, |process| {
            process.state = State::Waiting;
            process.lease = None;
            if mutant::is("begin-tokens-anew") {
                process.token = 0;
            }
            process.assigned_to = None;
            process.executor_name = Text::default();
            process.ended_at = Some(now);
            process.wait_deadline = process.spec.max_wait_time.as_seconds().map(|span| now.after(span));
            // The next holder starts afresh: a result must not be put together from two attempts.
            process.output = Default::default();
            process.attributes = Default::default();
            if counts_as_retry {
                process.retries = process.retries.saturating_add(1);
            }
        });
        self.announce(number, out);
        self.settle_workflow_of(number, out);
    }

    /// Ends a process, and what follows from it for the processes that depend on it.
    pub(super) fn end(&mut self, number: u64, ending: Ending, out: &mut Outbox) {
        let Some(process) = self.processes.get(&number) else { return };
        if process.workflow.is_none() {
            self.end_one(number, ending, out);
            self.archive(number, out);
            return;
        }
        // A queue, not recursion: a chain of dependents can be as long as a workflow.
        let mut endings = VecDeque::from([(number, ending)]);
        while let Some((next, ending)) = endings.pop_front() {
            endings.extend(self.end_one(next, ending, out));
        }
        self.settle_workflow_of(number, out);
    }

    /// Ends one process; returns which of its children end with it, and how.
    fn end_one(&mut self, number: u64, ending: Ending, out: &mut Outbox) -> Vec<(u64, Ending)> {
        let Some(process) = self.processes.get(&number).filter(|process| !process.state.is_terminal()) else {
            return Vec::new();
        };
        let children: Vec<u64> = process.children.iter().map(|child| child.number()).collect();
        let below = match ending.state {
            State::Failed => {
                Some(Ending::failed(&format!("Parent process {} failed", process.spec.node_name)))
            }
            State::Cancelled => Some(Ending::cancelled()),
            _ => None,
        };
        let now = self.meta.now;
        self.index.pending.remove(&number);
        self.change(number, out, |process| {
            process.state = ending.state;
            process.errors = ending.errors;
            process.lease = None;
            process.ended_at = Some(now);
        });
        self.close_channels(number, out);
        match below {
            Some(below) => children.into_iter().map(|child| (child, below.clone())).collect(),
            None => children.into_iter().filter_map(|child| self.parent_succeeded(child, out)).collect(),
        }
    }

    /// Releases a child when the last of its parents succeeded, unless what they give it is too much.
    fn parent_succeeded(&mut self, child: u64, out: &mut Outbox) -> Option<(u64, Ending)> {
        let left = self.index.pending.get_mut(&child)?;
        *left = left.saturating_sub(1);
        if *left > 0 && !mutant::is("start-before-all-parents") {
            return None;
        }
        self.index.pending.remove(&child);
        let (values, bytes) = self.input_size(child);
        if values > INPUT_VALUES_MAX || bytes > INPUT_BYTES_MAX {
            let why = format!("The outputs of its parents are too large: {values} values, {bytes} bytes");
            return Some((child, Ending::failed(&why)));
        }
        self.change(child, out, |process| process.waits_for_parents = false);
        self.announce(child, out);
        None
    }

    /// How many values and bytes a process would be given.
    fn input_size(&self, number: u64) -> (usize, usize) {
        let Some(process) = self.processes.get(&number) else { return (0, 0) };
        let parents = process.parents.iter().filter_map(|parent| self.processes.get(&parent.number()));
        let all = std::iter::once(&process.input).chain(parents.map(|parent| &parent.output));
        all.fold((0, 0), |(values, bytes), part| {
            (values.saturating_add(part.len()), bytes.saturating_add(weight::of_values(part)))
        })
    }

    /// Hands a finished process over to the archive.
    pub(super) fn archive(&mut self, number: u64, out: &mut Outbox) {
        if let Some(process) = self.processes.remove(&number) {
            out.touch(RowKey::Process(number));
            if mutant::is("archive-nothing") {
                return;
            }
            out.keep(RowKey::ArchivedProcess(number), encode_process(&process));
        }
    }
}
