//! The door for ColonyOS's clients: HTTP and WebSocket.
//!
//! Unmodified SDKs and programs talk to any node that has this door open. `POST /api` takes one signed message and answers
//! it; `GET /pubsub` is a WebSocket for those who wait for news; `GET /health` says that the node runs; `GET /metrics`
//! tells Prometheus how it is doing. What a message means is decided in `colony_protocol::colonyos`; what comes of it, by
//! [`crate::service`] as for native requests. A node that does not coordinate passes on what it must.
//!
//! The door stands on the sockets of tokio, not on those of the emulator, which never opens it: everything that touches a
//! socket is in `listen` and `http`, and the rest is told bytes and tells bytes.
//!
//! What may never happen: an error without a status and a message; a client that keeps others waiting by being slow; a
//! request that takes memory or time without a bound; a change that is made twice because the coordinator was lost in
//! between.

mod api;
mod carry;
mod http;
mod listen;
mod meter;
mod metrics;
mod patience;
mod place;
mod pubsub;
mod replays;
#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, sync::Arc};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::Name,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use listen::GatewayError;

use crate::{
    net::Tls,
    node::{Book, Pulse},
    runtime::Runtime,
    service::{Service, Signers},
};
use meter::Meter;
use replays::Replays;

/// Where the door is, and who may do what only the owner of a ColonyOS server may.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate to show; without one it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Who remembers which colonies were made and forgotten through the door; without one they last as long as the node
    /// runs.
    pub memory: Option<Memory>,
}

/// What became of a colony through the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// This node has made it.
    Made {
        /// Its id.
        id: Identity,
        /// Its name.
        name: Name,
    },
    /// This node has forgotten it.
    Forgotten(Identity),
}

/// What a [`Memory`] does; it may fail.
type Remembering = dyn Fn(&Kept) -> Result<(), String> + Send + Sync;

/// Remembers which colonies a node has, for its next start.
#[derive(Clone)]
pub struct Memory(Arc<Remembering>);

impl Memory {
    /// A memory that calls `remember`, which says what went wrong.
    #[must_use]
    pub fn new(remember: impl Fn(&Kept) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(remember))
    }

    fn keep(&self, kept: &Kept) -> Result<(), String> {
        (self.0)(kept)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// What the door knows of the node behind it.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    /// Carries requests out.
    pub(crate) service: Service,
    /// The node's key: its owner is the owner of the server, in ColonyOS's words.
    pub(crate) key: SecretKey,
    /// How the node is doing.
    pub(crate) pulse: Pulse,
    /// Makes and forgets colonies.
    pub(crate) book: Book,
    /// Time, randomness and tasks.
    pub(crate) runtime: Runtime,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    behind: Behind,
    /// Who this node is.
    node: Identity,
    /// Where the door is.
    address: SocketAddr,
    /// Whether what comes through it is encrypted.
    secure: bool,
    /// Who remembers which colonies there are; one is made or forgotten at a time.
    memory: tokio::sync::Mutex<Option<Memory>>,
    /// What was changed lately, and by whose word.
    replays: Replays,
    /// Who signed what came over a connection last.
    signers: Signers<SocketAddr>,
    /// Room for large requests, in MiB.
    large: Semaphore,
    /// What was asked, and how long it took.
    meter: Meter,
    /// Tells waiting requests that the door closes.
    closing: CancellationToken,
}

/// An open door.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    connections: TaskTracker,
}

impl Gateway {
    /// Opens the door.
    ///
    /// # Errors
    /// [`GatewayError`] says why it cannot be opened there.
    pub(crate) async fn open(behind: Behind, config: GatewayConfig) -> Result<Self, GatewayError> {
        let (listener, address) = listen::bind(config.address).await?;
        let tls = config.tls.as_ref().map(listen::acceptor).transpose()?;
        let shared = Arc::new(Shared {
            node: behind.key.identity(),
            address,
            secure: tls.is_some(),
            memory: tokio::sync::Mutex::new(config.memory),
            replays: Replays::default(),
            signers: Signers::default(),
            large: Semaphore::new(http::LARGE_ROOM as usize),
            meter: Meter::default(),
            closing: CancellationToken::new(),
            behind,
        });
        let connections = TaskTracker::new();
        let accepting = listen::accept(listener, tls, Arc::clone(&shared), connections.clone());
        shared.behind.runtime.spawn("gateway", accepting);
        Ok(Self { shared, connections })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The address as a client is told it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shared.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.shared.address)
    }

    /// Takes no more requests, tells those who wait, and completes when all are answered.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}
