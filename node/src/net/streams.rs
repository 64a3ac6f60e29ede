//! Long-lived streams of [`STREAM_PROTOCOL`], in and out, as one libp2p behaviour.
//!
//! A stream that a peer opened comes out as an event of the swarm; [`Behaviour::open`] opens one to a connected peer.
//! Nothing is kept for a connection that has closed, and an incoming stream is never dropped for want of a place in a
//! channel: the connection's own event buffer holds it, and slows that one connection down. (The crate
//! `libp2p-stream` does the opposite in both respects: it keeps a sender for every connection there ever was, and
//! drops streams that arrive together.)

use std::{
    collections::VecDeque,
    io,
    task::{Context, Poll},
};

use colony_protocol::rpc::STREAM_PROTOCOL;
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
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

/// Who waits for a stream.
type Opener = oneshot::Sender<Result<Stream, OpenError>>;

/// A peer has opened a stream.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Who.
    pub(crate) peer: PeerId,
    /// The stream.
    pub(crate) stream: Stream,
}

/// Opens and accepts streams.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    actions: VecDeque<ToSwarm<Opened, Opener>>,
}

impl Behaviour {
    /// Opens a stream to a connected peer.
    pub(crate) fn open(&mut self, peer_id: PeerId) -> Opening {
        let (opener, opening) = oneshot::channel();
        self.actions.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::Any,
            event: opener,
        });
        opening
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
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, stream: THandlerOutEvent<Self>) {
        self.actions.push_back(ToSwarm::GenerateEvent(Opened { peer, stream }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // Both who adds an action and who polls run in the swarm's task: nobody has to be woken.
        self.actions.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The part of one connection. Dies with it, and then whoever waits here for a stream learns it.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    /// Streams the peer opened.
    accepted: VecDeque<Stream>,
    /// Streams to open.
    wanted: VecDeque<Opener>,
}

/// A protocol to agree on, and nothing more.
type Protocol = ReadyUpgrade<StreamProtocol>;

fn protocol() -> Protocol {
    ReadyUpgrade::new(StreamProtocol::new(STREAM_PROTOCOL))
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opener;
    type ToBehaviour = Stream;
    type InboundProtocol = Protocol;
    type OutboundProtocol = Protocol;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opener;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocol> {
        SubstreamProtocol::new(protocol(), ())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Protocol, Opener, Stream>> {
        // The connection's task polls again after each event it brings: nobody has to be woken.
        if let Some(stream) = self.accepted.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        if let Some(opener) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(protocol(), opener);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, opener: Opener) {
        if self.wanted.len() < WAITING {
            self.wanted.push_back(opener);
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Protocol, Protocol, (), Opener>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. })
                if self.accepted.len() < WAITING =>
            {
                self.accepted.push_back(stream);
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
