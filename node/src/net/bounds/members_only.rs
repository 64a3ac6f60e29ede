//! A protocol that strangers are not offered and whose messages they are not sent.
//!
//! To the protocol inside, a stranger is not connected: its connections get no handler for it. That is decided by the peer's
//! standing, which is the same for all its connections ([`super::standing`]).

use std::{
    collections::BTreeSet,
    convert::Infallible,
    ops::{Deref, DerefMut},
    sync::Arc,
    task::{Context, Poll, ready},
};

use either::Either;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
        handler::ConnectionEvent,
    },
};

use super::Standings;

/// A protocol for members.
#[derive(Debug)]
pub(crate) struct MembersOnly<B> {
    inner: B,
    standings: Arc<Standings>,
    /// Connections that the protocol does not know.
    hidden: BTreeSet<ConnectionId>,
}

impl<B> MembersOnly<B> {
    /// Offers `inner` to members.
    pub(crate) const fn new(inner: B, standings: Arc<Standings>) -> Self {
        Self { inner, standings, hidden: BTreeSet::new() }
    }

    /// Whether the protocol must not know of a connection of this peer.
    fn hides(&mut self, connection: ConnectionId, peer: &PeerId) -> bool {
        let hidden = !self.standings.is_member(peer);
        if hidden {
            self.hidden.insert(connection);
        }
        hidden
    }
}

impl<B> Deref for MembersOnly<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for MembersOnly<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for MembersOnly<B> {
    type ConnectionHandler = Handler<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.hides(connection, &peer) {
            return Ok(Handler::none());
        }
        self.inner.handle_established_inbound_connection(connection, peer, local, remote).map(Handler::some)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.hides(connection, &peer) {
            return Ok(Handler::none());
        }
        let inner = self.inner.handle_established_outbound_connection(connection, peer, address, role, port);
        inner.map(Handler::some)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let hidden = match &event {
            FromSwarm::ConnectionEstablished(begun) => self.hidden.contains(&begun.connection_id),
            FromSwarm::AddressChange(change) => self.hidden.contains(&change.connection_id),
            FromSwarm::ConnectionClosed(closed) => self.hidden.remove(&closed.connection_id),
            // Those that failed were never shown to the protocol, but it may have dialled them.
            FromSwarm::DialFailure(failed) => {
                self.hidden.remove(&failed.connection_id);
                false
            }
            FromSwarm::ListenFailure(failed) => {
                self.hidden.remove(&failed.connection_id);
                false
            }
            _ => false,
        };
        if !hidden {
            self.inner.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(context)
    }
}

/// The part of one connection: the protocol's own, or none.
pub(crate) struct Handler<H>(Either<H, dummy::ConnectionHandler>);

impl<H> Handler<H> {
    const fn some(handler: H) -> Self {
        Self(Either::Left(handler))
    }

    const fn none() -> Self {
        Self(Either::Right(dummy::ConnectionHandler))
    }
}

/// A handler of either kind, as libp2p has it.
type Inner<H> = Either<H, dummy::ConnectionHandler>;

impl<H: ConnectionHandler> ConnectionHandler for Handler<H> {
    type FromBehaviour = H::FromBehaviour;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = <Inner<H> as ConnectionHandler>::InboundProtocol;
    type OutboundProtocol = <Inner<H> as ConnectionHandler>::OutboundProtocol;
    type InboundOpenInfo = <Inner<H> as ConnectionHandler>::InboundOpenInfo;
    type OutboundOpenInfo = <Inner<H> as ConnectionHandler>::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        self.0.listen_protocol()
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        // What was meant for an earlier connection of a peer that is no member any more is lost with it.
        if let Either::Left(handler) = &mut self.0 {
            handler.on_behaviour_event(event);
        }
    }

    fn connection_keep_alive(&self) -> bool {
        self.0.connection_keep_alive()
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        Poll::Ready(ready!(self.0.poll(context)).map_custom(own))
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        Poll::Ready(ready!(self.0.poll_close(context)).map(own))
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        self.0.on_connection_event(event);
    }
}

/// Only the protocol's own handler ever says anything.
fn own<T>(said: Either<T, Infallible>) -> T {
    match said {
        Either::Left(said) => said,
        Either::Right(never) => match never {},
    }
}
