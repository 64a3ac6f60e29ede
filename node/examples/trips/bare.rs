//! libp2p's request-response and nothing else.

use std::{io, iter, time::Duration};

use colony_node::net::{Multiaddr, PeerId};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, noise,
    request_response::{self, Event, Message, OutboundRequestId, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use tokio::sync::{mpsc, oneshot};

use crate::{BYTES, rate};

/// Frames with four bytes of length.
#[derive(Debug, Clone, Default)]
struct Frames;

type Behaviour = request_response::Behaviour<Frames>;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(bytes);
    io.write_all(&frame).await?;
    io.flush().await
}

impl request_response::Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }
}

fn swarm() -> Swarm<Behaviour> {
    let protocols = iter::once((StreamProtocol::new("/bare/1"), ProtocolSupport::Full));
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|_| Behaviour::with_codec(Frames, protocols, request_response::Config::default()))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Answers; says first where.
async fn serve(listen: Multiaddr, there: oneshot::Sender<(PeerId, Multiaddr)>) {
    let mut swarm = swarm();
    swarm.listen_on(listen).unwrap();
    let mut there = Some(there);
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(there) = there.take() {
                    there.send((*swarm.local_peer_id(), address)).unwrap();
                }
            }
            SwarmEvent::Behaviour(Event::Message {
                message: Message::Request { request, channel, .. },
                ..
            }) => drop(swarm.behaviour_mut().send_response(channel, request)),
            _ => {}
        }
    }
}

/// Asks whatever it is given.
async fn ask(peer: PeerId, address: Multiaddr, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut swarm = swarm();
    swarm.add_peer_address(peer, address);
    let mut waiting: std::collections::HashMap<OutboundRequestId, oneshot::Sender<()>> =
        std::collections::HashMap::new();
    loop {
        tokio::select! {
            biased;
            answer = asked.recv() => {
                let Some(answer) = answer else { return };
                let id = swarm.behaviour_mut().send_request(&peer, vec![1; BYTES]);
                waiting.insert(id, answer);
            }
            event = swarm.select_next_some() => match event {
                SwarmEvent::Behaviour(Event::Message {
                    message: Message::Response { request_id, response },
                    ..
                }) => {
                    assert_eq!(response.len(), BYTES);
                    waiting.remove(&request_id).unwrap().send(()).unwrap();
                }
                SwarmEvent::Behaviour(Event::OutboundFailure { error, .. }) => panic!("{error}"),
                _ => {}
            },
        }
    }
}

pub(crate) async fn measure(listen: &Multiaddr, at_once: usize, span: Duration) -> f64 {
    let (there, found) = oneshot::channel();
    let serving = tokio::spawn(serve(listen.clone(), there));
    let (peer, address) = found.await.unwrap();
    let (asks, asked) = mpsc::channel(at_once);
    let asking = tokio::spawn(ask(peer, address, asked));
    let rate = rate(at_once, span, move || {
        let asks = asks.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            asks.send(answer).await.unwrap();
            answered.await.unwrap();
        }
    })
    .await;
    serving.abort();
    asking.abort();
    rate
}
