//! The way to one node: a handle to the tasks that keep a connection with it.

use std::time::Duration;

use colony_protocol::rpc::REQUEST_MAX;
use libp2p::Multiaddr;
use tokio::sync::{mpsc, oneshot};

use super::{Call, Means, connector::Connector, gone};
use crate::{client::TransportError, runtime::Runtime};

/// Calls that wait for the connector. Callers wait, within their timeouts, while it is full.
const CALLS: usize = 1024;

/// The way to the node that answers first at one of some addresses.
#[derive(Clone, Debug)]
pub(super) struct Way {
    calls: mpsc::Sender<Call>,
    runtime: Runtime,
}

impl Way {
    pub(super) fn new(addresses: Vec<Multiaddr>, means: Means, runtime: &Runtime) -> Self {
        let (calls, waiting) = mpsc::channel(CALLS);
        let connector = Connector::new(waiting, addresses, means, runtime.clone());
        runtime.spawn("client", connector.run());
        Self { calls, runtime: runtime.clone() }
    }

    /// Sends one request; resolves within `timeout`.
    pub(super) async fn call(&self, request: Vec<u8>, timeout: Duration) -> Result<Vec<u8>, TransportError> {
        if request.len() > REQUEST_MAX {
            // A node would close the connection, and with it break calls that are all right.
            let why = format!("a request of {} bytes is above the limit of {REQUEST_MAX}", request.len());
            return Err(TransportError::Broken(why));
        }
        let (answer, outcome) = oneshot::channel();
        let answered = self.runtime.timeout(timeout, async {
            self.calls.send(Call { request, answer }).await.map_err(|_| gone())?;
            outcome.await.unwrap_or_else(|_| Err(gone()))
        });
        answered.await.unwrap_or(Err(TransportError::TimedOut(timeout)))
    }
}
