//! What openraft runs on: its tasks and random numbers come from the node's [`Runtime`], its timers from tokio.
//!
//! openraft asks for its runtime by type, not by value, so the value travels with the task: whoever creates a Raft
//! does it inside [`Raft::scope`], and every task Raft spawns inherits the scope. So each node in a process keeps its own
//! runtime, and an emulator replaces it without touching this file. (Timers need no such care: an emulator pauses
//! tokio's clock.) Outside of a scope nothing is spawned: the caller sees a cancelled task.
#![expect(clippy::disallowed_methods, reason = "part of the door: openraft names tokio's timer types")]

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt as _;
use openraft::{AsyncRuntime, TokioInstant, async_runtime::TokioOneShotSender};
use tokio::{sync::oneshot, time};

use super::Runtime;

tokio::task_local! {
    /// The runtime of the node whose task this is.
    static CURRENT: Runtime;
}

/// The `AsyncRuntime` to name in `declare_raft_types!`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Raft;

impl Raft {
    /// Runs a future whose Raft tasks and random numbers come from `runtime`. Create every Raft inside.
    pub async fn scope<T>(runtime: Runtime, future: impl Future<Output = T>) -> T {
        CURRENT.scope(runtime, future).await
    }
}

impl AsyncRuntime for Raft {
    type JoinError = RaftTaskError;
    type JoinHandle<T: Send + 'static> = RaftTask<T>;
    type Sleep = time::Sleep;
    type Instant = TokioInstant;
    type TimeoutError = time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + Send> = time::Timeout<T>;
    type ThreadLocalRng = RaftRandom;
    type OneshotSender<T: Send> = TokioOneShotSender<T>;
    type OneshotReceiverError = oneshot::error::RecvError;
    type OneshotReceiver<T: Send> = oneshot::Receiver<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let spawned = CURRENT.try_with(|runtime| {
            let guarded = AssertUnwindSafe(future).catch_unwind();
            let scoped = CURRENT.scope(runtime.clone(), async move {
                let outcome = guarded.await.map_err(|_| RaftTaskError::Panicked);
                // Raft does not always wait for its tasks.
                drop(done.send(outcome));
            });
            runtime.spawn("raft", scoped);
        });
        if spawned.is_err() {
            tracing::error!("a Raft task was spawned outside of a node");
        }
        RaftTask(result)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        time::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        time::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + Send>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        time::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + Send>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        time::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        *error == RaftTaskError::Panicked
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        RaftRandom(())
    }

    fn oneshot<T: Send>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (TokioOneShotSender(sender), receiver)
    }
}

/// A Raft task under way.
#[must_use]
pub struct RaftTask<T>(oneshot::Receiver<Result<T, RaftTaskError>>);

impl<T> Future for RaftTask<T> {
    type Output = Result<T, RaftTaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A task that was dropped before its end sends nothing.
        Pin::new(&mut self.0).poll(context).map(|outcome| outcome.unwrap_or(Err(RaftTaskError::Cancelled)))
    }
}

impl<T> fmt::Debug for RaftTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftTask").finish_non_exhaustive()
    }
}

/// Why a Raft task gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RaftTaskError {
    /// It panicked.
    #[error("a Raft task panicked")]
    Panicked,
    /// The runtime dropped it: the node is shutting down.
    #[error("a Raft task was cancelled")]
    Cancelled,
}

/// Random numbers from the node's runtime: Raft draws its election timeout from here.
#[derive(Debug)]
pub struct RaftRandom(());

impl rand08::RngCore for RaftRandom {
    fn next_u32(&mut self) -> u32 {
        rand08::RngCore::next_u64(self) as u32
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        if CURRENT.try_with(|runtime| runtime.fill(buffer)).is_err() {
            // The zeros that stay are a legal, if poor, draw.
            tracing::error!("Raft drew a random number outside of a node");
        }
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), rand08::Error> {
        self.fill_bytes(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test]
    async fn tasks_give_their_value_and_spawn_more_of_them() {
        let runtime = Runtime::new(Tokio::new());
        let value = Raft::scope(runtime, async {
            Raft::spawn(async { Raft::spawn(async { 7 }).await.unwrap() + 1 }).await
        });
        assert_eq!(value.await, Ok(8));
    }

    #[tokio::test]
    async fn a_panic_and_a_shutdown_are_told_apart() {
        let runtime = Runtime::new(Tokio::new());
        let (panicked, pending) = Raft::scope(runtime.clone(), async {
            (Raft::spawn(async { panic!("on purpose") }), Raft::spawn(std::future::pending::<()>()))
        })
        .await;
        let panicked: Result<(), _> = panicked.await;
        assert!(Raft::is_panic(&panicked.unwrap_err()));
        assert!(runtime.shutdown(Duration::from_secs(5)).await);
        assert_eq!(pending.await, Err(RaftTaskError::Cancelled));
    }

    #[tokio::test]
    async fn random_numbers_come_from_the_node() {
        let runtime = Runtime::new(Tokio::new());
        let draw = || async { rand08::RngCore::next_u64(&mut Raft::thread_rng()) };
        assert_ne!(Raft::scope(runtime.clone(), draw()).await, Raft::scope(runtime, draw()).await);
    }
}
