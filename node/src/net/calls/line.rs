//! The way to one node: finds a connection or makes one, and opens streams over it.

use std::{io, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use libp2p::{Multiaddr, PeerId, Stream, multiaddr::Protocol, swarm::ConnectionId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    Handle,
    order::in_order,
    room::{Opened, Order},
};
use crate::{net::streams::OpenError, runtime::Runtime};

/// How long an address is alone in the race before the next one starts: about one round trip on a continent.
const HEAD_START: Duration = Duration::from_millis(150);
/// How long a connection may take. Shorter than a call's patience, so that "nobody there" and "no answer" differ.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a stream over a connection may take to be opened.
const OPEN: Duration = Duration::from_secs(5);
/// A connection may have died unnoticed; then the stream cannot be opened, and one more try finds out.
const TRIES: u32 = 2;
/// Why nobody can be asked.
const NO_ADDRESS: &str = "no address is known";

/// Why no stream was opened.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody was reached, or nobody who is a node: each address that was tried, and what became of it.
    #[error("{0}")]
    Unreached(String),
    /// A node was reached, and lost at once.
    #[error("{0}")]
    Broken(String),
    /// The swarm has ended.
    #[error("the network is closed")]
    Closed,
}

/// The way to one node.
#[derive(Debug)]
pub(crate) struct Line {
    room: Handle,
    addresses: Vec<Multiaddr>,
    /// Who is there; learned from the handshake if no address says.
    peer: Option<PeerId>,
    runtime: Runtime,
}

/// A stream to a node.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The stream.
    pub(crate) stream: Stream,
    /// Cancelled when another one would go a better way.
    pub(crate) superseded: CancellationToken,
    /// For who hears nothing on it.
    pub(crate) doubt: Doubt,
}

/// Has the connection of a stream tried, so that the stream breaks if nobody is at the other end any more.
#[derive(Debug, Clone)]
pub(crate) struct Doubt {
    room: Handle,
    peer: PeerId,
    connection: ConnectionId,
}

impl Doubt {
    /// Nothing is heard.
    pub(crate) fn raise(&self) {
        self.room.doubt(self.peer, self.connection);
    }
}

impl Line {
    /// The way to the node at these addresses, through the swarm whose room this is.
    pub(crate) fn new(room: Handle, addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        let peer = addresses.iter().find_map(peer_in);
        Self { room, addresses, peer, runtime }
    }

    /// A new stream to the node.
    pub(crate) async fn open(&mut self) -> Result<Lane, CallError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let peer = self.connect().await?;
            let opened = self.ask(|answer| Order::Open(peer, answer)).await?;
            let error = match opened {
                Some(opened) => match self.opened(peer, opened).await? {
                    Ok(lane) => return Ok(lane),
                    Err(error) => error,
                },
                None => io::ErrorKind::ConnectionReset.into(),
            };
            if tries >= TRIES {
                return Err(CallError::Broken(error.to_string()));
            }
        }
    }

    /// Waits for a stream. A connection over which none can be opened is of no use to anybody.
    async fn opened(&self, peer: PeerId, opened: Opened) -> Result<Result<Lane, io::Error>, CallError> {
        let Opened { connection, opening, superseded } = opened;
        let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
        let error = match self.runtime.timeout(OPEN, opening).await {
            Some(Ok(Ok(stream))) => {
                let doubt = Doubt { room: self.room.clone(), peer, connection };
                return Ok(Ok(Lane { stream, superseded, doubt }));
            }
            Some(Ok(Err(error @ OpenError::NotANode))) => {
                return Err(CallError::Unreached(error.to_string()));
            }
            Some(Ok(Err(OpenError::Io(error)))) => error,
            // Whoever drops an answer's other end has lost the connection.
            Some(Err(_)) => return Ok(Err(lost())),
            None => io::ErrorKind::TimedOut.into(),
        };
        self.order(Order::Close(connection)).await?;
        Ok(Err(error))
    }

    /// Sees to it that there is a connection, and says with whom.
    pub(crate) async fn connect(&mut self) -> Result<PeerId, CallError> {
        if let Some(peer) = self.peer
            && self.ask(|answer| Order::Look(peer, answer)).await?
        {
            return Ok(peer);
        }
        let peer = self.race().await?;
        self.peer = Some(peer);
        Ok(peer)
    }

    /// Dials the addresses; the first connection made counts, and the others are closed by whoever makes them.
    async fn race(&self) -> Result<PeerId, CallError> {
        let end = self.runtime.elapsed().saturating_add(CONNECT);
        let mut ahead = in_order(&self.addresses).into_iter();
        let mut running = FuturesUnordered::new();
        let mut failures = Failures::default();
        loop {
            if let Some(address) = ahead.next() {
                failures.started(&address);
                running.push(self.dial(address));
            }
            let left = end.saturating_sub(self.runtime.elapsed());
            let patience = if ahead.len() > 0 { HEAD_START.min(left) } else { left };
            match self.runtime.timeout(patience, running.next()).await {
                Some(Some((_, Ok(peer)))) => return Ok(peer),
                Some(Some((address, Err(why)))) => failures.failed(&address, why?),
                Some(None) if ahead.len() == 0 => return Err(CallError::Unreached(failures.told())),
                None if left.is_zero() => return Err(CallError::Unreached(failures.told())),
                Some(None) | None => {}
            }
        }
    }

    /// One attempt. The inner error is of the swarm.
    async fn dial(&self, address: Multiaddr) -> (Multiaddr, Result<PeerId, Result<String, CallError>>) {
        let outcome = match self.ask(|answer| Order::Dial(address.clone(), answer)).await {
            Ok(outcome) => outcome.map_err(Ok),
            Err(closed) => Err(Err(closed)),
        };
        (address, outcome)
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        self.order(order(answer)).await?;
        answered.await.map_err(|_| CallError::Closed)
    }

    async fn order(&self, order: Order) -> Result<(), CallError> {
        self.room.orders.send(order).await.map_err(|_| CallError::Closed)
    }
}

/// What became of the addresses that were tried.
#[derive(Debug, Default)]
struct Failures(Vec<(Multiaddr, Option<String>)>);

impl Failures {
    fn started(&mut self, address: &Multiaddr) {
        self.0.push((address.clone(), None));
    }

    fn failed(&mut self, address: &Multiaddr, why: String) {
        if let Some((_, fate)) = self.0.iter_mut().find(|(known, _)| known == address) {
            *fate = Some(why);
        }
    }

    /// In one line.
    fn told(self) -> String {
        let tell = |(address, fate): (Multiaddr, Option<String>)| match fate {
            Some(why) => format!("{address}: {why}"),
            None => format!("{address}: no answer within {CONNECT:?}"),
        };
        let all: Vec<String> = self.0.into_iter().map(tell).collect();
        if all.is_empty() { NO_ADDRESS.to_owned() } else { all.join("; ") }
    }
}

/// The peer that an address ends in.
pub(crate) fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_each_address_is_told() {
        assert_eq!(Failures::default().told(), NO_ADDRESS);
        let addresses: [Multiaddr; 2] =
            [1, 2].map(|port| format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap());
        let mut failures = Failures::default();
        addresses.iter().for_each(|address| failures.started(address));
        failures.failed(&addresses[0], "refused".to_owned());
        assert_eq!(
            failures.told(),
            "/ip4/192.0.2.1/tcp/1: refused; /ip4/192.0.2.1/tcp/2: no answer within 5s"
        );
    }
}
