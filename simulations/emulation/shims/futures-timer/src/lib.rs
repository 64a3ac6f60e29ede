//! `futures_timer::Delay` on tokio's clock, which the emulator stops and moves.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// Completes after a while.
pub struct Delay {
    sleep: Pin<Box<Sleep>>,
}

impl Delay {
    /// One that completes after `duration`.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        Self { sleep: Box::pin(sleep(duration)) }
    }

    /// Lets it complete `duration` from now.
    pub fn reset(&mut self, duration: Duration) {
        // What no clock reaches never completes, as far as anybody can tell.
        let far = || Instant::now() + Duration::from_secs(86_400 * 365);
        let deadline = Instant::now().checked_add(duration).unwrap_or_else(far);
        self.sleep.as_mut().reset(deadline);
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(context)
    }
}

impl fmt::Debug for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delay").finish_non_exhaustive()
    }
}
