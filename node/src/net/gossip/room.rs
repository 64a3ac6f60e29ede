//! Orders and events of gossip, in the swarm's task.

use libp2p::{Swarm, gossipsub};
use tokio::sync::mpsc;

use super::Handle;
use crate::net::behaviour::Behaviour;

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 64;

/// What the room is asked to do.
#[derive(Debug)]
pub(in crate::net) enum Order {}

/// The part of the swarm's task that looks after gossip.
#[derive(Debug)]
pub(in crate::net) struct Room {
    orders: mpsc::Receiver<Order>,
}

impl Room {
    pub(in crate::net) fn new() -> (Self, Handle) {
        let (orders, waiting) = mpsc::channel(ORDERS);
        (Self { orders: waiting }, Handle::new(orders))
    }

    /// The next order; `None` if there will be none any more.
    pub(in crate::net) async fn next(&mut self) -> Option<Order> {
        self.orders.recv().await
    }

    /// Carries out an order.
    pub(in crate::net) fn obey(&mut self, order: Order, _swarm: &mut Swarm<Behaviour>) {
        match order {}
    }

    /// Takes an event of its own protocols.
    pub(in crate::net) fn event(&mut self, event: gossipsub::Event, _swarm: &mut Swarm<Behaviour>) {
        tracing::trace!(?event, "gossip");
    }
}
