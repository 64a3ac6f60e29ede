//! Finding out whether connections are alive.
//!
//! A connection whose other end is gone without a word looks like one over which nobody has anything to say. To tell, a
//! stream is asked for that no peer knows: the answer, that it does not, costs it nothing and comes from its network, not
//! from whoever may be busy behind it. No answer means that the connection is dead.

use std::{collections::BTreeSet, future::pending, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{PeerId, swarm::ConnectionId};

use super::streams;
use crate::runtime::Runtime;

/// How long an answer may take: some round trips around the world, and one packet that was lost.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is asked for. Nobody speaks it.
const NOTHING: &str = "/colony/nothing/1";

/// Connections that are being tried.
#[derive(Debug)]
pub(crate) struct Trials {
    /// Each gives the connection if it is dead. No more than there are connections, as each is tried once at a time.
    running: FuturesUnordered<BoxFuture<'static, Outcome>>,
    tried: BTreeSet<ConnectionId>,
    runtime: Runtime,
}

/// What came of a trial.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    connection: ConnectionId,
    is_dead: bool,
}

impl Trials {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { running: FuturesUnordered::new(), tried: BTreeSet::new(), runtime }
    }

    /// Tries a connection, unless that is being done.
    pub(crate) fn begin(&mut self, peer: PeerId, connection: ConnectionId, streams: &mut streams::Behaviour) {
        if !self.tried.insert(connection) {
            return;
        }
        let opening = streams.open_on(peer, connection, NOTHING);
        let answered = self.runtime.clone();
        let trial = async move {
            // Whatever the answer is, somebody gave it; a connection that ended meanwhile needs no closing.
            let is_dead = answered.timeout(PATIENCE, opening).await.is_none();
            Outcome { connection, is_dead }
        };
        self.running.push(trial.boxed());
    }

    /// The next connection that turns out to be dead. May be dropped and asked again.
    pub(crate) async fn dead(&mut self) -> ConnectionId {
        while let Some(Outcome { connection, is_dead }) = self.running.next().await {
            self.tried.remove(&connection);
            if is_dead {
                return connection;
            }
        }
        pending().await
    }
}
