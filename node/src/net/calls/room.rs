//! Orders and connections of calls, in the swarm's task.

use std::collections::BTreeMap;

use colony_protocol::rpc::STREAM_PROTOCOL;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    swarm::{ConnectionId, SwarmEvent, dial_opts::DialOpts},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{OpensStreams, order::is_relayed};
use crate::{
    net::{dial::reason, streams::Opening, trials::Trials},
    runtime::Runtime,
};

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 64;

/// What the room is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Say whether there is a connection with a peer.
    Look(PeerId, oneshot::Sender<bool>),
    /// Make a connection by an address; whose it is, the handshake tells.
    Dial(Multiaddr, oneshot::Sender<Result<PeerId, String>>),
    /// Open a stream over the best connection with a peer; `None` if there is no connection.
    Open(PeerId, oneshot::Sender<Option<Opened>>),
    /// Close a connection that does not work.
    Close(ConnectionId),
    /// Find out whether a connection works, and close it if it does not.
    Try(PeerId, ConnectionId),
}

/// A stream that is being opened, and over which connection.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) connection: ConnectionId,
    pub(super) opening: Opening,
    /// Cancelled when there is a better connection.
    pub(super) superseded: CancellationToken,
}

/// Gives orders to the room.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) orders: mpsc::Sender<Order>,
}

/// The part of the swarm's task that looks after calls.
#[derive(Debug)]
pub(crate) struct Room {
    orders: mpsc::Receiver<Order>,
    /// Connections ordered and not made yet.
    dials: BTreeMap<ConnectionId, oneshot::Sender<Result<PeerId, String>>>,
    /// Peers that are connected. As many as the swarm allows.
    peers: BTreeMap<PeerId, Peer>,
    /// Connections of which it is not known whether they work.
    trials: Trials,
}

/// A peer that is connected.
#[derive(Debug, Default)]
struct Peer {
    connections: BTreeMap<ConnectionId, Way>,
    /// For those who use a relayed connection: cancelled when there is a direct one.
    direct: CancellationToken,
}

/// How a connection leads to its peer. The better is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Relayed,
    Direct,
}

impl Handle {
    /// Has a connection tried. Nothing is lost if there is no room for the order now: who doubts it asks again.
    pub(crate) fn doubt(&self, peer: PeerId, connection: ConnectionId) {
        self.orders.try_send(Order::Try(peer, connection)).ok();
    }
}

impl Room {
    /// A room, and who gives it orders.
    pub(crate) fn new(runtime: &Runtime) -> (Self, Handle) {
        let (orders, waiting) = mpsc::channel(ORDERS);
        let trials = Trials::new(runtime.clone());
        let room = Self { orders: waiting, dials: BTreeMap::new(), peers: BTreeMap::new(), trials };
        (room, Handle { orders })
    }

    /// The next order; `None` if there will be none any more.
    pub(crate) async fn next(&mut self) -> Option<Order> {
        tokio::select! {
            biased;
            dead = self.trials.dead() => Some(Order::Close(dead)),
            order = self.orders.recv() => order,
        }
    }

    /// Carries out an order. Who gave it may have gone away; then nobody minds.
    pub(crate) fn obey<B: OpensStreams>(&mut self, order: Order, swarm: &mut Swarm<B>) {
        match order {
            Order::Look(peer, answer) => drop(answer.send(self.peers.contains_key(&peer))),
            Order::Dial(address, answer) => self.dial(address, answer, swarm),
            Order::Open(peer, answer) => {
                let streams = swarm.behaviour_mut().streams();
                let best = self.peers.get(&peer).and_then(Peer::best);
                let opened = best.map(|(connection, superseded)| Opened {
                    connection,
                    opening: streams.open_on(peer, connection, STREAM_PROTOCOL),
                    superseded,
                });
                answer.send(opened).ok();
            }
            Order::Close(connection) => {
                swarm.close_connection(connection);
            }
            Order::Try(peer, connection) => {
                let is_there = |peer: &Peer| peer.connections.contains_key(&connection);
                if self.peers.get(&peer).is_some_and(is_there) {
                    self.trials.begin(peer, connection, swarm.behaviour_mut().streams());
                }
            }
        }
    }

    fn dial<B: OpensStreams>(
        &mut self,
        address: Multiaddr,
        answer: oneshot::Sender<Result<PeerId, String>>,
        swarm: &mut Swarm<B>,
    ) {
        // By address only: the key is learned from the handshake, or checked if the address names it.
        let options = DialOpts::unknown_peer_id().address(address).build();
        let connection = options.connection_id();
        match swarm.dial(options) {
            Ok(()) => drop(self.dials.insert(connection, answer)),
            Err(error) => drop(answer.send(Err(reason(&error)))),
        }
    }

    /// Looks at what happened to connections.
    pub(crate) fn notice<B: OpensStreams>(&mut self, event: &SwarmEvent<B::ToSwarm>, swarm: &mut Swarm<B>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let way = if is_relayed(endpoint.get_remote_address()) { Way::Relayed } else { Way::Direct };
                let waiting = self.dials.remove(connection_id);
                if waiting.is_some_and(|answer| answer.send(Ok(*peer_id)).is_err()) {
                    // Another address was faster.
                    swarm.close_connection(*connection_id);
                    return;
                }
                self.peers.entry(*peer_id).or_default().connected(*connection_id, way);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                if let Some(peer) = self.peers.get_mut(peer_id) {
                    peer.connections.remove(connection_id);
                    if peer.connections.is_empty() {
                        self.peers.remove(peer_id);
                    }
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(answer) = self.dials.remove(connection_id) {
                    answer.send(Err(reason(error))).ok();
                }
            }
            _ => {}
        }
    }
}

impl Peer {
    /// There is one more connection.
    fn connected(&mut self, connection: ConnectionId, way: Way) {
        self.connections.insert(connection, way);
        if way == Way::Direct {
            self.direct.cancel();
        }
    }

    /// The connection to use: a direct one, and of those the newest, because an older one may have died unnoticed. With
    /// it what tells that there is a better one.
    fn best(&self) -> Option<(ConnectionId, CancellationToken)> {
        let all = self.connections.iter();
        let (connection, way) = all.max_by_key(|(connection, way)| (**way, **connection))?;
        let superseded = match way {
            Way::Direct => CancellationToken::new(),
            Way::Relayed => self.direct.clone(),
        };
        Some((*connection, superseded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(peer: &Peer) -> Option<ConnectionId> {
        peer.best().map(|(connection, _)| connection)
    }

    #[test]
    fn a_direct_connection_is_better_than_a_relayed_one_and_a_new_one_than_an_old_one() {
        let mut peer = Peer::default();
        let id = ConnectionId::new_unchecked;
        assert_eq!(best(&peer), None);
        let steps = [(1, Way::Relayed, 1), (2, Way::Direct, 2), (4, Way::Direct, 4), (5, Way::Relayed, 4)];
        for (number, way, expected) in steps {
            peer.connected(id(number), way);
            assert_eq!(best(&peer), Some(id(expected)));
        }
    }

    #[test]
    fn who_uses_a_relay_learns_of_a_direct_connection() {
        let mut peer = Peer::default();
        let id = ConnectionId::new_unchecked;
        peer.connected(id(1), Way::Relayed);
        let (_, superseded) = peer.best().unwrap();
        peer.connected(id(2), Way::Relayed);
        assert!(!superseded.is_cancelled());
        peer.connected(id(3), Way::Direct);
        assert!(superseded.is_cancelled());
        let (_, superseded) = peer.best().unwrap();
        assert!(!superseded.is_cancelled());
    }
}
