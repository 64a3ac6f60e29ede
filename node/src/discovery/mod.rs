//! Finding colonies, and being found: what a node does with the network's table of peers.
//!
//! A node needs one address of any peer, once ([`Settings::bootstrap`]); from then on it remembers peers on disk
//! ([`book`]). Voters say where their colony is ([`publish`]), with a charter that proves itself
//! (see [`colony_protocol::charter`]), and whoever knows a colony's id finds it ([`Discovery::find`]). The swarm's own
//! part is [`crate::net::discovery`]; the owner's is [`delegate`].
//!
//! What may never happen: a search that hands on what it has not verified as if it had; a node that asks to be asked by
//! others although they cannot reach it; a peer book that keeps a node from starting.

mod book;
mod charters;
mod delegation;
mod file;
mod find;
mod publish;
mod task;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::book::Book;
pub(crate) use self::publish::{Publisher, Publishing};
pub use self::{
    delegation::delegate,
    file::PEERS_FILE,
    find::{FindError, Found},
};
pub use crate::net::discovery::{DhtHealth, DhtMode, LastQuery};
use crate::{
    net::{Multiaddr, Network, discovery::Handle},
    runtime::Runtime,
};

/// Where a node begins to look, and what it remembers.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Peers to begin with. One that answers is enough.
    pub bootstrap: Vec<Multiaddr>,
    /// The file in which peers are remembered; `None` for a node that remembers nothing.
    pub memory: Option<PathBuf>,
    /// Whether all peers are near: addresses of this machine and this site are as good as any then, and every node
    /// answers questions.
    pub lab: bool,
    /// Whether this is a guest, of whom there may be a thousand for each node: it calls nobody while it looks for nothing,
    /// and is asked by others only once somebody has found that they reach it. (A node that listens at an address for the
    /// world is taken to be reached there until somebody finds otherwise.)
    pub guest: bool,
}

/// A node's search for colonies. Cheap to clone.
#[derive(Clone)]
pub struct Discovery {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    network: Network,
    book: Mutex<Book>,
    /// Set when the book has been read.
    is_ready: CancellationToken,
    /// Searches under way.
    searches: AtomicUsize,
    /// Rung when one begins.
    search: Notify,
    stop: CancellationToken,
    stopped: CancellationToken,
    runtime: Runtime,
}

impl Discovery {
    /// Begins to know peers: those it is told of, and those it remembers.
    #[must_use]
    pub fn start(network: &Network, settings: Settings, runtime: &Runtime) -> Self {
        let inner = Arc::new(Inner {
            settings,
            network: network.clone(),
            book: Mutex::default(),
            is_ready: CancellationToken::new(),
            searches: AtomicUsize::new(0),
            search: Notify::new(),
            stop: CancellationToken::new(),
            stopped: CancellationToken::new(),
            runtime: runtime.clone(),
        });
        let stopped = inner.stopped.clone().drop_guard();
        let task = task::run(Arc::clone(&inner));
        runtime.spawn("discovery", async move {
            task.await;
            drop(stopped);
        });
        Self { inner }
    }

    /// How well this node finds others.
    pub async fn health(&self) -> DhtHealth {
        self.handle().health().await
    }

    /// How many peers it would ask at its next start.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.inner.book().len()
    }

    /// Writes down whom this node knows, and looks no more.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.stopped.cancelled().await;
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.inner.network.discovery()
    }
}

impl Inner {
    /// Whether it calls others.
    fn is_awake(&self) -> bool {
        !self.settings.guest || self.searches.load(Ordering::Relaxed) > 0
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing that can panic runs under this lock.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
