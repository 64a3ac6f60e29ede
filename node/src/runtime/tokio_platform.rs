//! The real machine: tokio, the system clock, the kernel's random source.
#![expect(clippy::disallowed_methods, reason = "this is the door: clock, spawn, threads")]

use std::{
    num::NonZero,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use colony_protocol::time::Timestamp;
use tokio::{runtime::Handle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Busy, Job, Platform, Task, pool::Pool};

/// The production platform. Make it inside a tokio runtime.
#[derive(Debug)]
pub struct Tokio {
    /// The moment [`Platform::elapsed`] counts from, by the clock that sleeps go by: a test may stop both.
    start: Instant,
    /// Where tasks run, also those spawned from a thread that is none of tokio's.
    handle: Handle,
    /// Everything spawned that has not ended, threads included.
    alive: TaskTracker,
    /// Ends every task.
    stop: CancellationToken,
    /// Signature checks and the like.
    pool: Pool,
}

impl Tokio {
    /// Starts counting now; its tasks will run on the tokio runtime it is called in (tokio panics if there is none).
    #[must_use]
    pub fn new() -> Self {
        let alive = TaskTracker::new();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = alive.clone();
        let pool = Pool::new(cores, move |work| thread(&threads, "colony-pool", work));
        Self { start: Instant::now(), handle: Handle::current(), alive, stop: CancellationToken::new(), pool }
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
        let stop = self.stop.clone();
        let until_stopped = async move {
            stop.run_until_cancelled_owned(task).await;
        };
        self.handle.spawn(self.alive.track_future(until_stopped));
    }

    fn offload(&self, job: Job) -> Result<(), Busy> {
        self.pool.offer(job)
    }

    fn thread(&self, name: &'static str, job: Job) {
        thread(&self.alive, name, job);
    }

    fn random(&self, buffer: &mut [u8]) {
        // The kernel's source does not fail after boot; if it did, equal keys would be worse than no node.
        if let Err(error) = getrandom::fill(buffer) {
            tracing::error!(%error, "the system's random source failed");
            std::process::abort();
        }
    }

    fn shutdown(&self) -> Task {
        self.stop.cancel();
        self.pool.close();
        self.alive.close();
        let alive = self.alive.clone();
        Box::pin(async move { alive.wait().await })
    }
}

/// Starts a thread that counts as alive until it ends.
fn thread(alive: &TaskTracker, name: &'static str, job: Job) {
    let token = alive.token();
    let guarded = move || {
        job();
        drop(token);
    };
    if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(guarded) {
        tracing::error!(thread = name, %error, "cannot start a thread");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::runtime::Runtime;

    #[tokio::test]
    async fn shutdown_drops_tasks_and_waits_for_threads() {
        let runtime = Runtime::new(Tokio::new());
        let (held, dropped) = mpsc::sync_channel::<()>(1);
        runtime.spawn("sleeper", async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        let (input, work) = mpsc::sync_channel::<()>(1);
        runtime.thread("worker", move || while work.recv().is_ok() {});

        // The thread's input is still open: not everything has ended.
        assert!(!runtime.shutdown(Duration::from_millis(50)).await);
        assert!(dropped.recv().is_err(), "the task was dropped, and its channel with it");
        drop(input);
        assert!(runtime.shutdown(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn compute_brings_back_results_and_survives_panics() {
        let runtime = Runtime::new(Tokio::new());
        assert_eq!(runtime.compute(|| 6 * 7).await, Ok(42));
        assert_eq!(runtime.compute(|| -> u32 { panic!("on purpose") }).await, Err(Busy));
        assert_eq!(runtime.compute(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn tasks_may_be_spawned_from_any_thread() {
        let runtime = Runtime::new(Tokio::new());
        let (done, ended) = tokio::sync::oneshot::channel();
        let spawner = runtime.clone();
        runtime.thread("spawner", move || spawner.spawn("task", async move { done.send(()).unwrap() }));
        ended.await.unwrap();
    }
}
