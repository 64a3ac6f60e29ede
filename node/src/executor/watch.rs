//! Knows when a program must end, by this machine's own monotonic clock.

use std::time::Duration;

use colony_protocol::model::Lease;
use tokio::sync::watch;

use super::{leases::Standing, shop::Shop, stop::Stop};

/// Watches one lease.
pub(super) struct Watch<'a> {
    /// Gives the time, and tells when the executor ends.
    shop: &'a Shop,
    /// What the heartbeat learnt last.
    standing: watch::Receiver<Standing>,
    /// The lease's hard deadline by our own clock, which is late by as long as the answer travelled.
    deadline: Option<Duration>,
}

impl<'a> Watch<'a> {
    /// Watches a lease whose hard deadline counts from `began`.
    pub(super) fn new(
        shop: &'a Shop,
        lease: &Lease,
        began: Duration,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        let deadline =
            lease.hard_deadline.map(|end| began.saturating_add(end.since(lease.granted_at).to_std()));
        Self { shop, standing, deadline }
    }

    /// Waits until the work must end.
    pub(super) async fn stop(&mut self) -> Stop {
        loop {
            match self.verdict() {
                Err(stop) => return stop,
                Ok(fence) => self.news(fence).await,
            }
        }
    }

    /// How things stand: until when the work may go on, or why it may not.
    fn verdict(&mut self) -> Result<Option<Duration>, Stop> {
        let now = self.shop.runtime.elapsed();
        let standing = *self.standing.borrow_and_update();
        let over = |end: Option<Duration>| end.is_some_and(|end| end <= now);
        match standing.stop {
            Some(stop) => Err(stop),
            None if over(self.deadline) => Err(Stop::Deadline),
            None if self.shop.shutdown.is_cancelled() => Err(Stop::Shutdown),
            None if over(standing.fence) => Err(Stop::Unrenewed),
            None => Ok(standing.fence),
        }
    }

    /// Waits until the verdict may be another one.
    async fn news(&mut self, fence: Option<Duration>) {
        let next = self.deadline.into_iter().chain(fence).min().unwrap_or(Duration::MAX);
        let rest = next.saturating_sub(self.shop.runtime.elapsed());
        tokio::select! {
            biased;
            () = self.shop.shutdown.cancelled() => {}
            // It cannot fail: the lease is released only after its run.
            _ = self.standing.changed() => {}
            () = self.shop.runtime.sleep(rest) => {}
        }
    }
}
