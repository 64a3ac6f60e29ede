//! What a swarm dials and listens with: TCP addresses on the emulated network.

use std::{
    collections::VecDeque,
    future::{Ready, ready},
    io,
    net::{Ipv4Addr, SocketAddrV4},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::future::BoxFuture;
use libp2p::{
    Multiaddr,
    core::{
        Transport,
        muxing::SubstreamBox,
        transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    },
    multiaddr::Protocol,
};
use tokio::time::sleep;

use super::{Backlog, Half, Network};

/// How long a system waits before it asks again for a connection that nobody answers.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The first port that is given to who dials.
const PORTS: u16 = 32_768;

/// The sockets of one swarm.
pub(super) struct Wires {
    network: Network,
    host: Ipv4Addr,
    /// Those that listen, in the order in which they began.
    listeners: Vec<(ListenerId, SocketAddrV4, Arc<Mutex<Backlog>>)>,
    events: VecDeque<TransportEvent<Ready<io::Result<SubstreamBox>>, io::Error>>,
    waker: Option<Waker>,
}

impl Wires {
    pub(super) const fn new(network: Network, host: Ipv4Addr) -> Self {
        Self { network, host, listeners: Vec::new(), events: VecDeque::new(), waker: None }
    }

    fn accept(&self, context: &Context<'_>) -> Option<(ListenerId, SocketAddrV4, Half, SocketAddrV4)> {
        for (id, address, backlog) in &self.listeners {
            let mut backlog = backlog.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((half, from)) = backlog.waiting.pop_front() {
                return Some((*id, *address, half, from));
            }
            backlog.waker = Some(context.waker().clone());
        }
        None
    }

    fn stop(&self, address: SocketAddrV4, backlog: &Arc<Mutex<Backlog>>) {
        let mut hub = self.network.hub();
        // Somebody else may listen there by now.
        if hub.listeners.get(&address).is_some_and(|known| Arc::ptr_eq(known, backlog)) {
            hub.listeners.remove(&address);
        }
    }
}

/// The socket of `/ip4/…/tcp/…`, with or without a peer behind it.
fn socket(address: &Multiaddr) -> Option<SocketAddrV4> {
    let mut parts = address.iter();
    let (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
        return None;
    };
    match (parts.next(), parts.next()) {
        (None | Some(Protocol::P2p(_)), None) => Some(SocketAddrV4::new(ip, port)),
        _ => None,
    }
}

fn text(address: SocketAddrV4) -> Multiaddr {
    Multiaddr::from(*address.ip()).with(Protocol::Tcp(address.port()))
}

impl Transport for Wires {
    type Output = SubstreamBox;
    type Error = io::Error;
    type ListenerUpgrade = Ready<io::Result<SubstreamBox>>;
    type Dial = BoxFuture<'static, io::Result<SubstreamBox>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        let Some(socket) = socket(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let backlog = Arc::new(Mutex::new(Backlog::default()));
        let mut hub = self.network.hub();
        if *socket.ip() != self.host || hub.listeners.contains_key(&socket) {
            return Err(TransportError::Other(io::ErrorKind::AddrInUse.into()));
        }
        hub.listeners.insert(socket, Arc::clone(&backlog));
        drop(hub);
        self.listeners.push((id, socket, backlog));
        self.events.push_back(TransportEvent::NewAddress { listener_id: id, listen_addr: text(socket) });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let Some(place) = self.listeners.iter().position(|(known, ..)| *known == id) else { return false };
        let (_, address, backlog) = self.listeners.remove(place);
        self.stop(address, &backlog);
        self.events.push_back(TransportEvent::ListenerClosed { listener_id: id, reason: Ok(()) });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let Some(to) = socket(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        Ok(Box::pin(dial(self.network.clone(), self.host, to)))
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(event);
        }
        if let Some((listener_id, local, half, from)) = self.accept(context) {
            return Poll::Ready(TransportEvent::Incoming {
                listener_id,
                upgrade: ready(Ok(SubstreamBox::new(half))),
                local_addr: text(local),
                send_back_addr: text(from),
            });
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for (_, address, backlog) in std::mem::take(&mut self.listeners) {
            self.stop(address, &backlog);
        }
    }
}

/// Connects, as long as it takes: whoever dials has a deadline.
async fn dial(network: Network, from: Ipv4Addr, to: SocketAddrV4) -> io::Result<SubstreamBox> {
    let there = network.hub().takes();
    sleep(there).await;
    while !reaches(&network, from, *to.ip()) {
        sleep(ASK_AGAIN).await;
    }
    let (half, back) = {
        let mut hub = network.hub();
        let Some(backlog) = hub.listeners.get(&to).cloned() else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let (here, other) = hub.connect(&network, from, *to.ip());
        let port = PORTS + u16::try_from(hub.next % u64::from(u16::MAX - PORTS)).unwrap_or_default();
        let mut backlog = backlog.lock().unwrap_or_else(PoisonError::into_inner);
        backlog.waiting.push_back((other, SocketAddrV4::new(from, port)));
        if let Some(waker) = backlog.waker.take() {
            waker.wake();
        }
        (here, hub.takes())
    };
    sleep(back).await;
    Ok(SubstreamBox::new(half))
}

/// Whether a question gets there and its answer back.
fn reaches(network: &Network, from: Ipv4Addr, to: Ipv4Addr) -> bool {
    let mut hub = network.hub();
    !hub.hidden.contains(&to) && hub.passes(from, to) && hub.passes(to, from)
}
