//! A client's connection to a colony over libp2p.
//!
//! [`Remote`] is a handle; two tasks do the work and end when the last handle is dropped. The *swarm's* task dials,
//! lazily, and tells whether anybody listens. The *connector* takes calls in order, asks for a connection when there is
//! none, and keeps one stream with many requests under way (or, if asked to, opens a substream per request).
//!
//! The transport's key is made up for each client: requests carry their own signatures, so it proves nothing.

mod connector;
mod dial;
mod link;
mod swarm;

use std::time::Duration;

use colony_protocol::rpc::REQUEST_MAX;
use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};

use self::connector::Connector;
use super::{Answering, Transport, TransportError};
use crate::runtime::Runtime;

/// Calls that wait for the connector. Callers wait, within their timeouts, while it is full.
const CALLS: usize = 1024;

/// Which of the two protocols carries the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One long-lived stream, many requests under way: the fast one.
    #[default]
    Stream,
    /// A substream per request: the simple one, for programs in other languages.
    PerRequest,
}

/// A client's connection to the node that answers first at one of some addresses.
#[derive(Clone, Debug)]
pub struct Remote {
    calls: mpsc::Sender<Call>,
    runtime: Runtime,
}

/// A request and who waits for its outcome.
#[derive(Debug)]
struct Call {
    request: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, TransportError>>,
}

impl Remote {
    /// A connection that is made when the first request is sent, and again whenever it broke.
    #[must_use]
    pub fn connect(addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        Self::connect_with(addresses, Mode::default(), runtime)
    }

    /// The same with a chosen protocol.
    #[must_use]
    pub fn connect_with(addresses: Vec<Multiaddr>, mode: Mode, runtime: Runtime) -> Self {
        let (calls, waiting) = mpsc::channel(CALLS);
        let connector = Connector::new(waiting, addresses, mode, runtime.clone());
        runtime.spawn("client", connector.run());
        Self { calls, runtime }
    }
}

impl Transport for Remote {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let Self { calls, runtime } = self.clone();
        Box::pin(async move {
            if request.len() > REQUEST_MAX {
                // A node would close the connection, and with it break calls that are all right.
                let why = format!("a request of {} bytes is above the limit of {REQUEST_MAX}", request.len());
                return Err(TransportError::Broken(why));
            }
            let (answer, outcome) = oneshot::channel();
            let answered = runtime.timeout(timeout, async {
                calls.send(Call { request, answer }).await.map_err(|_| gone())?;
                outcome.await.unwrap_or_else(|_| Err(gone()))
            });
            answered.await.unwrap_or(Err(TransportError::TimedOut(timeout)))
        })
    }
}

impl Call {
    /// Ends the call. The caller may have gone away; then nobody minds.
    fn end(self, outcome: Result<Vec<u8>, TransportError>) {
        self.answer.send(outcome).ok();
    }

    /// Whether anybody still waits.
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// The client's own tasks have ended: the runtime is shutting down.
fn gone() -> TransportError {
    TransportError::Broken("the client is shutting down".to_owned())
}
