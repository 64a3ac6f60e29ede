//! Takes calls in order and finds a connection for them.
//!
//! While there is none, the first call waits here and the others in the channel; if nobody can be reached, all of them
//! learn it at once. What breaks in the middle of a call is told to that call's owner, who knows whether to try again.

use std::sync::Arc;

use libp2p::Multiaddr;
use tokio::sync::mpsc;

use super::{
    Call, Means, Mode,
    link::Link,
    swarm::{self, Handle, OUTCOMES},
};
use crate::{
    client::TransportError,
    net::{
        budget::Budget,
        calls::{CallError, Lane, Line},
    },
    runtime::Runtime,
};

/// The task between callers and the swarm. Ends when the last [`super::Remote`] is dropped.
pub(super) struct Connector {
    calls: mpsc::Receiver<Call>,
    addresses: Vec<Multiaddr>,
    means: Means,
    runtime: Runtime,
}

impl Connector {
    pub(super) fn new(
        calls: mpsc::Receiver<Call>,
        addresses: Vec<Multiaddr>,
        means: Means,
        runtime: Runtime,
    ) -> Self {
        Self { calls, addresses, means, runtime }
    }

    pub(super) async fn run(mut self) {
        let Some(first) = self.next().await else { return };
        let addresses = std::mem::take(&mut self.addresses);
        let mode = match &self.means {
            Means::Shared(calls) => {
                let line = Line::new(calls.clone(), addresses, self.runtime.clone());
                return self.over_streams(line, Budget::new(OUTCOMES), first).await;
            }
            Means::Own(mode) => *mode,
        };
        match swarm::start(&addresses, &self.runtime) {
            Ok(swarm) => {
                let line = Line::new(swarm.calls.clone(), addresses, self.runtime.clone());
                match mode {
                    Mode::Stream => self.over_streams(line, Arc::clone(&swarm.budget), first).await,
                    Mode::PerRequest => self.over_substreams(line, &swarm, first).await,
                }
            }
            Err(error) => {
                self.fail(first, &error);
                while let Some(call) = self.next().await {
                    call.end(Err(error.clone()));
                }
            }
        }
    }

    /// The next call that somebody still waits for.
    async fn next(&mut self) -> Option<Call> {
        loop {
            let call = self.calls.recv().await?;
            if !call.is_abandoned() {
                return Some(call);
            }
        }
    }

    /// Opens a stream for a call and keeps it for all that follow, until it breaks or there is a better way; and so on.
    async fn over_streams(&mut self, mut line: Line, budget: Arc<Budget>, first: Call) {
        let mut next = Some(first);
        while let Some(call) = next {
            match line.open().await {
                Ok(Lane { stream, superseded, doubt }) => {
                    let link = Link::new(stream, Arc::clone(&budget), doubt, self.runtime.clone());
                    link.run(call, &mut self.calls, &superseded).await;
                }
                Err(error) => self.fail(call, &error.into()),
            }
            next = self.next().await;
        }
    }

    /// Sees to it that there is a connection for each call, which gets a substream of its own.
    async fn over_substreams(&mut self, mut line: Line, swarm: &Handle, first: Call) {
        let mut next = Some(first);
        while let Some(call) = next {
            match line.connect().await {
                Ok(peer) => {
                    // Those who wait already go the same way: whether there is a connection was found out just now.
                    let waiting = self.calls.len();
                    let others = std::iter::from_fn(|| self.calls.try_recv().ok()).take(waiting);
                    for call in std::iter::once(call).chain(others).filter(|call| !call.is_abandoned()) {
                        // Fails only if the swarm is gone, and then the call's owner learns it too.
                        drop(swarm.requests.send((peer, call)).await);
                    }
                }
                Err(error) => self.fail(call, &error.into()),
            }
            next = self.next().await;
        }
    }

    /// Nobody can be reached: tells it to everybody who waits.
    fn fail(&mut self, call: Call, error: &TransportError) {
        // Found before anybody is told: who calls after having been told deserves a fresh attempt.
        let mut waiting = vec![call];
        while let Ok(call) = self.calls.try_recv() {
            waiting.push(call);
        }
        for call in waiting {
            call.end(Err(error.clone()));
        }
    }
}

impl From<CallError> for TransportError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreached(why) => Self::Unreachable(why),
            CallError::Broken(why) => Self::Broken(why),
            CallError::Closed => super::gone(),
        }
    }
}
