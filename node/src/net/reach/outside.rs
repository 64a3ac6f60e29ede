//! Candidates for how this node looks from outside, beside those that identify finds.
//!
//! Identify believes that a translator keeps the port: it puts the port this node listens at behind the address others
//! see. Most translators choose another port. What others see of a connection that leaves from the listening port is the
//! very address a hole can be punched to, so it is put forward as it is.

use std::{
    collections::VecDeque,
    convert::Infallible,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

/// Candidates that wait to be told; more than peers can name between two looks of the swarm.
const WAITING: usize = 64;

/// Puts candidates forward.
#[derive(Debug, Default)]
pub(in crate::net) struct Outside {
    waiting: VecDeque<Multiaddr>,
}

impl Outside {
    /// Others see this node at this address.
    pub(super) fn seen(&mut self, address: Multiaddr) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(address);
        }
    }
}

impl NetworkBehaviour for Outside {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        // Both who adds a candidate and who polls run in the swarm's task: nobody has to be woken.
        let candidate = self.waiting.pop_front();
        candidate.map_or(Poll::Pending, |address| Poll::Ready(ToSwarm::NewExternalAddrCandidate(address)))
    }
}
