//! An executor that succeeds at everything at once: what is left to measure is the colony.

use std::pin::pin;

use colony_protocol::{
    bounded::List,
    command::{Assign, BATCH_MAX, Closing, LeaseRef},
    model::{Errors, Process, Values},
    time::Span,
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use crate::{
    announcements::Hints,
    client::{Client, ClientError},
};

/// How long one request for work waits: as in a real executor.
const WAIT: Span = Span::from_secs(20);
/// The promise to be heard: as in a real executor.
const HEARTBEAT: Span = Span::from_secs(10);

/// Takes work in batches and closes each batch as successful, whatever the function.
#[derive(Debug)]
pub struct NoopExecutor {
    /// How to reach the colony, as this executor.
    client: Client,
    /// Most processes taken at once.
    batch: u16,
    /// When to ask.
    asking: Asking,
    /// Whether it asks again before it is known that the last work is closed.
    aside: bool,
}

impl NoopExecutor {
    /// Takes up to `batch` processes at once, at least one and at most [`BATCH_MAX`].
    #[must_use]
    pub fn new(client: Client, batch: usize) -> Self {
        let batch = u16::try_from(batch.clamp(1, BATCH_MAX)).unwrap_or(1);
        Self { client, batch, asking: Asking::new(None, WAIT), aside: false }
    }

    /// The same, which asks for work when `hints` say so.
    #[must_use]
    pub fn with_hints(self, hints: Hints) -> Self {
        Self { asking: Asking::new(Some(hints), WAIT), ..self }
    }

    /// The same, which closes work while it asks for more, as a real executor does.
    #[must_use]
    pub fn closing_aside(self) -> Self {
        Self { aside: true, ..self }
    }

    /// Takes and closes work until `stop`; says how many processes it closed.
    ///
    /// # Errors
    /// [`ClientError`] of the first request that fails: a benchmark should not hide one.
    pub async fn run(self, stop: CancellationToken) -> Result<u64, ClientError> {
        let mut closed = 0_u64;
        let mut aside = FuturesUnordered::new();
        loop {
            let mut ask = pin!(self.ask());
            let processes = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(closed),
                    Some(count) = aside.next() => closed = closed.saturating_add(count?),
                    processes = &mut ask => break processes?,
                }
            };
            if processes.is_empty() {
                continue;
            }
            let closing = self.close(processes);
            if self.aside {
                aside.push(closing);
            } else {
                closed = closed.saturating_add(closing.await?);
            }
        }
    }

    /// Closes work as successful; says how much of it was this executor's to close.
    async fn close(&self, processes: Vec<Process>) -> Result<u64, ClientError> {
        let outcomes = self.client.close(processes.iter().filter_map(success).collect()).await?;
        let applied = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        Ok(u64::try_from(applied).unwrap_or(u64::MAX))
    }

    async fn ask(&self) -> Result<Vec<Process>, ClientError> {
        let mut turn = self.asking.turn().await;
        let wait = turn.reason(|| false).await;
        let ask = Assign { max: self.batch, wait, heartbeat: Some(HEARTBEAT), ..Assign::default() };
        let processes = self.client.assign(ask).await?;
        self.asking.learn(processes.len(), usize::from(self.batch));
        Ok(processes)
    }
}

fn success(process: &Process) -> Option<Closing> {
    let lease = LeaseRef { process: process.id, token: process.lease?.token };
    Some(Closing {
        lease,
        success: true,
        output: Values::default(),
        errors: Errors::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    })
}
