//! A peer with a key of its own that speaks libp2p well and everything above it badly.
//!
//! When the node closes the connection, the attacker comes back under another key.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use colony_protocol::rpc::{RPC_PROTOCOL, STREAM_PROTOCOL};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, SwarmBuilder, multiaddr::Protocol, noise, swarm::SwarmEvent, tcp,
    yamux,
};
use libp2p_stream::{Behaviour, Control};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

use crate::frames::{Frames, Malformed};

/// Streams at once.
const AT_ONCE: usize = 16;
/// How long an attacker waits for the node to take or answer anything.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);

static OVER: AtomicBool = AtomicBool::new(false);

/// Whether the attack is over.
pub(crate) fn is_over() -> bool {
    OVER.load(Ordering::Relaxed)
}

/// A connected attacker.
pub(crate) struct Attacker {
    address: Multiaddr,
    connection: Connection,
    connections: u64,
    at_once: Arc<Semaphore>,
}

struct Connection {
    peer: PeerId,
    control: Control,
    swarm: JoinHandle<()>,
}

impl Attacker {
    pub(crate) async fn new(listen: &[String]) -> Self {
        let address = tcp_multiaddr(listen);
        let connection = connect(&address).await;
        Self { address, connection, connections: 1, at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(crate) const fn connections(&self) -> u64 {
        self.connections
    }

    pub(crate) fn done(&self) {
        self.connection.swarm.abort();
        OVER.store(true, Ordering::Relaxed);
    }

    /// Throws so many frames, each on a stream of its own.
    pub(crate) async fn throw(&mut self, frames: &mut Frames, count: u64) {
        for _ in 0..count {
            let turn = Arc::clone(&self.at_once).acquire_owned().await.unwrap();
            if self.connection.swarm.is_finished() {
                self.connection = connect(&self.address).await;
                self.connections += 1;
            }
            let frame = frames.next();
            let (peer, control) = (self.connection.peer, self.connection.control.clone());
            tokio::spawn(async move {
                throw_one(control, peer, frame).await;
                drop(turn);
            });
        }
        drop(self.at_once.acquire_many(u32::try_from(AT_ONCE).unwrap()).await);
    }
}

/// Errors are the point: the node may refuse, cut off or ignore what it is thrown.
async fn throw_one(mut control: Control, peer: PeerId, frame: Malformed) {
    let protocol = if frame.numbered { STREAM_PROTOCOL } else { RPC_PROTOCOL };
    let Ok(Ok(mut stream)) =
        timeout(PATIENCE, control.open_stream(peer, StreamProtocol::new(protocol))).await
    else {
        return;
    };
    let exchange = async {
        stream.write_all(&frame.bytes).await?;
        stream.flush().await?;
        if frame.closes {
            stream.close().await?;
        }
        stream.read(&mut [0; 512]).await
    };
    drop(timeout(PATIENCE, exchange).await);
}

/// Dials under a fresh key and keeps the connection going on a task, which ends with the connection.
async fn connect(address: &Multiaddr) -> Connection {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour::new())
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.dial(address.clone()).unwrap();
    let control = swarm.behaviour().new_control();
    let peer = timeout(CONNECT, async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => return peer_id,
                // Turned away for now; an attacker comes back.
                SwarmEvent::OutgoingConnectionError { .. } => {
                    tokio::time::sleep(PATIENCE).await;
                    swarm.dial(address.clone()).unwrap();
                }
                _ => {}
            }
        }
    });
    let peer = peer.await.expect("the node takes no connection any more");
    let swarm = tokio::spawn(async move {
        while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {}
    });
    Connection { peer, control, swarm }
}

fn tcp_multiaddr(listen: &[String]) -> Multiaddr {
    let mut addresses = listen.iter().map(|address| address.parse::<Multiaddr>().unwrap());
    let address =
        addresses.find(|address| address.iter().any(|part| matches!(part, Protocol::Tcp(_)))).unwrap();
    // Without the peer's name, so that a dial never fails for the wrong reason.
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The node's TCP address.
pub(crate) fn tcp_address(listen: &[String]) -> SocketAddr {
    let (mut ip, mut port) = (None, None);
    for part in &tcp_multiaddr(listen) {
        match part {
            Protocol::Ip4(found) => ip = Some(found),
            Protocol::Tcp(found) => port = Some(found),
            _ => {}
        }
    }
    SocketAddr::from((ip.unwrap(), port.unwrap()))
}
