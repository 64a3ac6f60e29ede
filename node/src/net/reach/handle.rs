//! What the rest of the node holds of this room.

use std::sync::Arc;

use libp2p::PeerId;
use tokio::sync::{mpsc, watch};

use super::{
    connections::{Connections, Way},
    room::Order,
    sight::{Reach, Sight},
};

/// Gives orders to the room, and shows what it knows.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    sight: watch::Receiver<Sight>,
    reach: watch::Receiver<Reach>,
    connections: Arc<Connections>,
}

impl Handle {
    pub(super) const fn new(
        orders: mpsc::Sender<Order>,
        sight: watch::Receiver<Sight>,
        reach: watch::Receiver<Reach>,
        connections: Arc<Connections>,
    ) -> Self {
        Self { orders, sight, reach, connections }
    }

    /// How this node is reached, now and whenever that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Reach> {
        self.reach.clone()
    }

    /// Everything that is known about it.
    #[must_use]
    pub fn sight(&self) -> watch::Receiver<Sight> {
        self.sight.clone()
    }

    /// How a peer is reached now; `None` if it is not connected.
    #[must_use]
    pub fn way(&self, peer: &PeerId) -> Option<Way> {
        self.connections.way(peer)
    }

    /// Gives an order. Says whether the network is still there.
    pub async fn order(&self, order: Order) -> bool {
        self.orders.send(order).await.is_ok()
    }

    /// Whether the swarm is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }
}
