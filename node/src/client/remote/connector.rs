//! Takes calls in order and finds a connection for them.
//!
//! While there is none, the first call waits here and the others in the channel; if nobody can be reached, all of them
//! learn it at once. What breaks in the middle of a call is told to that call's owner, who knows whether to try again.

use std::{io, sync::Arc, time::Duration};

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use super::{
    Call, Mode,
    link::Link,
    swarm::{self, Handle, Order},
};
use crate::{client::TransportError, net::streams::OpenError, runtime::Runtime};

/// How long a connection may take. Shorter than a call's patience, so that "nobody there" and "no answer" differ.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection may have died unnoticed; then the stream cannot be opened, and one more try finds out.
const TRIES: u32 = 2;

/// The task between callers and the swarm. Ends when the last [`super::Remote`] is dropped.
pub(super) struct Connector {
    calls: mpsc::Receiver<Call>,
    addresses: Vec<Multiaddr>,
    mode: Mode,
    runtime: Runtime,
}

impl Connector {
    pub(super) fn new(
        calls: mpsc::Receiver<Call>,
        addresses: Vec<Multiaddr>,
        mode: Mode,
        runtime: Runtime,
    ) -> Self {
        Self { calls, addresses, mode, runtime }
    }

    pub(super) async fn run(mut self) {
        let Some(first) = self.next().await else { return };
        match swarm::start(std::mem::take(&mut self.addresses), &self.runtime) {
            Ok(swarm) => self.serve(&swarm, first).await,
            Err(error) => {
                self.fail(first, &error);
                while let Some(call) = self.next().await {
                    call.end(Err(error.clone()));
                }
            }
        }
    }

    async fn serve(&mut self, swarm: &Handle, first: Call) {
        let mut next = Some(first);
        while let Some(call) = next {
            match self.mode {
                Mode::Stream => self.over_stream(swarm, call).await,
                Mode::PerRequest => self.over_substream(swarm, call).await,
            }
            next = self.next().await;
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

    /// Opens the stream with this call and keeps it for all that follow, until it breaks.
    async fn over_stream(&mut self, swarm: &Handle, call: Call) {
        match self.open(swarm).await {
            Ok(stream) => {
                let link = Link::new(stream, Arc::clone(&swarm.budget), self.runtime.clone());
                link.run(call, &mut self.calls).await;
            }
            Err(error) => self.fail(call, &error),
        }
    }

    async fn over_substream(&mut self, swarm: &Handle, call: Call) {
        match self.connect(swarm).await {
            Ok(peer) => {
                // Fails only if the swarm is gone, and then the call's owner learns it too.
                swarm.orders.send(Order::Request(peer, call)).await.ok();
            }
            Err(error) => self.fail(call, &error),
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

    async fn connect(&self, swarm: &Handle) -> Result<PeerId, TransportError> {
        let connected = self.runtime.timeout(CONNECT, async {
            let (answer, peer) = oneshot::channel();
            swarm.orders.send(Order::Connect(answer)).await.map_err(|_| super::gone())?;
            peer.await.map_err(|_| super::gone())?.map_err(TransportError::Unreachable)
        });
        let silence = || TransportError::Unreachable(format!("no answer within {CONNECT:?}"));
        connected.await.unwrap_or_else(|| Err(silence()))
    }

    async fn open(&self, swarm: &Handle) -> Result<libp2p::Stream, TransportError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let peer = self.connect(swarm).await?;
            let opened = self.runtime.timeout(CONNECT, opened(swarm, peer)).await;
            let error = match opened {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(OpenError::NotANode)) => {
                    return Err(TransportError::Unreachable(OpenError::NotANode.to_string()));
                }
                Some(Err(OpenError::Io(error))) => error,
                None => io::ErrorKind::TimedOut.into(),
            };
            if tries >= TRIES {
                return Err(TransportError::Broken(error.to_string()));
            }
        }
    }
}

/// A stream to a connected peer.
async fn opened(swarm: &Handle, peer: PeerId) -> Result<libp2p::Stream, OpenError> {
    // Whoever drops an answer's other end has lost the connection.
    let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (answer, opening) = oneshot::channel();
    swarm.orders.send(Order::Open(peer, answer)).await.map_err(|_| lost())?;
    opening.await.map_err(|_| lost())?.await.map_err(|_| lost())?
}
