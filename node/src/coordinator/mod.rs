//! The one place where a colony's commands are put in order.
//!
//! A [`Coordinator`] is a handle: service tasks give it verified commands and await their answers. Behind it runs one
//! task per colony that folds whatever waits into one log entry, looks ahead for asks for work, parks
//! those that find none, and lets time pass when a deadline is due. [`Events`] bring it news from applied entries.
//!
//! Every node of a colony runs the task, and only the elected coordinator's works: it begins when an entry of its own
//! term is applied, and when it loses its office it lets go of everything it holds, so that whoever brought it takes it
//! to the next one. What it proposed before may still become final; the request id makes that one answer.
//!
//! What may never happen: a command applied that did not go through the log; a process promised to two asks; an
//! executor that waits while matching work is ready; a queue without an end; work granted by a task without the office.

mod actor;
mod board;
mod draft;
mod events;
mod heard;
mod inbox;
mod waiters;

use std::sync::Arc;

use colony_protocol::{identity::Identity, reply::Reply};
use colony_store::ColonyView;
use tokio_util::sync::CancellationToken;

pub use board::Board;
pub use events::{Events, Watch};
pub use inbox::{Ordered, Unanswered};

use crate::{consensus::Consensus, runtime::Runtime};

/// What the handle and the task share.
#[derive(Debug)]
struct Shared {
    /// Commands that wait.
    inbox: inbox::Inbox,
    /// Who was heard outside of the log.
    heard: heard::Heard,
    /// What is promised.
    board: Board,
    /// News from applied entries.
    events: Arc<Events>,
    /// Tells the task to stop.
    stop: CancellationToken,
    /// Says that it has.
    stopped: CancellationToken,
}

/// A handle to the task that orders a colony's commands.
#[derive(Debug, Clone)]
pub struct Coordinator {
    /// What handle and task share.
    shared: Arc<Shared>,
}

impl Coordinator {
    /// Starts the task. `events` is what the state machine publishes to.
    #[must_use]
    pub fn start(view: ColonyView, consensus: Consensus, events: Arc<Events>, runtime: &Runtime) -> Self {
        let shared = Arc::new(Shared {
            inbox: inbox::Inbox::default(),
            heard: heard::Heard::default(),
            board: Board::default(),
            events,
            stop: CancellationToken::new(),
            stopped: CancellationToken::new(),
        });
        let actor = actor::Actor::new(Arc::clone(&shared), view, consensus, runtime.clone());
        runtime.spawn("coordinator", actor.run());
        Self { shared }
    }

    /// Puts a verified command in order and waits until it is applied; an ask for work waits for work. Dropping the
    /// future withdraws an ask that has found nothing yet.
    ///
    /// # Errors
    /// [`Unanswered::Moved`] when this node does not coordinate. Else what the rules refuse; [`Refusal::Busy`] when too
    /// much waits; [`Refusal::Storage`] when it cannot be known to be applied.
    ///
    /// [`Refusal::Busy`]: colony_protocol::refusal::Refusal::Busy
    /// [`Refusal::Storage`]: colony_protocol::refusal::Refusal::Storage
    pub async fn carry_out(&self, command: Ordered<'_>) -> Result<Reply, Unanswered> {
        let answer = self.shared.inbox.push(command)?;
        // A task that lets go of a command has lost its office.
        answer.await.unwrap_or(Err(Unanswered::Moved))
    }

    /// Remembers that a member was heard although nothing of it enters the log.
    pub fn hear(&self, by: Identity) {
        self.shared.heard.add(by);
    }

    /// What is promised, for announcements.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    /// What happens in the colony, for watchers.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.shared.events
    }

    /// True once the coordinator has been told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.is_cancelled()
    }

    /// Completes when the coordinator has been told to stop.
    pub async fn stopping(&self) {
        self.shared.stop.cancelled().await;
    }

    /// Takes no more commands, lets those under way finish, answers all who wait.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.stopped.cancelled().await;
    }
}
