//! Orders to the swarm's task: be connected with a peer over a new connection, open the stream of two nodes on it.
//!
//! The likeliest addresses are dialled first, each next kind after a head start or at once when one failed, and ways
//! through relays last; whoever answers first is kept. A connection that was made for somebody who does not wait any
//! more is closed again. Dialling never reuses the TCP port this node listens at: the connection of a process that used
//! the same port a moment ago would still stand in the way. QUIC, where nothing stands in the way, does: what others
//! then see of this node is where a hole can be punched to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colony_protocol::model::member::Path;
use futures::{StreamExt as _, stream::FuturesUnordered};
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
    reach::{self, Knows},
    scope::{Scope, is_relayed, scope},
    streams::{OpenError, Opening},
    transport::is_quic,
};
use crate::runtime::Runtime;

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 256;
/// How long a kind of addresses is alone before the next one starts: about one round trip on a continent.
const HEAD_START: Duration = Duration::from_millis(200);

/// Why nobody can be dialled.
const NO_ADDRESS: &str = "no address is known";

/// What the swarm is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Connect once more with a peer, and open a stream.
    Dial { peer: PeerId, addresses: Vec<Multiaddr>, answer: Answer },
    /// Open a stream on a connection that is there.
    Open { peer: PeerId, connection: ConnectionId, answer: oneshot::Sender<Opening> },
    /// Close a connection.
    Close(ConnectionId),
}

/// Who waits for a connection.
type Answer = oneshot::Sender<Result<Dialled, String>>;

/// A connection, and the stream that is being opened on it.
#[derive(Debug)]
pub(crate) struct Dialled {
    connection: ConnectionId,
    path: Path,
    opening: Opening,
}

/// A stream between two nodes.
#[derive(Debug)]
pub(crate) struct PeerStream {
    /// Who is at the other end, as its key proved.
    pub(crate) peer: PeerId,
    /// The connection, which carries nothing else of importance.
    pub(crate) connection: ConnectionId,
    /// Which way it goes.
    pub(crate) path: Path,
    /// The stream.
    pub(crate) stream: Stream,
}

/// Takes the streams that other nodes open. Called in the swarm's task: it must not wait, and drops what it does not
/// want.
pub(crate) trait Door: Send + Sync + 'static {
    /// A stream has arrived.
    fn arrive(&self, stream: PeerStream);

    /// There is a connection without a relay with a peer that was reached through one until now.
    fn better(&self, peer: PeerId, connection: ConnectionId, path: Path);

    /// Whether a peer is a member of any colony of this node.
    fn knows(&self, peer: &PeerId) -> bool;
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
    runtime: Runtime,
}

/// A dialer, and where its orders arrive.
pub(crate) fn orders(runtime: Runtime) -> (Dialer, mpsc::Receiver<Order>) {
    let (orders, waiting) = mpsc::channel(ORDERS);
    (Dialer { orders, runtime }, waiting)
}

impl PeerDoor {
    /// Whether a peer is a member of any colony of the door's owner.
    pub(super) fn knows(&self) -> Knows {
        let door = Arc::clone(&self.door);
        Arc::new(move |peer| door.knows(peer))
    }

    /// A door that brings streams to `door` and takes orders from the other end of `orders`.
    pub(crate) fn new(orders: mpsc::Receiver<Order>, door: Arc<dyn Door>) -> Self {
        Self { orders, door }
    }
}

impl Dialer {
    /// Connects with a peer, over a new connection to whichever address answers first, and opens a stream.
    pub(crate) async fn dial(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<PeerStream, String> {
        let mut ahead = waves(addresses).into_iter();
        let mut running = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            if let Some(wave) = ahead.next() {
                running.push(self.attempt(peer, wave));
            } else if running.is_empty() {
                return Err(if failures.is_empty() { NO_ADDRESS.to_owned() } else { failures.join("; ") });
            }
            let has_next = ahead.len() > 0;
            tokio::select! {
                biased;
                Some(attempt) = running.next() => match attempt {
                    Ok(stream) => return Ok(stream),
                    Err(why) => failures.push(why),
                },
                () = self.runtime.sleep(HEAD_START), if has_next => {}
            }
        }
    }

    /// Dials some addresses at once.
    async fn attempt(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<PeerStream, String> {
        let (answer, dialled) = oneshot::channel();
        self.orders.send(Order::Dial { peer, addresses, answer }).await.map_err(|_| gone())?;
        let Dialled { connection, path, opening } = dialled.await.map_err(|_| gone())??;
        let opened = self.opened(peer, connection, path, opening).await;
        if opened.is_err() {
            self.close(connection).await;
        }
        opened
    }

    /// Opens a stream on a connection that is there.
    pub(crate) async fn open(
        &self,
        peer: PeerId,
        connection: ConnectionId,
        path: Path,
    ) -> Result<PeerStream, String> {
        let (answer, opening) = oneshot::channel();
        self.orders.send(Order::Open { peer, connection, answer }).await.map_err(|_| gone())?;
        let opening = opening.await.map_err(|_| gone())?;
        self.opened(peer, connection, path, opening).await
    }

    async fn opened(
        &self,
        peer: PeerId,
        connection: ConnectionId,
        path: Path,
        opening: Opening,
    ) -> Result<PeerStream, String> {
        let lost = || "the connection broke at once".to_owned();
        match opening.await.map_err(|_| lost())? {
            Ok(stream) => Ok(PeerStream { peer, connection, path, stream }),
            Err(OpenError::NotANode) => Err("it does not speak with other nodes".to_owned()),
            Err(OpenError::Io(error)) => Err(error.to_string()),
        }
    }

    /// Closes a connection.
    pub(crate) async fn close(&self, connection: ConnectionId) {
        // Fails only if the swarm is gone, and the connection with it.
        self.orders.send(Order::Close(connection)).await.ok();
    }
}

/// The order is not obeyed any more.
fn gone() -> String {
    "the network is closed".to_owned()
}

/// Addresses in the order in which they are dialled, those of one wave at once.
fn waves(addresses: Vec<Multiaddr>) -> Vec<Vec<Multiaddr>> {
    let mut waves: BTreeMap<u8, Vec<Multiaddr>> = BTreeMap::new();
    for address in addresses {
        waves.entry(wave(&address)).or_default().push(address);
    }
    waves.into_values().collect()
}

/// When an address is dialled. Across the Internet QUIC saves round trips and survives a change of address; nearby TCP
/// is faster on one stream, and says at once that nobody is there.
fn wave(address: &Multiaddr) -> u8 {
    let is_far = scope(address) == Scope::World;
    match is_relayed(address) {
        true => 2,
        false if is_quic(address) == is_far => 0,
        false => 1,
    }
}

/// Connections on their way, and who waits for them. Part of the swarm's task.
#[derive(Debug, Default)]
pub(super) struct Dialling(BTreeMap<ConnectionId, (PeerId, Answer)>);

impl Dialling {
    /// Carries out an order. A peer with whom a hole was punched is connected already, and cannot be dialled.
    pub(super) fn obey(&mut self, order: Order, reach: &reach::Room, swarm: &mut Swarm<Behaviour>) {
        match order {
            Order::Close(connection) => {
                swarm.close_connection(connection);
            }
            Order::Open { peer, connection, answer } => {
                // Who asked may have given up; then the stream closes again.
                answer.send(swarm.behaviour_mut().streams.open_on(peer, connection, PEER_PROTOCOL)).ok();
            }
            Order::Dial { peer, addresses, answer } => {
                if let Some(connection) = reach.punched_with(&peer) {
                    let opening = swarm.behaviour_mut().streams.open_on(peer, connection, PEER_PROTOCOL);
                    answer.send(Ok(Dialled { connection, path: Path::Punched, opening })).ok();
                    return;
                }
                let from_own_port = addresses.iter().all(is_quic);
                let options = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always);
                let options =
                    if from_own_port { options.build() } else { options.allocate_new_port().build() };
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
    pub(super) fn made(&mut self, connection: ConnectionId, path: Path, swarm: &mut Swarm<Behaviour>) {
        let Some((peer, answer)) = self.0.remove(&connection) else { return };
        if answer.is_closed() {
            swarm.close_connection(connection);
            return;
        }
        let opening = swarm.behaviour_mut().streams.open_on(peer, connection, PEER_PROTOCOL);
        if answer.send(Ok(Dialled { connection, path, opening })).is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_addresses_are_dialled_first_and_relays_last() {
        let of = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Multiaddr>>();
        let relay = PeerId::random();
        let through: Multiaddr =
            format!("/ip4/9.9.9.1/udp/1/quic-v1/p2p/{relay}/p2p-circuit").parse().unwrap();
        let far = ["/ip4/9.9.9.9/tcp/1", "/ip4/9.9.9.9/udp/1/quic-v1"];
        let near = ["/ip4/10.0.0.9/udp/1/quic-v1", "/ip4/10.0.0.9/tcp/1", "/ip4/127.0.0.1/tcp/1"];
        let mut all = vec![through.clone()];
        all.extend(of(&far));
        all.extend(of(&near));
        assert_eq!(waves(all), [of(&[far[1], near[1], near[2]]), of(&[far[0], near[0]]), vec![through]]);
        assert!(waves(Vec::new()).is_empty());
    }
}
