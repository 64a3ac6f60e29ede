//! What a message asks, before anybody does anything.

use super::{Show, Then};
use crate::{
    bounded::Text,
    command::{Assign, Command},
    identity::Identity,
    model::{Name, ProcessId, State, WorkflowId},
    query::Query,
    time::{Span, Timestamp},
};

/// What a message asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Which colony it belongs to.
    pub place: Place,
    /// What is to be done.
    pub action: Action,
    /// The executor that the caller says to be; empty if it says none.
    pub executor: Name,
}

/// How a message says which colony it belongs to: by name, or by something that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To none: to whoever runs the node.
    Server,
    /// To the colony of this name.
    Colony(Name),
    /// To the colony of this process.
    Process(ProcessId),
    /// To the colony of this workflow.
    Workflow(WorkflowId),
    /// To the colony that the caller is in.
    Caller,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Say which version this is. Needs no signature.
    Version,
    /// Say where this node is reached. Needs no signature.
    ServerInfo,
    /// List the colonies served here. For whoever runs the node.
    Colonies,
    /// Make a colony here. For whoever runs the node.
    AddColony {
        /// Its name.
        name: Name,
        /// Its owner's key.
        owner: Identity,
    },
    /// Forget the colony of this name here, with all that is in it. For whoever runs the node.
    RemoveColony(Name),
    /// Count over all colonies served here. For whoever runs the node.
    ServerStatistics,
    /// List the nodes. For whoever runs the node.
    Cluster,
    /// Change something, one command after the other.
    Change {
        /// The commands; the last one's reply counts.
        commands: Vec<Command>,
        /// What to answer.
        then: Then,
    },
    /// Ask for work, for longer perhaps than one command may wait.
    Assign {
        /// What is asked; its wait is filled in.
        assign: Assign,
        /// How long to wait in all; zero tries once.
        wait: Span,
    },
    /// Answer a question.
    Read {
        /// The question.
        query: Query,
        /// How to show the answer.
        show: Show,
    },
    /// Answer a question whose answer comes in pages, with all of them.
    ReadAll {
        /// The question for the first page.
        query: Query,
        /// How to show a page.
        show: Show,
    },
    /// List processes by when they were submitted.
    History {
        /// Only those this executor holds or held.
        executor: Option<Identity>,
        /// Not older than this before now.
        span: Span,
        /// In this state.
        state: Option<State>,
    },
    /// Lines of a log.
    Log {
        /// Of this process.
        process: ProcessId,
        /// Which of them.
        span: LogSpan,
        /// At most so many.
        limit: u16,
    },
    /// Lines of all logs, by what they say or who wrote them.
    Search {
        /// Lines that contain this.
        text: Text<1024>,
        /// Lines that this executor wrote.
        executor: Option<Name>,
        /// Not older than this before now.
        back: Option<Span>,
        /// Which of them.
        span: LogSpan,
        /// At most so many.
        limit: u16,
    },
    /// Find an attribute by its id, in the processes of the caller's colony.
    Attribute(Identity),
    /// Remove all finished workflows in a state; all states if none is given.
    RemoveWorkflows(Vec<State>),
}

/// Which lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSpan {
    /// The first.
    First,
    /// The last.
    Latest,
    /// The first that are younger.
    Since(Timestamp),
}

impl Ask {
    pub(super) fn new(place: Place, action: Action) -> Self {
        Self { place, action, executor: Name::default() }
    }

    pub(super) fn read(place: Place, query: Query, show: Show) -> Self {
        Self::new(place, Action::Read { query, show })
    }

    pub(super) fn read_all(place: Place, query: Query, show: Show) -> Self {
        Self::new(place, Action::ReadAll { query, show })
    }

    pub(super) fn by_executor(self, executor: Name) -> Self {
        Self { executor, ..self }
    }

    pub(super) fn change(place: Place, command: Command, then: Then) -> Self {
        Self::new(place, Action::Change { commands: vec![command], then })
    }
}
