//! Connections without a swarm: nobody here keeps the rules of one.

use std::{future::poll_fn, net::SocketAddr, task::Poll, time::Duration};

use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{
        Endpoint,
        muxing::{StreamMuxerBox, StreamMuxerExt as _, SubstreamBox},
        transport::{DialOpts, PortUse},
        upgrade::Version,
    },
    identity::{Keypair, secp256k1},
    multiaddr::Protocol,
    noise, tcp, yamux,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinHandle};

use super::dice::Dice;

/// A node that is busy may take a while to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection after its handshake, with streams that have agreed on nothing yet.
pub(super) struct Connection {
    streams: Vec<SubstreamBox>,
    /// Moves the bytes of the streams.
    task: JoinHandle<()>,
}

impl Connection {
    /// Shakes hands with a fresh key. `None` if the node does not want to.
    pub(super) async fn open(target: &Multiaddr, streams: usize, dice: &mut Dice) -> Option<Self> {
        tokio::time::timeout(HANDSHAKE, Self::shake(target, streams, key(dice))).await.ok()?
    }

    async fn shake(target: &Multiaddr, streams: usize, key: Keypair) -> Option<Self> {
        let mut transport = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
            .upgrade(Version::V1)
            .authenticate(noise::Config::new(&key).unwrap())
            .multiplex(yamux::Config::default())
            .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
            .boxed();
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dialing = transport.dial(without_peer(target), options).ok()?;
        let (_, mut muxer): (PeerId, _) = dialing.await.ok()?;
        let mut open = Vec::new();
        for _ in 0..streams {
            open.push(poll_fn(|context| muxer.poll_outbound_unpin(context)).await.ok()?);
        }
        let task = tokio::spawn(async move {
            poll_fn(|context| {
                // The node's own streams (identify, ping) are dropped: a badboy does not answer.
                while let Poll::Ready(Ok(_)) = muxer.poll_inbound_unpin(context) {}
                muxer.poll_unpin(context).map(drop)
            })
            .await;
        });
        Some(Self { streams: open, task })
    }

    /// A stream that nothing was said on yet.
    pub(super) fn next_stream(&mut self) -> Option<SubstreamBox> {
        self.streams.pop()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // No farewell: the node sees the connection reset.
        self.task.abort();
    }
}

/// Random bytes instead of a handshake. Gives how many frames that counts for.
pub(super) async fn garbage_before_the_handshake(target: &Multiaddr, dice: &mut Dice) -> u64 {
    let Ok(mut stream) = TcpStream::connect(socket(target)).await else { return 0 };
    let mut garbage = dice.some_bytes(4096);
    if dice.below(2) == 0 {
        // The negotiation is right, the noise is noise.
        let mut polite = b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec();
        polite.append(&mut garbage);
        garbage = polite;
    }
    u64::from(stream.write_all(&garbage).await.is_ok())
}

fn key(dice: &mut Dice) -> Keypair {
    loop {
        if let Ok(secret) = secp256k1::SecretKey::try_from_bytes(&mut dice.bytes(32)) {
            return Keypair::from(secp256k1::Keypair::from(secret));
        }
    }
}

fn without_peer(target: &Multiaddr) -> Multiaddr {
    target.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

fn socket(target: &Multiaddr) -> SocketAddr {
    let mut parts = target.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        other => panic!("not an address to attack: {other:?}"),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => SocketAddr::new(ip, port),
        other => panic!("not a TCP port to attack: {other:?}"),
    }
}
