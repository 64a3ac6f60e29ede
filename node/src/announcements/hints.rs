//! When an executor asks for work, by what it hears.

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    announcement::{
        Listener,
        mesh::{POLL_MIN, POLL_SPREAD},
    },
    identity::Identity,
};
use tokio::sync::watch;

use super::{
    calls::Calls,
    hearing::{Heard, Newest},
};
use crate::{
    net::gossip::{self, Seat},
    runtime::Runtime,
};

/// Tells one executor when to ask.
#[derive(Debug)]
pub struct Hints {
    listener: Listener,
    newest: watch::Receiver<Newest>,
    calls: Calls,
    poll: Duration,
    runtime: Runtime,
    /// Where it is heard; `None` if that is somebody else's business.
    post: Option<Post>,
}

/// Where announcements arrive, for as long as somebody listens.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) gossip: gossip::Handle,
    pub(super) colony: Identity,
    /// Shared with whoever keeps the hearing up to date.
    pub(super) _seat: Arc<Seat>,
}

impl Hints {
    /// Hints for `listener` from what is heard.
    #[must_use]
    pub fn new(listener: Listener, newest: watch::Receiver<Newest>, runtime: Runtime) -> Self {
        Self { listener, newest, calls: Calls::default(), poll: POLL_MIN, runtime, post: None }
    }

    /// The same, and knows whether anything can be heard.
    pub(super) fn at(self, post: Post) -> Self {
        Self { post: Some(post), ..self }
    }

    /// What is heard, for who measures it.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Newest> {
        self.newest.clone()
    }

    /// The same, which without a call ask after `least` to twice that.
    #[must_use]
    pub fn with_poll(self, least: Duration) -> Self {
        Self { poll: least, ..self }
    }

    /// Whether nobody is there to hear from.
    pub(crate) async fn is_deaf(&self) -> bool {
        match &self.post {
            Some(post) => post.gossip.neighbourhood(post.colony).await.mesh == 0,
            None => false,
        }
    }

    /// Completes when it is time to ask: when called, or when nothing was heard for long. `busy` says whether the
    /// executor runs something.
    pub(crate) async fn called(&mut self, busy: impl Fn() -> bool) {
        let [a, b] = self.runtime.random();
        let spread = self.poll.saturating_mul(POLL_SPREAD.saturating_sub(1));
        let jitter = spread.saturating_mul(u32::from(u16::from_le_bytes([a, b]))) / u32::from(u16::MAX);
        let poll = self.runtime.elapsed().saturating_add(self.poll).saturating_add(jitter);
        let mut deaf = false;
        loop {
            self.listen();
            let now = self.runtime.elapsed();
            let next = self.calls.next(busy()).map_or(poll, |call| call.min(poll));
            if next <= now {
                break;
            }
            tokio::select! {
                biased;
                changed = self.newest.changed(), if !deaf => deaf = changed.is_err(),
                () = self.runtime.sleep(next.saturating_sub(now)) => {}
            }
        }
        self.answered();
    }

    /// The executor asks now, for whatever reason.
    pub(crate) fn answered(&mut self) {
        self.listen();
        self.calls.answer();
    }

    fn listen(&mut self) {
        let heard: Option<Arc<Heard>> = self.newest.borrow_and_update().clone();
        if let Some(heard) = heard {
            self.calls.hear(&self.listener, &heard.announcement, heard.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        announcement::{Announcement, WaitingWork},
        bounded::{List, Text},
        identity::Identity,
        time::{Span, Timestamp},
    };

    use super::*;
    use crate::runtime::Tokio;

    fn hints(runtime: &Runtime) -> (watch::Sender<Newest>, Hints) {
        let (told, newest) = watch::channel(None);
        let listener = Listener {
            id: Identity::from_bytes([7; 32]),
            name: Text::cut("e"),
            executor_type: Text::cut("cli"),
            row: None,
        };
        (told, Hints::new(listener, newest, runtime.clone()))
    }

    fn heard(runtime: &Runtime, wave: u64, reach: u64) -> Newest {
        let work =
            WaitingWork { executor_type: Text::cut("cli"), count: 1, wave, reach, ..Default::default() };
        let announcement = Announcement {
            colony: Identity::NOBODY,
            term: 1,
            sequence: wave,
            issued: Timestamp::ZERO,
            pause: Span::from_millis(100),
            waiting: List::new(vec![work]).unwrap(),
        };
        Some(Arc::new(Heard { announcement, at: runtime.elapsed() }))
    }

    async fn took(runtime: &Runtime, hints: &mut Hints) -> Duration {
        let begun = runtime.elapsed();
        hints.called(|| false).await;
        runtime.elapsed().saturating_sub(begun)
    }

    #[tokio::test(start_paused = true)]
    async fn an_executor_that_hears_nothing_asks_now_and_then() {
        let runtime = Runtime::new(Tokio::new());
        let (told, mut hints) = hints(&runtime);
        for _ in 0..5 {
            let took = took(&runtime, &mut hints).await;
            assert!(
                (POLL_MIN..=POLL_MIN * POLL_SPREAD + Duration::from_millis(2)).contains(&took),
                "{took:?}"
            );
        }
        // Also when nobody can tell it anything any more.
        drop(told);
        assert!(took(&runtime, &mut hints).await >= POLL_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_called_asks_at_once_and_only_once() {
        let runtime = Runtime::new(Tokio::new());
        let (told, mut hints) = hints(&runtime);
        told.send(heard(&runtime, 1, u64::MAX)).unwrap();
        assert_eq!(took(&runtime, &mut hints).await, Duration::ZERO);
        assert!(took(&runtime, &mut hints).await >= POLL_MIN);
        told.send(heard(&runtime, 2, u64::MAX)).unwrap();
        assert_eq!(took(&runtime, &mut hints).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_back_asks_when_nobody_else_did() {
        let runtime = Runtime::new(Tokio::new());
        let (told, mut hints) = hints(&runtime);
        told.send(heard(&runtime, 1, u64::MAX / 1_000_000)).unwrap();
        let took = took(&runtime, &mut hints).await;
        assert!((Duration::from_millis(100)..Duration::from_secs(3)).contains(&took), "{took:?}");
    }
}
