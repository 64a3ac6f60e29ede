//! The only door through which time, randomness, tasks, threads and sockets enter the node.
//!
//! Production uses [`Tokio`]; an emulator gives another implementation of [`Platform`] and so runs the shipped node on
//! virtual time from one seed. Therefore nothing else in this crate may read a clock, spawn, draw a random number or
//! use an unbiased `select!`: `clippy.toml` says so.
//!
//! Every task and thread has an owner: [`Runtime::shutdown`] ends all of them and waits. Work that must end in an
//! orderly way (answers under way, rows to be written) is drained by its own room before that.

mod pool;
mod raft;
mod tokio_platform;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use colony_protocol::time::Timestamp;
use tokio::sync::oneshot;

use crate::net::Carrier;

pub use raft::{Raft, RaftRandom, RaftTask, RaftTaskError};
pub use tokio_platform::Tokio;

/// A boxed task.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Work for a thread of its own, or for a pool: signature checks, the store's writer.
pub type Job = Box<dyn FnOnce() + Send>;

/// The pool's queue is full: the caller refuses the request instead of letting it wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much work is waiting for a processor")]
pub struct Busy;

/// Long blocking work that can run as a task instead, where there are no threads.
pub trait Worker: Send + 'static {
    /// Runs it on the thread that calls, until its input is closed.
    fn run(self: Box<Self>);
    /// The same as a task, which holds up all others while it works.
    fn run_inline(self: Box<Self>) -> Task;
}

/// What a node needs from the machine it runs on.
pub trait Platform: Send + Sync + std::fmt::Debug + 'static {
    /// Wall time, for signing and for stamping log entries.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment that never runs backwards, for measuring.
    fn elapsed(&self) -> Duration;
    /// Completes after a while.
    fn sleep(&self, duration: Duration) -> Task;
    /// Runs a task in the background, until it ends or the platform is shut down.
    fn spawn(&self, name: &'static str, task: Task);
    /// Runs short CPU-bound work off the task that calls, on a bounded pool with a bounded queue.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; the job is dropped then.
    fn offload(&self, job: Job) -> Result<(), Busy>;
    /// Runs long blocking work on a thread of its own, which ends by itself once its input is closed.
    fn thread(&self, name: &'static str, job: Job);
    /// Runs a worker: on a thread of its own, where there are threads.
    fn worker(&self, name: &'static str, worker: Box<dyn Worker>) {
        self.thread(name, Box::new(move || worker.run()));
    }
    /// What carries connections in place of sockets; `None` on a real machine.
    fn carrier(&self) -> Option<Carrier> {
        None
    }
    /// Fills a buffer from the machine's random source.
    fn random(&self, buffer: &mut [u8]);
    /// Drops every task at its next await and completes when all tasks and threads have ended.
    fn shutdown(&self) -> Task;
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

    /// A sleep that can be kept and polled again.
    #[must_use]
    pub fn timer(&self, duration: Duration) -> Task {
        self.0.sleep(duration)
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

    /// Runs short CPU-bound work on a bounded pool. Put several small items into one job: handing a job over costs
    /// more than an item that takes a microsecond.
    ///
    /// # Errors
    /// [`Busy`] when the pool's queue is full; the job is dropped then.
    pub fn try_offload(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        self.0.offload(Box::new(job))
    }

    /// Runs short CPU-bound work on the bounded pool and brings back its result.
    ///
    /// # Errors
    /// [`Busy`] when the pool's queue is full, or when the work panicked and there will be no result.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (done, result) = oneshot::channel();
        self.try_offload(move || {
            // A caller that went away does not want the result.
            drop(done.send(work()));
        })?;
        result.await.map_err(|_| Busy)
    }

    /// Runs long blocking work on a thread of its own, which ends by itself once its input is closed.
    pub fn thread(&self, name: &'static str, job: impl FnOnce() + Send + 'static) {
        self.0.thread(name, Box::new(job));
    }

    /// Runs a worker on a thread of its own, where there are threads.
    pub fn worker(&self, name: &'static str, worker: impl Worker) {
        self.0.worker(name, Box::new(worker));
    }

    /// What carries connections in place of sockets.
    #[must_use]
    pub fn carrier(&self) -> Option<Carrier> {
        self.0.carrier()
    }

    /// Random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.random(&mut bytes);
        bytes
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.0.random(buffer);
    }

    /// Drops every task at its next await and waits until all tasks and threads have ended, at most `grace`.
    /// Says whether they have.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.timeout(grace, self.0.shutdown()).await.is_some()
    }
}
