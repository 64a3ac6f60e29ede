//! What the rest of the node holds of this room.

use colony_protocol::{charter::SignedCharter, identity::Identity};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot, watch};

use super::orders::{DhtHealth, Finding, Order};

/// Findings of one search that may wait for whoever searches; more are dropped.
const FINDINGS: usize = 64;

/// Gives orders to the room. When the swarm is gone they are lost, and answers are empty.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    seen: watch::Receiver<DhtHealth>,
}

impl Handle {
    pub(super) const fn new(orders: mpsc::Sender<Order>, seen: watch::Receiver<DhtHealth>) -> Self {
        Self { orders, seen }
    }

    /// Whether the swarm is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }

    /// Connects with peers at these addresses, unless connected already. Who speaks our protocol enters the table.
    pub async fn meet(&self, addresses: Vec<Multiaddr>) {
        self.order(Order::Meet(addresses)).await;
    }

    /// Says whether others may ask this node: only one that they can reach.
    pub async fn serve(&self, serves: bool) {
        self.order(Order::Serve(serves)).await;
    }

    /// Tells the network, now and again, that this node serves a colony.
    pub async fn provide(&self, colony: Identity) {
        self.order(Order::Provide(colony)).await;
    }

    /// Tells it no more. What was told is forgotten after some hours.
    pub async fn withdraw(&self, colony: Identity) {
        self.order(Order::Withdraw(colony)).await;
    }

    /// Gives a charter to those whose place it is to keep it; says how many took it.
    pub async fn publish(&self, colony: Identity, charter: &SignedCharter) -> usize {
        let Ok(charter) = charter.to_bytes() else { return 0 };
        let (stored, answer) = oneshot::channel();
        self.order(Order::Publish { colony, charter, stored }).await;
        answer.await.unwrap_or_default()
    }

    /// Searches for a colony. Findings come as they are made; the search is over when there are no more.
    pub async fn find(&self, colony: Identity) -> mpsc::Receiver<Finding> {
        let (findings, found) = mpsc::channel(FINDINGS);
        self.order(Order::Find { colony, findings }).await;
        found
    }

    /// Asks those who are known who else there is.
    pub async fn refresh(&self) {
        self.order(Order::Refresh).await;
    }

    /// Who is in the table, and where.
    pub async fn table(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let (answer, table) = oneshot::channel();
        self.order(Order::Table(answer)).await;
        table.await.unwrap_or_default()
    }

    /// How well all this works.
    pub async fn health(&self) -> DhtHealth {
        let (answer, health) = oneshot::channel();
        self.order(Order::Health(answer)).await;
        health.await.unwrap_or_default()
    }

    /// The same as it was when the table was last looked at, some seconds ago at most.
    #[must_use]
    pub fn last_health(&self) -> DhtHealth {
        self.seen.borrow().clone()
    }

    async fn order(&self, order: Order) {
        // Fails only if the swarm is gone; then so is everything that it could do.
        self.orders.send(order).await.ok();
    }
}
