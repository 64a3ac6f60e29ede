//! Sees to it that there is a stream with one node while anybody wants to reach it.
//!
//! Dials all addresses that are known, again and again, ever less often; begins anew as soon as the stream is lost. The
//! other node does the same, and either's success ends the efforts of both.

use std::{future::pending, sync::Arc};

use colony_protocol::identity::Identity;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::watch;

use super::{hello, hub::Hub, session::Session};

/// The task of one node.
pub(super) struct Connector {
    hub: Arc<Hub>,
    node: Identity,
    peer: PeerId,
    sessions: watch::Receiver<Option<Arc<Session>>>,
    addresses: watch::Receiver<Option<Vec<Multiaddr>>>,
}

/// What a connector has to do.
enum Duty {
    /// Nobody wants to reach the node.
    None,
    /// There is a stream, or no known address.
    Wait,
    /// Dial.
    Dial(Vec<Multiaddr>),
}

impl Connector {
    pub(super) fn new(
        hub: Arc<Hub>,
        node: Identity,
        peer: PeerId,
        sessions: watch::Receiver<Option<Arc<Session>>>,
        addresses: watch::Receiver<Option<Vec<Multiaddr>>>,
    ) -> Self {
        Self { hub, node, peer, sessions, addresses }
    }

    pub(super) async fn run(mut self) {
        let closing = self.hub.closing.clone();
        let mut failures = 0;
        loop {
            match self.duty() {
                Duty::None => {
                    if self.hub.leave(&self.node) {
                        return;
                    }
                }
                Duty::Wait => {
                    failures = 0;
                    tokio::select! {
                        biased;
                        () = closing.cancelled() => (),
                        () = self.changed() => (),
                    }
                }
                Duty::Dial(addresses) => {
                    match self.attempt(addresses).await {
                        Ok(()) => failures = 0,
                        Err(why) => {
                            tracing::debug!(node = %self.node.to_hex(), %why, "a node was not reached");
                            let wait = self.hub.patience.back_off(failures, &self.hub.runtime);
                            failures = failures.saturating_add(1);
                            let runtime = self.hub.runtime.clone();
                            // Whatever is new is a reason to look again.
                            runtime.timeout(wait, self.changed()).await;
                        }
                    }
                }
            }
        }
    }

    fn duty(&mut self) -> Duty {
        let is_served = self.sessions.borrow_and_update().as_ref().is_some_and(|session| session.is_alive());
        let addresses = self.addresses.borrow_and_update().clone();
        match addresses {
            _ if self.hub.closing.is_cancelled() => Duty::None,
            None => Duty::None,
            Some(addresses) if is_served || addresses.is_empty() => Duty::Wait,
            Some(addresses) => Duty::Dial(addresses),
        }
    }

    /// Completes when the stream or the addresses have changed.
    async fn changed(&mut self) {
        let Self { sessions, addresses, .. } = self;
        // Senders live as long as the node is wanted; without them nothing changes any more.
        let sessions = async {
            if sessions.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        let addresses = async {
            if addresses.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = sessions => (),
            () = addresses => (),
        }
    }

    /// Dials once and says hello.
    async fn attempt(&mut self, addresses: Vec<Multiaddr>) -> Result<(), String> {
        let hub = Arc::clone(&self.hub);
        let mut sessions = self.sessions.clone();
        let served = sessions.wait_for(|session| session.as_ref().is_some_and(|session| session.is_alive()));
        let attempt = async {
            let stream = hub.dialer.dial(self.peer, addresses).await?;
            hello::say(&hub, self.node, stream).await
        };
        tokio::select! {
            biased;
            // Theirs was faster.
            _ = served => Ok(()),
            done = hub.runtime.timeout(hub.patience.attempt, attempt) => {
                done.unwrap_or_else(|| Err("no answer in time".to_owned()))
            }
        }
    }
}
