//! What applying a command leaves behind: changes for the store, events for waiters. Nothing else.

use super::{Expiry, RowKey};
use crate::{
    identity::Identity,
    model::{Name, ProcessId, State, WorkflowId},
};

/// Collects what applying commands leaves behind.
#[derive(Debug, Default)]
pub struct Outbox {
    /// For the store, in order.
    pub changes: Vec<Change>,
    /// For waiters and subscribers of this node, in order.
    pub events: Vec<Event>,
}

impl Outbox {
    /// A live row was made, changed or dropped.
    pub(super) fn touch(&mut self, key: RowKey) {
        self.changes.push(Change::Touched(key));
    }

    /// A row for the store alone.
    pub(super) fn keep(&mut self, key: RowKey, row: Vec<u8>) {
        self.changes.push(Change::Kept(key, row));
    }

    /// A row of the store to forget.
    pub(super) fn forget(&mut self, key: RowKey) {
        self.changes.push(Change::Forgotten(key));
    }

    /// Something others may wait for.
    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// A row that differs from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A live row was made, changed or dropped. What it holds now is what [`super::Colony::row`] says when it is
    /// asked; a row touched many times between two commits of the store is encoded once.
    Touched(RowKey),
    /// A row that the core does not keep: finished processes and workflows, log lines.
    Kept(RowKey, Vec<u8>),
    /// A row outside the core that shall be forgotten, if it is there. What else goes with it:
    ///
    /// * `ChannelEntry(n, _, _)`: every entry of every channel of process `n`;
    /// * `LogLine(n, _)`: every log line of process `n`, whatever the line number says.
    Forgotten(RowKey),
    /// Somebody wants this forgotten. It is, if it is there and [`super::Colony::may_end`] says that it is the asker's:
    /// the core does not see whose it was.
    Removed(Archived, Identity),
    /// Every archived process that is in no workflow and ended in this state shall be forgotten, with its log lines.
    ForgottenState(State),
    /// A part of the archive is to be looked through, and what is older than the policy says to be forgotten: processes
    /// outside workflows, workflows with all their processes, and logs. Readers may see it until that is on disk.
    Expired(Expiry),
}

/// What the archive holds of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    /// A finished process, with its log lines.
    Process(ProcessId),
    /// A finished workflow, with its processes and their log lines.
    Workflow(WorkflowId),
}

/// Something others may be waiting for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A process can be assigned: it was submitted, released by its parents, or came back.
    Ready {
        /// The process.
        process: ProcessId,
        /// The executor type it asks for.
        executor_type: Name,
    },
    /// A process changed its state.
    Process {
        /// The process.
        process: ProcessId,
        /// The new state.
        state: State,
    },
    /// A workflow changed its state.
    Workflow {
        /// The workflow.
        workflow: WorkflowId,
        /// The new state.
        state: State,
    },
    /// A process has new log lines.
    Log {
        /// The process.
        process: ProcessId,
    },
    /// Something was said in a channel of a process, or its channels were closed.
    Channel {
        /// The process.
        process: ProcessId,
    },
    /// A lease ended under its holder: by a deadline, by silence, by cancellation or by removal.
    LeaseLost {
        /// The process.
        process: ProcessId,
        /// Who held it.
        holder: Identity,
    },
    /// Somebody became a member, ceased to be one, or changed its role, disk or addresses.
    Members,
    /// Assignment was resumed: everybody who waits for work should look again.
    Resumed,
}
