//! When an executor asks for work, and how long its requests may wait for some.
//!
//! One that cannot hear announcements, or has no neighbours to hear them from, always asks, with a request that waits at
//! the coordinator. One that can does so only while it is *warm*: work that follows work is granted without anybody announcing it. When a request has waited
//! in vain for [`LINGER`], the executor is cold: it leaves nothing at the coordinator, and asks when it is called.
//!
//! Of an executor's askers one at a time looks out for a reason to ask, and only while the queue was seen to hold more
//! than was wanted do several requests wait at once.

use std::sync::{Mutex, PoisonError};

use colony_protocol::time::Span;
use tokio::sync::{Mutex as Gate, MutexGuard};

use crate::announcements::Hints;

/// How long a warm executor's request waits: longer than a person or a script needs to submit the next piece of work,
/// short enough that a thousand executors that did something do not stay at the coordinator.
const LINGER: Span = Span::from_secs(2);

/// What the last answer said about the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// There may be more: as much was granted as was asked for, or nothing is known yet.
    More,
    /// There was some, and not more.
    Some,
    /// There was nothing.
    Nothing,
}

/// When one executor asks.
#[derive(Debug)]
pub(super) struct Asking {
    /// What it hears; `None` if it cannot.
    hints: Option<Gate<Hints>>,
    mood: Mutex<Mood>,
    /// How long a request waits where nothing is heard.
    wait: Span,
}

/// One asker's turn: nobody else of the executor looks out meanwhile.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    asking: &'a Asking,
    hints: Option<MutexGuard<'a, Hints>>,
}

impl Asking {
    pub(super) fn new(hints: Option<Hints>, wait: Span) -> Self {
        Self { hints: hints.map(Gate::new), mood: Mutex::new(Mood::More), wait }
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let hints = match &self.hints {
            Some(hints) => Some(hints.lock().await),
            None => None,
        };
        Turn { asking: self, hints }
    }

    /// What an answer said: `got` of `wanted`.
    pub(super) fn learn(&self, got: usize, wanted: usize) {
        *self.mood() = match got {
            0 => Mood::Nothing,
            got if got < wanted => Mood::Some,
            _ => Mood::More,
        };
    }

    /// No answer came, or no grant in it: nothing is known of the queue.
    pub(super) fn forget(&self) {
        *self.mood() = Mood::More;
    }

    fn mood(&self) -> std::sync::MutexGuard<'_, Mood> {
        self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Completes when there is a reason to ask; says how long the request may wait. `busy` says whether the executor
    /// runs something.
    pub(super) async fn reason(&mut self, busy: impl Fn() -> bool) -> Span {
        let Some(hints) = &mut self.hints else { return self.asking.wait };
        let mood = *self.asking.mood();
        if mood != Mood::Nothing {
            hints.answered();
            return LINGER.min(self.asking.wait);
        }
        if hints.is_deaf().await {
            // Nobody will call.
            hints.answered();
            return self.asking.wait;
        }
        hints.called(busy).await;
        Span::ZERO
    }

    /// The request goes out. While the queue holds more than is wanted the next asker need not wait for the answer.
    pub(super) fn ask(mut self) -> Self {
        if *self.asking.mood() == Mood::More {
            self.hints = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use colony_protocol::{
        announcement::{Announcement, Listener, WaitingWork},
        bounded::{List, Text},
        identity::Identity,
        time::Timestamp,
    };
    use futures::FutureExt as _;
    use tokio::sync::watch;

    use super::*;
    use crate::{
        announcements::Heard,
        runtime::{Runtime, Tokio},
    };

    const WAIT: Span = Span::from_secs(20);

    fn asking() -> (watch::Sender<Option<Arc<Heard>>>, Asking) {
        let (told, newest) = watch::channel(None);
        let (name, executor_type) = (Text::cut("e"), Text::cut("cli"));
        let listener = Listener { id: Identity::NOBODY, name, executor_type, row: None };
        let hints = Hints::new(listener, newest, Runtime::new(Tokio::new()));
        (told, Asking::new(Some(hints), WAIT))
    }

    fn call() -> Option<Arc<Heard>> {
        let executor_type = Text::cut("cli");
        let work = WaitingWork { executor_type, count: 1, wave: 1, reach: u64::MAX, ..Default::default() };
        let announcement = Announcement {
            colony: Identity::NOBODY,
            term: 1,
            sequence: 1,
            issued: Timestamp::ZERO,
            pause: Span::from_millis(100),
            waiting: List::new(vec![work]).unwrap(),
        };
        Some(Arc::new(Heard { announcement, at: Duration::ZERO }))
    }

    async fn reason(asking: &Asking) -> Option<Span> {
        let mut turn = asking.turn().await;
        turn.reason(|| false).now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn who_hears_nothing_always_asks_and_waits_at_the_coordinator() {
        let asking = Asking::new(None, WAIT);
        asking.learn(0, 1);
        let (mut one, mut two) = (asking.turn().await, asking.turn().await);
        assert_eq!((one.reason(|| false).await, two.reason(|| false).await), (WAIT, WAIT));
    }

    #[tokio::test(start_paused = true)]
    async fn work_follows_work_for_a_while_and_then_somebody_has_to_call() {
        let (told, asking) = asking();
        assert_eq!(reason(&asking).await, Some(LINGER), "at first nothing is known");
        asking.learn(1, 4);
        assert_eq!(reason(&asking).await, Some(LINGER));
        asking.learn(0, 4);
        assert_eq!(reason(&asking).await, None);
        told.send(call()).unwrap();
        assert_eq!(reason(&asking).await, Some(Span::ZERO));
        assert_eq!(reason(&asking).await, None, "a call is answered once");
        asking.forget();
        assert_eq!(reason(&asking).await, Some(LINGER), "an answer was lost");
    }

    #[tokio::test(start_paused = true)]
    async fn several_ask_at_once_only_while_there_is_more() {
        let (_told, asking) = asking();
        asking.learn(4, 4);
        let _first = asking.turn().await.ask();
        assert!(asking.turn().now_or_never().is_some());
        asking.learn(1, 4);
        let _second = asking.turn().await.ask();
        assert!(asking.turn().now_or_never().is_none());
    }
}
