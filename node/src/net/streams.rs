//! Long-lived streams of any of some protocols, in and out, as one libp2p behaviour.
//!
//! A stream that a peer opened comes out as an event of the swarm; [`Behaviour::open_on`] opens one over a connection.
//! Nothing is kept for a connection that has closed, and an incoming stream is never dropped for want of a place in a
//! channel: the connection's own event buffer holds it, and slows that one connection down. (The crate
//! `libp2p-stream` does the opposite in both respects: it keeps a sender for every connection there ever was, and
//! drops streams that arrive together.)

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    io,
    task::{Context, Poll},
};

use libp2p::{
    InboundUpgrade, Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, UpgradeInfo, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::oneshot;

/// Streams of one connection that wait to be handed over, in each direction. More than a swarm negotiates at once.
const WAITING: usize = 64;

/// Why no stream was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The peer does not speak the protocol.
    #[error("the peer is no node of a colony")]
    NotANode,
    /// The connection failed meanwhile.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A stream that is being opened. Resolves to an error when the connection is gone.
pub(crate) type Opening = oneshot::Receiver<Result<Stream, OpenError>>;

/// A stream to open, and who waits for it.
#[derive(Debug)]
pub(crate) struct Wanted {
    protocol: StreamProtocol,
    opener: Opener,
}

/// Who waits for a stream.
type Opener = oneshot::Sender<Result<Stream, OpenError>>;

/// A peer has opened a stream.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Who.
    pub(crate) peer: PeerId,
    /// Over which connection.
    pub(crate) connection: ConnectionId,
    /// For what.
    pub(crate) protocol: StreamProtocol,
    /// The stream.
    pub(crate) stream: Stream,
}

/// Opens and accepts streams.
#[derive(Debug)]
pub(crate) struct Behaviour {
    /// What is accepted.
    accepted: Protocols,
    actions: VecDeque<ToSwarm<Opened, Wanted>>,
}

impl Behaviour {
    /// Accepts streams of these protocols.
    pub(crate) fn new(accepted: &[&'static str]) -> Self {
        let accepted = Protocols(accepted.iter().copied().map(StreamProtocol::new).collect());
        Self { accepted, actions: VecDeque::new() }
    }

    /// Opens a stream over a connection.
    pub(crate) fn open_on(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        protocol: &'static str,
    ) -> Opening {
        let (opener, opening) = oneshot::channel();
        let event = Wanted { protocol: StreamProtocol::new(protocol), opener };
        let handler = NotifyHandler::One(connection);
        self.actions.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event });
        opening
    }

    fn handler(&self) -> Handler {
        Handler { protocols: self.accepted.clone(), accepted: VecDeque::new(), wanted: VecDeque::new() }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Opened;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        (stream, protocol): THandlerOutEvent<Self>,
    ) {
        let opened = Opened { peer, connection, protocol, stream };
        self.actions.push_back(ToSwarm::GenerateEvent(opened));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Both who adds an action and who polls run in the swarm's task: nobody has to be woken.
        self.actions.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The part of one connection. Dies with it, and then whoever waits here for a stream learns it.
#[derive(Debug)]
pub(crate) struct Handler {
    protocols: Protocols,
    /// Streams the peer opened.
    accepted: VecDeque<Accepted>,
    /// Streams to open.
    wanted: VecDeque<Wanted>,
}

/// A stream and what it is for.
type Accepted = (Stream, StreamProtocol);

/// Protocols of which the peer chooses one, and nothing more than that.
#[derive(Debug, Clone)]
pub(crate) struct Protocols(Vec<StreamProtocol>);

impl UpgradeInfo for Protocols {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Protocols {
    type Output = Accepted;
    type Error = Infallible;
    type Future = Ready<Result<Accepted, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, chosen: StreamProtocol) -> Self::Future {
        ready(Ok((stream, chosen)))
    }
}

/// One protocol to agree on, and nothing more.
type Protocol = ReadyUpgrade<StreamProtocol>;

impl ConnectionHandler for Handler {
    type FromBehaviour = Wanted;
    type ToBehaviour = Accepted;
    type InboundProtocol = Protocols;
    type OutboundProtocol = Protocol;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opener;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols> {
        SubstreamProtocol::new(self.protocols.clone(), ())
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Protocol, Opener, Self::ToBehaviour>> {
        // The connection's task polls again after each event it brings: nobody has to be woken.
        if let Some(accepted) = self.accepted.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(accepted));
        }
        if let Some(Wanted { protocol, opener }) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(protocol), opener);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, wanted: Wanted) {
        if self.wanted.len() < WAITING {
            self.wanted.push_back(wanted);
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Protocols, Protocol, (), Opener>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: accepted, ..
            }) if self.accepted.len() < WAITING => {
                self.accepted.push_back(accepted);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: opener,
            }) => {
                // Who asked may have given up; then the stream closes again.
                opener.send(Ok(stream)).ok();
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: opener, error }) => {
                let error = match error {
                    StreamUpgradeError::NegotiationFailed => OpenError::NotANode,
                    StreamUpgradeError::Timeout => io::Error::from(io::ErrorKind::TimedOut).into(),
                    StreamUpgradeError::Io(error) => error.into(),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                opener.send(Err(error)).ok();
            }
            _ => {}
        }
    }
}
