//! Wakes who reads when what it reads arrives.
//!
//! One task with one timer for the whole network. A reader that kept a timer of its own would have to be woken when
//! something is written, too, and with it a connection and all its protocols, only to see that there is nothing yet.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Hub, Network};

/// The task; it has no end.
pub struct Postman {
    network: Network,
    next: Pin<Box<Sleep>>,
}

impl Postman {
    /// Who delivers in a network.
    #[must_use]
    pub fn of(network: Network) -> Self {
        Self { network, next: Box::pin(sleep_until(Instant::now())) }
    }
}

impl Future for Postman {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = {
                let mut hub = self.network.hub();
                hub.postman = Some(context.waker().clone());
                hub.deliver(Instant::now())
            };
            let Some(next) = next else { return Poll::Pending };
            self.next.as_mut().reset(next);
            if self.next.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Hub {
    /// Wakes the readers of what has arrived; gives when the next arrives.
    fn deliver(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&(at, number)) = self.arrivals.first() {
            if at > now {
                return Some(at);
            }
            self.arrivals.pop_first();
            if let Some(reader) = self.pipes.get_mut(&number).and_then(|pipe| pipe.reader.take()) {
                reader.wake();
            }
        }
        None
    }
}

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postman").finish_non_exhaustive()
    }
}
