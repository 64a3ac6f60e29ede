//! What the rest of the node holds of this room.

use std::sync::Arc;

use colony_protocol::identity::Identity;
use tokio::sync::{mpsc, oneshot};

use super::{club::Member, ear::Ear, room::Order};
use crate::net::{Multiaddr, PeerId};

/// Gives orders to the room.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
}

/// A place among those who hear what is said of a colony; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    /// The room holds the weak end.
    _held: Arc<()>,
}

/// What a node knows of its place in a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Peers known to listen.
    pub listening: usize,
    /// Those of them who pass everything on to us, and we to them.
    pub mesh: usize,
}

impl Handle {
    pub(super) const fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders }
    }

    /// Takes part in a colony's topic and lets `ear` judge what is said there. Of several ears the first judges; the
    /// others hear what it accepts.
    #[must_use = "the seat is given up when dropped"]
    pub async fn join(&self, colony: Identity, ear: Arc<dyn Ear>) -> Seat {
        let held = Arc::new(());
        let member = Member { held: Arc::downgrade(&held), ear };
        // A swarm that is gone says nothing more; its ears wait in silence.
        self.orders.send(Order::Join { colony, member }).await.ok();
        Seat { _held: held }
    }

    /// Says something in a colony's topic. Nobody may be there to hear it.
    pub async fn publish(&self, colony: Identity, message: Vec<u8>) {
        self.orders.send(Order::Publish { colony, message }).await.ok();
    }

    /// Names peers that may take part in a colony's topic: they are connected to while the node has few others there.
    pub async fn introduce(&self, colony: Identity, peers: Vec<(PeerId, Vec<Multiaddr>)>) {
        self.orders.send(Order::Introduce { colony, peers }).await.ok();
    }

    /// How many peers this node has in a colony's topic.
    pub async fn neighbourhood(&self, colony: Identity) -> Neighbourhood {
        let (told, answer) = oneshot::channel();
        self.orders.send(Order::Look { colony, told }).await.ok();
        answer.await.unwrap_or_default()
    }

    /// Whether the swarm is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }
}
