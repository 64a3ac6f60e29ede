//! The only door through which time, randomness, tasks, threads and disks enter the node.
//!
//! Production uses [`Tokio`]; an emulator gives another implementation of [`Platform`] and so runs the shipped node on
//! virtual time from one seed. Therefore nothing else in this crate may read a clock, spawn, draw a random number or
//! use an unbiased `select!`: `clippy.toml` says so.

mod tokio_platform;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use colony_protocol::time::Timestamp;

pub use tokio_platform::Tokio;

/// A boxed task.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Work for a thread of its own, or for a pool: signature checks, the store's writer.
pub type Job = Box<dyn FnOnce() + Send>;

/// What a node needs from the machine it runs on.
pub trait Platform: Send + Sync + std::fmt::Debug + 'static {
    /// Wall time, for signing and for stamping log entries.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment that never runs backwards, for measuring.
    fn elapsed(&self) -> Duration;
    /// Completes after a while.
    fn sleep(&self, duration: Duration) -> Task;
    /// Runs a task in the background.
    fn spawn(&self, name: &'static str, task: Task);
    /// Runs short CPU-bound work off the task that calls, on a bounded pool.
    fn offload(&self, job: Job);
    /// Runs long blocking work on a thread of its own.
    fn thread(&self, name: &'static str, job: Job);
    /// Fills a buffer from the machine's random source.
    fn random(&self, buffer: &mut [u8]);
}

/// A shared handle to the platform.
#[derive(Clone, Debug)]
pub struct Runtime(Arc<dyn Platform>);

impl Runtime {
    /// Wraps a platform.
    #[must_use]
    pub fn new(platform: impl Platform) -> Self {
        Self(Arc::new(platform))
    }

    /// Wall time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Time since some fixed moment that never runs backwards.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Completes after a while.
    pub async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    /// Gives a task at most `limit`; `None` if it is not done by then, and dropped.
    pub async fn timeout<T>(&self, limit: Duration, task: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = task => Some(done),
            () = self.sleep(limit) => None,
        }
    }

    /// Runs a task in the background.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(name, Box::pin(task));
    }

    /// Runs short CPU-bound work on a bounded pool.
    pub fn offload(&self, job: impl FnOnce() + Send + 'static) {
        self.0.offload(Box::new(job));
    }

    /// Runs long blocking work on a thread of its own.
    pub fn thread(&self, name: &'static str, job: impl FnOnce() + Send + 'static) {
        self.0.thread(name, Box::new(job));
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.random(&mut bytes);
        bytes
    }
}
