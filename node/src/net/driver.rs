//! The swarm's task. It selects and hands over; it waits for nobody.
//!
//! Requests and streams run in tasks of their own, within the [`Service`]'s limits, and come back as answers through
//! one bounded channel. At the end it lets what is under way finish, closes connections so that peers learn of it at
//! once, and only then lets go of the swarm.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::transport::ListenerId,
    gossipsub::{self, MessageAcceptance},
    request_response::{self, InboundRequestId, ResponseChannel},
    swarm::{ConnectionId, SwarmEvent},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    behaviour::{Behaviour, BehaviourEvent, PEER_PROTOCOL, is_silent},
    bounds::Class,
    calls,
    census::Census,
    codec::Request,
    dial::{Dialling, Door, Order, PeerDoor, PeerStream},
    discovery, gossip, reach,
    service::Service,
    stream,
    streams::Opened,
};

/// Answers that wait for the swarm's task. A request's task waits while it is full, never the swarm.
const ANSWERS: usize = 1024;
/// How long a closing node lets requests finish.
const DRAIN: Duration = Duration::from_secs(5);
/// How often a closing node looks whether they have.
const DRAIN_LOOK: Duration = Duration::from_millis(10);
/// How long an answer on a substream may be on its way before the connection closes behind it: a peer that sees the
/// connection close first does not look for the answer any more.
const LINGER: Duration = Duration::from_millis(100);
/// How long peers have to see their connections closed.
const FAREWELL: Duration = Duration::from_millis(500);

/// An answer to a request that came on a substream of its own.
type Answer = (ResponseChannel<Vec<u8>>, Vec<u8>);

/// The parts of the swarm's task that look after protocols other than requests.
pub(super) struct Rooms {
    pub(super) calls: calls::Room,
    pub(super) discovery: discovery::Room,
    pub(super) gossip: gossip::Room,
    pub(super) reach: reach::Room,
    pub(super) census: Census,
}

/// Owns the swarm.
pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    listeners: Vec<ListenerId>,
    service: Arc<Service>,
    shared: Arc<Shared>,
    answers: mpsc::Receiver<Answer>,
    answer: mpsc::Sender<Answer>,
    /// Ends the requests that came over a connection together with it. Connections that asked nothing have no entry.
    asking: BTreeMap<ConnectionId, CancellationToken>,
    /// Requests on substreams whose answers have not left yet.
    unanswered: BTreeSet<InboundRequestId>,
    /// When the last of them left.
    answered: Option<Duration>,
    /// What the rest of the node wants of other nodes; `None` if nothing, ever.
    orders: Option<mpsc::Receiver<Order>>,
    /// Connections ordered and not made yet.
    dialling: Dialling,
    /// Takes streams of other nodes.
    door: Option<Arc<dyn Door>>,
    rooms: Rooms,
    /// Set when the swarm is gone.
    closed: CancellationToken,
}

impl Driver {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        listeners: Vec<ListenerId>,
        service: Arc<Service>,
        shared: Arc<Shared>,
        door: Option<PeerDoor>,
        rooms: Rooms,
        closed: CancellationToken,
    ) -> Self {
        let (answer, answers) = mpsc::channel(ANSWERS);
        let (orders, door) = door.map(|door| (door.orders, door.door)).unzip();
        Self {
            swarm,
            listeners,
            service,
            shared,
            answers,
            answer,
            asking: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            answered: None,
            orders,
            dialling: Dialling::default(),
            door,
            rooms,
            closed,
        }
    }

    /// The life of the swarm.
    pub(super) async fn run(mut self) {
        let closing = self.service.closing.clone();
        closing.run_until_cancelled(self.serve()).await;

        let runtime = self.service.runtime.clone();
        if runtime.timeout(DRAIN, self.drain()).await.is_none() {
            tracing::warn!("closing with requests under way");
        }
        if let Some(answered) = self.answered {
            let left = LINGER.saturating_sub(runtime.elapsed().saturating_sub(answered));
            runtime.timeout(left, self.serve()).await;
        }
        runtime.timeout(FAREWELL, self.disconnect()).await;
        let closed = self.closed.clone();
        drop(self);
        closed.cancel();
    }

    async fn serve(&mut self) {
        loop {
            self.step().await;
        }
    }

    /// Until everything under way is answered. New requests are told to come back later.
    async fn drain(&mut self) {
        for listener in self.listeners.drain(..) {
            self.swarm.remove_listener(listener);
        }
        let runtime = self.service.runtime.clone();
        while !self.service.is_quiet() || !self.unanswered.is_empty() {
            // Streams and requests end in tasks of their own, without a word to this one.
            runtime.timeout(DRAIN_LOOK, self.step()).await;
        }
    }

    async fn disconnect(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that the connection is gone already.
            self.swarm.disconnect_peer_id(peer).ok();
        }
        while self.swarm.network_info().num_peers() > 0 {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        tokio::select! {
            biased;
            // Answers first: they free what requests hold.
            Some((channel, outcome)) = self.answers.recv() => self.send(channel, outcome),
            order = next_order(&mut self.orders) => match order {
                Some(order) => self.dialling.obey(order, &self.rooms.reach, &mut self.swarm),
                None => self.orders = None,
            },
            Some(order) = self.rooms.calls.next() => self.rooms.calls.obey(order, &mut self.swarm),
            Some(order) = self.rooms.reach.next() => self.rooms.reach.obey(order, &mut self.swarm),
            Some(order) = self.rooms.discovery.next() => self.rooms.discovery.obey(order, &mut self.swarm),
            Some(order) = self.rooms.gossip.next() => self.rooms.gossip.obey(order, &mut self.swarm),
            event = self.swarm.select_next_some() => self.event(event),
        }
    }

    fn send(&mut self, channel: ResponseChannel<Vec<u8>>, outcome: Vec<u8>) {
        if self.swarm.behaviour_mut().rpc.send_response(channel, outcome).is_err() {
            tracing::debug!("the asking peer is gone");
        }
    }

    fn open(&mut self, opened: Opened) {
        if self.service.closing.is_cancelled() {
            return;
        }
        let Opened { peer, connection, protocol, stream } = opened;
        if protocol == PEER_PROTOCOL {
            if let Some(door) = &self.door {
                let path = self.rooms.reach.path(connection);
                door.arrive(PeerStream { peer, connection, path, stream });
            }
            return;
        }
        let caller = self.service.standings.caller(&peer);
        let Some(ticket) = self.service.admit_stream(&caller) else {
            tracing::debug!(%peer, "too many streams");
            return;
        };
        let session = stream::serve(stream, caller, Arc::clone(&self.service), ticket);
        // A stream that is not read, because enough is under way on it, would not notice that its connection is gone.
        let asking = self.asking.entry(connection).or_default().clone();
        self.service.runtime.spawn("stream", async move {
            asking.run_until_cancelled_owned(session).await;
        });
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.rooms.census.notice(&event);
        self.rooms.calls.notice(&event, &mut self.swarm);
        self.rooms.reach.notice(&event, &mut self.swarm);
        self.rooms.discovery.notice(&event, &mut self.swarm);
        match event {
            SwarmEvent::Behaviour(event) => self.protocol(event),
            SwarmEvent::NewListenAddr { address, .. } => self.shared.listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.shared.not_listening(&address),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => self.deaf(&addresses, &reason),
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a connection was not accepted");
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.count();
                let path = self.rooms.reach.path(connection_id);
                self.dialling.made(connection_id, path, &mut self.swarm);
                if self.rooms.reach.is_better(&peer_id, connection_id)
                    && let Some(door) = &self.door
                {
                    door.better(peer_id, connection_id, path);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dialling.failed(connection_id, &error);
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                if let Some(asking) = self.asking.remove(&connection_id) {
                    asking.cancel();
                }
                self.count();
            }
            _ => {}
        }
    }

    fn protocol(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Rpc(event) => self.rpc(event),
            BehaviourEvent::Streams(opened) => self.open(opened),
            BehaviourEvent::Ping(event) => {
                if is_silent(&event) {
                    self.swarm.close_connection(event.connection);
                }
            }
            BehaviourEvent::Reach(event) => self.rooms.reach.event(event, &mut self.swarm),
            BehaviourEvent::Discovery(event) => self.rooms.discovery.event(event, &mut self.swarm),
            BehaviourEvent::Gossip(event) => self.gossip(event),
            BehaviourEvent::Gate(never) | BehaviourEvent::Limits(never) | BehaviourEvent::Memory(never) => {
                match never {}
            }
        }
    }

    /// Takes an event of gossip, unless it is one message too many of whoever passed it on: that one goes no further.
    fn gossip(&mut self, event: gossipsub::Event) {
        if let gossipsub::Event::Message { propagation_source: peer, message_id, .. } = &event {
            let now = self.service.runtime.elapsed();
            if self.service.rates.take(*peer, Class::Gossip, now).is_err() {
                let gossip = &mut self.swarm.behaviour_mut().gossip;
                gossip.report_message_validation_result(message_id, peer, MessageAcceptance::Reject);
                return;
            }
        }
        self.rooms.gossip.event(event, &mut self.swarm);
    }

    fn count(&self) {
        self.shared.connected(self.swarm.network_info().num_peers());
    }

    fn deaf(&self, addresses: &[Multiaddr], reason: &Result<(), std::io::Error>) {
        for address in addresses {
            self.shared.not_listening(address);
            if let Err(error) = reason {
                tracing::error!(%address, %error, "no longer listening");
            }
        }
    }

    fn rpc(&mut self, event: request_response::Event<Request, Vec<u8>>) {
        use request_response::{Event, Message};
        match event {
            Event::Message {
                peer,
                connection_id,
                message: Message::Request { request_id, request, channel },
            } => {
                self.unanswered.insert(request_id);
                self.request(peer, connection_id, request, channel);
            }
            Event::ResponseSent { request_id, .. } => {
                self.unanswered.remove(&request_id);
                self.answered = Some(self.service.runtime.elapsed());
            }
            Event::InboundFailure { request_id, .. } => {
                self.unanswered.remove(&request_id);
            }
            Event::Message { message: Message::Response { .. }, .. } | Event::OutboundFailure { .. } => {}
        }
    }

    fn request(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        request: Request,
        channel: ResponseChannel<Vec<u8>>,
    ) {
        let caller = self.service.standings.caller(&peer);
        match self.service.accept(&caller, request.bytes, request.charge) {
            Err(busy) => self.send(channel, busy),
            Ok(handling) => {
                let answer = self.answer.clone();
                let asking = self.asking.entry(connection).or_default().clone();
                self.service.runtime.spawn("request", async move {
                    if let Some(outcome) = asking.run_until_cancelled_owned(handling).await {
                        // Fails only if the swarm is gone.
                        answer.send((channel, outcome)).await.ok();
                    }
                });
            }
        }
    }
}

/// The next order. Pending for ever if there will be none.
async fn next_order(orders: &mut Option<mpsc::Receiver<Order>>) -> Option<Order> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}
