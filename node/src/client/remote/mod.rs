//! A client's connection to a colony over libp2p.
//!
//! [`Remote`] knows any number of nodes and talks to one of them, until it is told that this one is of no use; then
//! another has its turn. For each node it talks to, two tasks do the work and end when the last handle is
//! dropped. The *swarm's* task dials,
//! lazily, and tells whether anybody listens. The *connector* takes calls in order, asks for a connection when there is
//! none, and keeps one stream with many requests under way (or, if asked to, opens a substream per request).
//!
//! The transport's key is made up for each client: requests carry their own signatures, so it proves nothing.

mod connector;
mod dial;
mod link;
mod nodes;
mod swarm;
mod way;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::{refusal::Refusal, rpc};
use libp2p::Multiaddr;
use tokio::sync::oneshot;

use self::nodes::Nodes;
use super::{Answering, Transport, TransportError};
use crate::runtime::Runtime;

/// Most bytes of a refusal. Larger outcomes are not looked into.
const REFUSAL_MAX: usize = 1024;
/// Why nobody can be asked.
const NO_ADDRESS: &str = "no address is known";

/// Which of the two protocols carries the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One long-lived stream, many requests under way: the fast one.
    #[default]
    Stream,
    /// A substream per request: the simple one, for programs in other languages.
    PerRequest,
}

/// A client's connections to the nodes of a colony, one used at a time.
#[derive(Clone, Debug)]
pub struct Remote {
    nodes: Arc<Mutex<Nodes>>,
    mode: Mode,
    runtime: Runtime,
}

/// A request and who waits for its outcome.
#[derive(Debug)]
struct Call {
    request: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, TransportError>>,
}

impl Remote {
    /// A connection that is made when the first request is sent, and again whenever it broke. Addresses that end in
    /// the same peer id lead to one node, and those without one as well.
    #[must_use]
    pub fn connect(addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        Self::connect_with(addresses, Mode::default(), runtime)
    }

    /// The same with a chosen protocol.
    #[must_use]
    pub fn connect_with(addresses: Vec<Multiaddr>, mode: Mode, runtime: Runtime) -> Self {
        let remote = Self { nodes: Arc::default(), mode, runtime };
        remote.learn(addresses);
        remote
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        // Nothing below can leave the list half changed.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Remote {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let remote = self.clone();
        Box::pin(async move {
            let end = remote.runtime.elapsed().saturating_add(timeout);
            let mut failures = Vec::new();
            let mut tried = BTreeSet::new();
            loop {
                let next = remote.nodes().next(&tried, remote.mode, &remote.runtime);
                let Some((place, way)) = next else {
                    let why = if failures.is_empty() { NO_ADDRESS.to_owned() } else { failures.join("; ") };
                    return Err(TransportError::Unreachable(why));
                };
                tried.insert(place);
                let left = end.saturating_sub(remote.runtime.elapsed());
                let outcome = way.call(request.clone(), left).await;
                if outcome.as_ref().map_or(true, |bytes| is_useless(bytes)) {
                    // For all that follow, whatever becomes of this one.
                    remote.nodes().leave(place);
                }
                match outcome {
                    Err(TransportError::Unreachable(why)) => failures.push(why),
                    // All nodes that were tried share what the caller had, so that is how long it waited.
                    Err(TransportError::TimedOut(_)) => return Err(TransportError::TimedOut(timeout)),
                    outcome => return outcome,
                }
            }
        })
    }

    fn nodes(&self) -> usize {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn learn(&self, addresses: Vec<Multiaddr>) {
        self.nodes().learn(addresses);
    }
}

/// Whether an outcome says that this node cannot help: it finds no coordinator, its disk has failed, or it was sent
/// away.
fn is_useless(outcome: &[u8]) -> bool {
    outcome.len() <= REFUSAL_MAX
        && matches!(
            rpc::decode_outcome(outcome),
            Ok(Err(Refusal::Unavailable(_) | Refusal::Storage(_) | Refusal::Denied { .. }))
        )
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
