//! Orders to the swarm's task: be connected with a peer over a new connection, open the stream of two nodes on it.
//!
//! A connection that was made for somebody who does not wait any more is closed again. Dialling never reuses the port
//! this node listens at: the connection of a process that used the same port a moment ago would still stand in the
//! way.

use std::{collections::BTreeMap, sync::Arc};

use libp2p::{
    Multiaddr, PeerId, Swarm,
    swarm::{
        ConnectionId, DialError, Stream,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{mpsc, oneshot};

use super::{
    behaviour::{Behaviour, PEER_PROTOCOL},
    streams::{OpenError, Opening},
};

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 256;

/// What the swarm is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Connect once more with a peer, and open a stream.
    Dial { peer: PeerId, addresses: Vec<Multiaddr>, answer: Answer },
    /// Close a connection.
    Close(ConnectionId),
}

/// Who waits for a connection.
type Answer = oneshot::Sender<Result<Dialled, String>>;

/// A connection, and the stream that is being opened on it.
#[derive(Debug)]
pub(crate) struct Dialled {
    connection: ConnectionId,
    address: Multiaddr,
    opening: Opening,
}

/// A stream between two nodes.
#[derive(Debug)]
pub(crate) struct PeerStream {
    /// Who is at the other end, as its key proved.
    pub(crate) peer: PeerId,
    /// The connection, which carries nothing else of importance.
    pub(crate) connection: ConnectionId,
    /// Where the other end is.
    pub(crate) address: Multiaddr,
    /// The stream.
    pub(crate) stream: Stream,
}

/// Takes the streams that other nodes open. Called in the swarm's task: it must not wait, and drops what it does not
/// want.
pub(crate) trait Door: Send + Sync + 'static {
    /// A stream has arrived.
    fn arrive(&self, stream: PeerStream);
}

/// What connects the network with whoever talks to other nodes: see [`crate::peers::Peers::new`].
pub struct PeerDoor {
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) door: Arc<dyn Door>,
}

impl std::fmt::Debug for PeerDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerDoor").finish_non_exhaustive()
    }
}

/// Gives orders to the swarm.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    orders: mpsc::Sender<Order>,
}

/// A dialer, and where its orders arrive.
pub(crate) fn orders() -> (Dialer, mpsc::Receiver<Order>) {
    let (orders, waiting) = mpsc::channel(ORDERS);
    (Dialer { orders }, waiting)
}

impl PeerDoor {
    /// A door that brings streams to `door` and takes orders from the other end of `orders`.
    pub(crate) fn new(orders: mpsc::Receiver<Order>, door: Arc<dyn Door>) -> Self {
        Self { orders, door }
    }
}

impl Dialer {
    /// Connects with a peer, over a new connection to whichever address answers first, and opens a stream.
    pub(crate) async fn dial(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<PeerStream, String> {
        let gone = || "the network is closed".to_owned();
        let (answer, dialled) = oneshot::channel();
        self.orders.send(Order::Dial { peer, addresses, answer }).await.map_err(|_| gone())?;
        let Dialled { connection, address, opening } = dialled.await.map_err(|_| gone())??;
        let lost = || "the connection broke at once".to_owned();
        match opening.await.map_err(|_| lost())? {
            Ok(stream) => Ok(PeerStream { peer, connection, address, stream }),
            Err(error) => {
                self.close(connection).await;
                Err(match error {
                    OpenError::NotANode => "it does not speak with other nodes".to_owned(),
                    OpenError::Io(error) => error.to_string(),
                })
            }
        }
    }

    /// Closes a connection.
    pub(crate) async fn close(&self, connection: ConnectionId) {
        // Fails only if the swarm is gone, and the connection with it.
        self.orders.send(Order::Close(connection)).await.ok();
    }
}

/// Connections on their way, and who waits for them. Part of the swarm's task.
#[derive(Debug, Default)]
pub(super) struct Dialling(BTreeMap<ConnectionId, (PeerId, Answer)>);

impl Dialling {
    /// Carries out an order.
    pub(super) fn obey(&mut self, order: Order, swarm: &mut Swarm<Behaviour>) {
        match order {
            Order::Close(connection) => {
                swarm.close_connection(connection);
            }
            Order::Dial { peer, addresses, answer } => {
                let options = DialOpts::peer_id(peer)
                    .addresses(addresses)
                    .condition(PeerCondition::Always)
                    .allocate_new_port()
                    .build();
                let connection = options.connection_id();
                match swarm.dial(options) {
                    Ok(()) => {
                        self.0.insert(connection, (peer, answer));
                    }
                    Err(error) => {
                        answer.send(Err(reason(&error))).ok();
                    }
                }
            }
        }
    }

    /// A connection was made, perhaps one of these.
    pub(super) fn made(
        &mut self,
        connection: ConnectionId,
        address: &Multiaddr,
        swarm: &mut Swarm<Behaviour>,
    ) {
        let Some((peer, answer)) = self.0.remove(&connection) else { return };
        if answer.is_closed() {
            swarm.close_connection(connection);
            return;
        }
        let opening = swarm.behaviour_mut().streams.open_on(peer, connection, PEER_PROTOCOL);
        if answer.send(Ok(Dialled { connection, address: address.clone(), opening })).is_err() {
            swarm.close_connection(connection);
        }
    }

    /// A connection was not made, perhaps one of these.
    pub(super) fn failed(&mut self, connection: ConnectionId, error: &DialError) {
        if let Some((_, answer)) = self.0.remove(&connection) {
            answer.send(Err(reason(error))).ok();
        }
    }
}

/// Why dialling failed, without libp2p's wrapping: "Connection refused (os error 111)".
pub(crate) fn reason(error: &DialError) -> String {
    let mut deepest: &dyn std::error::Error = error;
    if let DialError::Transport(attempts) = error
        && let Some((_, attempt)) = attempts.first()
    {
        deepest = attempt;
    }
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
