//! The real machine: tokio, the system clock, the kernel's random source.
#![expect(clippy::disallowed_methods, reason = "this is the door: clock, spawn, threads")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use colony_protocol::time::Timestamp;

use super::{Job, Platform, Task};

/// The production platform. Make it inside a tokio runtime.
#[derive(Debug)]
pub struct Tokio {
    /// The moment [`Platform::elapsed`] counts from.
    start: Instant,
}

impl Tokio {
    /// Starts counting now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for Tokio {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform for Tokio {
    fn now(&self) -> Timestamp {
        // A clock before 1970 counts as 1970; the quorum's own clock check will complain about it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn(&self, _name: &'static str, task: Task) {
        tokio::spawn(task);
    }

    fn offload(&self, job: Job) {
        tokio::task::spawn_blocking(job);
    }

    fn thread(&self, name: &'static str, job: Job) {
        if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(job) {
            tracing::error!(thread = name, %error, "cannot start a thread");
        }
    }

    fn random(&self, buffer: &mut [u8]) {
        // The kernel's source does not fail after boot; if it did, equal keys would be worse than no node.
        if let Err(error) = getrandom::fill(buffer) {
            tracing::error!(%error, "the system's random source failed");
            std::process::abort();
        }
    }
}
