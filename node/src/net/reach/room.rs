//! Orders and events of reach, in the swarm's task.

use std::{io, sync::Arc, time::Duration};

use colony_protocol::model::member::Path;
use libp2p::{
    Multiaddr, PeerId, Swarm, dcutr, identify,
    multiaddr::Protocol,
    ping, relay,
    swarm::{
        ConnectionId, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{mpsc, watch};

use super::{
    BehaviourEvent, Handle,
    connections::Connections,
    outlook::Outlook,
    places::Places,
    sight::{Reach, Relayed, Sight},
};
use crate::{
    net::{
        behaviour::{self, Behaviour},
        dial, discovery,
        scope::{Scope, is_relayed, scope},
        trials::Trials,
    },
    runtime::Runtime,
};

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 64;
/// Addresses of one peer that are worth dialling past a relay.
const DIRECT_MAX: usize = 8;
/// Attempts to punch a hole after which never having succeeded is worth a warning.
const PUNCHES_IN_VAIN: u32 = 10;

/// What the room is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Ask a relay for a place, or whether it still keeps it. Connects with it first if need be.
    Reserve {
        /// The relay.
        relay: PeerId,
        /// Where it may be dialled.
        addresses: Vec<Multiaddr>,
    },
    /// Give up a relay that does not answer, and the connections with it.
    Leave {
        /// The relay.
        relay: PeerId,
    },
    /// Close a connection.
    Close(ConnectionId),
    /// Connect once more with a peer, without a relay.
    Dial {
        /// The peer.
        peer: PeerId,
        /// Where to dial it.
        addresses: Vec<Multiaddr>,
    },
    /// Find out which connections still lead anywhere, and close those that do not.
    Try,
}

/// The part of the swarm's task that looks after reach.
#[derive(Debug)]
pub(in crate::net) struct Room {
    orders: mpsc::Receiver<Order>,
    sight: watch::Sender<Sight>,
    reach: watch::Sender<Reach>,
    connections: Arc<Connections>,
    places: Places,
    outlook: Outlook,
    trials: Trials,
    runtime: Runtime,
}

impl Room {
    /// `vouches` says whether whoever runs this node says that everybody can dial it.
    pub(in crate::net) fn new(vouches: bool, runtime: &Runtime) -> (Self, Handle) {
        let (orders, waiting) = mpsc::channel(ORDERS);
        let (sight, reach) = (watch::Sender::new(Sight::default()), watch::Sender::new(Reach::default()));
        let connections = Arc::<Connections>::default();
        let handle = Handle::new(orders, sight.subscribe(), reach.subscribe(), Arc::clone(&connections));
        let room = Self {
            orders: waiting,
            sight,
            reach,
            connections,
            places: Places::default(),
            outlook: Outlook::new(vouches),
            trials: Trials::new(runtime.clone()),
            runtime: runtime.clone(),
        };
        (room, handle)
    }

    /// The next order; `None` if there will be none any more.
    pub(in crate::net) async fn next(&mut self) -> Option<Order> {
        tokio::select! {
            biased;
            dead = self.trials.dead() => Some(Order::Close(dead)),
            order = self.orders.recv() => order,
        }
    }

    /// Which way a connection goes.
    pub(in crate::net) fn path(&self, connection: ConnectionId) -> Path {
        self.connections.path(connection).unwrap_or(Path::Direct)
    }

    /// Whether a connection goes without a relay to a peer that was reached through one until now.
    pub(in crate::net) fn is_better(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.path(connection) != Path::Relayed
            && self.connections.with(peer).iter().any(|(_, known)| known.path == Path::Relayed)
    }

    /// A connection with a peer that was made by punching a hole.
    pub(in crate::net) fn punched_with(&self, peer: &PeerId) -> Option<ConnectionId> {
        let mut with = self.connections.with(peer).into_iter();
        with.find(|(_, known)| known.path == Path::Punched && !known.closing).map(|(id, _)| id)
    }

    /// Carries out an order.
    pub(in crate::net) fn obey(&mut self, order: Order, swarm: &mut Swarm<Behaviour>) {
        match order {
            Order::Reserve { relay, addresses } => {
                if self.places.ask(relay, addresses, self.runtime.elapsed()) {
                    self.advance(relay, swarm);
                }
            }
            Order::Leave { relay } => {
                self.lost(&relay, "no answer".to_owned());
                for (id, connection) in self.connections.with(&relay) {
                    if connection.path != Path::Relayed {
                        self.close(id, swarm);
                    }
                }
            }
            Order::Close(connection) => self.close(connection, swarm),
            Order::Try => {
                let streams = &mut swarm.behaviour_mut().streams;
                for (connection, peer) in self.connections.without_relay() {
                    self.trials.begin(peer, connection, streams);
                }
            }
            Order::Dial { peer, addresses } => {
                let options =
                    DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always).build();
                if let Err(error) = swarm.dial(options) {
                    tracing::debug!(%peer, %error, "a peer was not dialled past its relay");
                }
            }
        }
        self.show_places();
    }

    /// Looks at what happened to connections and addresses.
    pub(in crate::net) fn notice(
        &mut self,
        event: &SwarmEvent<behaviour::BehaviourEvent>,
        swarm: &mut Swarm<Behaviour>,
    ) {
        use behaviour::BehaviourEvent as Of;
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } if is_relayed(address) => {
                if let Some(relay) = self.places.relay_of(*listener_id) {
                    self.reached_at(&relay, Some(*listener_id), address);
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.outlook.listening(address.clone(), swarm);
                self.show_outlook();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if !is_relayed(address) => {
                self.outlook.not_listening(std::slice::from_ref(address), swarm);
                self.show_outlook();
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.places.closed(*listener_id, &why(reason), self.runtime.elapsed());
                self.outlook.not_listening(addresses, swarm);
                self.show_places();
                self.show_outlook();
            }
            SwarmEvent::ExternalAddrConfirmed { address } => match relay_of(address) {
                Some(relay) => self.reached_at(&relay, None, address),
                None => {
                    self.outlook.confirmed(address);
                    self.show_outlook();
                }
            },
            SwarmEvent::ExternalAddrExpired { address } => {
                self.outlook.expired(address);
                self.show_outlook();
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let (now, is_public) = (self.runtime.elapsed(), self.outlook.is_public());
                self.connections.made(*connection_id, *peer_id, endpoint, now, is_public);
                self.places.dialled(*connection_id);
                self.advance(*peer_id, swarm);
                self.survey(peer_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.connections.ended(*connection_id);
                if *num_established == 0 {
                    self.gone(peer_id);
                }
                self.advance(*peer_id, swarm);
                self.survey(peer_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(relay) = self.places.dialled(*connection_id) {
                    self.lost(&relay, dial::reason(error));
                }
            }
            SwarmEvent::Behaviour(Of::Ping(ping::Event { connection, result: Ok(rtt), .. })) => {
                self.connections.measured(*connection, *rtt);
            }
            SwarmEvent::Behaviour(Of::Discovery(discovery::BehaviourEvent::Identify(event))) => {
                self.identified(event, swarm);
            }
            _ => {}
        }
    }

    /// Takes an event of its own protocols.
    pub(in crate::net) fn event(&mut self, event: BehaviourEvent, _swarm: &mut Swarm<Behaviour>) {
        match event {
            BehaviourEvent::Client(relay::client::Event::ReservationReqAccepted {
                relay_peer_id, ..
            }) => {
                self.places.accepted(&relay_peer_id, self.runtime.elapsed());
                self.show_places();
            }
            BehaviourEvent::Dcutr(event) => self.punched(&event),
            BehaviourEvent::Prober(event) => {
                tracing::debug!(address = %event.tested_addr, by = %event.server, reached = event.result.is_ok(), "a peer has tried to reach this node");
                self.outlook.probed(&event.tested_addr, event.result.is_ok());
                self.show_outlook();
            }
            event => tracing::trace!(?event, "reach"),
        }
    }

    /// The next step towards a place that is asked for: a connection, then the question.
    fn advance(&mut self, relay: PeerId, swarm: &mut Swarm<Behaviour>) {
        let Some(asking) = self.places.asking(&relay).filter(|asking| asking.listener.is_none()) else {
            return;
        };
        let mut with = self.connections.with(&relay);
        with.retain(|(_, connection)| connection.path != Path::Relayed);
        if with.iter().any(|(_, connection)| connection.closing) {
            // The question would be asked over that one.
            return;
        }
        if let Some((_, connection)) = with.first() {
            let known = connection.dialled.clone().or_else(|| asking.addresses.first().cloned());
            let Some(known) = known else {
                return self.lost(&relay, "its address is not known".to_owned());
            };
            match swarm.listen_on(through(known, relay)) {
                Ok(listener) => asking.listener = Some(listener),
                Err(error) => self.lost(&relay, error.to_string()),
            }
        } else if asking.dialling.is_none() {
            // From the port this node listens at: what the relay sees of it is where a hole can be punched to.
            let options = DialOpts::peer_id(relay)
                .addresses(asking.addresses.clone())
                .condition(PeerCondition::Always)
                .build();
            asking.dialling = Some(options.connection_id());
            if let Err(error) = swarm.dial(options) {
                self.lost(&relay, dial::reason(&error));
            }
        }
    }

    fn lost(&mut self, relay: &PeerId, why: String) {
        tracing::debug!(%relay, %why, "no place at a relay");
        self.places.lost(relay, why, self.runtime.elapsed());
        self.show_places();
    }

    fn reached_at(
        &mut self,
        relay: &PeerId,
        listener: Option<libp2p::core::transport::ListenerId>,
        address: &Multiaddr,
    ) {
        // A relay behind a relay helps nobody.
        if address.iter().filter(|part| *part == Protocol::P2pCircuit).count() == 1 {
            self.places.reached_at(relay, listener, address.clone());
            self.show_places();
        }
    }

    fn close(&mut self, connection: ConnectionId, swarm: &mut Swarm<Behaviour>) {
        if swarm.close_connection(connection) {
            self.connections.closing(connection);
        }
        if let Some(known) = self.connections.get(connection) {
            self.survey(&known.peer);
        }
    }

    fn punched(&mut self, event: &dcutr::Event) {
        let peer = event.remote_peer_id;
        match &event.result {
            Ok(connection) => {
                self.connections.punched(*connection);
                tracing::debug!(%peer, "a hole was punched");
            }
            Err(error) => tracing::debug!(%peer, %error, "no hole was punched"),
        }
        let made = event.result.is_ok();
        self.sight.send_modify(|sight| {
            sight.punches.tried = sight.punches.tried.saturating_add(1);
            sight.punches.made = sight.punches.made.saturating_add(u32::from(made));
            if sight.punches.made == 0 && sight.punches.tried == PUNCHES_IN_VAIN {
                tracing::warn!(tried = PUNCHES_IN_VAIN, nat = sight.nat.word(), "no hole was ever punched");
            }
        });
        self.publish();
    }

    /// A peer has said what it speaks, where it is, and how it sees this node.
    fn identified(&mut self, event: &identify::Event, swarm: &mut Swarm<Behaviour>) {
        let (identify::Event::Received { connection_id, peer_id, info }
        | identify::Event::Pushed { connection_id, peer_id, info }) = event
        else {
            return;
        };
        let relays = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        self.sight.send_if_modified(|sight| sight.offers.insert(*peer_id, relays) != Some(relays));
        let Some(connection) = self.connections.get(*connection_id) else { return };
        if connection.path == Path::Relayed {
            let is_direct = |address: &&Multiaddr| !is_relayed(address) && scope(address) == Scope::World;
            let direct: Vec<_> =
                info.listen_addrs.iter().filter(is_direct).take(DIRECT_MAX).cloned().collect();
            self.sight.send_if_modified(|sight| match sight.relayed.get_mut(peer_id) {
                Some(relayed) if relayed.addresses != direct => {
                    relayed.addresses = direct;
                    true
                }
                _ => false,
            });
            return;
        }
        let candidate = self.outlook.seen(*peer_id, &info.observed_addr, connection.from_own_port, swarm);
        if let Some(candidate) = candidate {
            swarm.behaviour_mut().reach.outside.seen(candidate);
        }
        self.show_outlook();
    }

    /// A peer is not connected any more.
    fn gone(&mut self, peer: &PeerId) {
        self.outlook.gone(peer);
        self.sight.send_if_modified(|sight| sight.offers.remove(peer).is_some());
    }

    /// Looks whether a peer is connected through a relay, and without one besides.
    fn survey(&mut self, peer: &PeerId) {
        let mut through = std::collections::BTreeSet::new();
        let (mut since, mut direct): (Option<Duration>, Option<Duration>) = (None, None);
        let mut by_quic = false;
        for (id, connection) in self.connections.with(peer).into_iter().filter(|(_, known)| !known.closing) {
            by_quic |= connection.is_mapped_by_quic();
            let first = if connection.path == Path::Relayed {
                through.insert(id);
                &mut since
            } else {
                &mut direct
            };
            *first = Some(first.map_or(connection.since, |before| before.min(connection.since)));
        }
        self.sight.send_if_modified(|sight| {
            let before = sight.relayed.remove(peer);
            let addresses = before.as_ref().map(|before| before.addresses.clone()).unwrap_or_default();
            let now = since.map(|since| Relayed { since, connections: through, addresses, direct });
            let is_new = before != now;
            if let Some(now) = now {
                sight.relayed.insert(*peer, now);
            }
            let changed = if by_quic { sight.quic.insert(*peer) } else { sight.quic.remove(peer) };
            is_new || changed
        });
    }

    fn show_places(&self) {
        let relays = self.places.standings();
        self.sight.send_if_modified(|sight| {
            let is_new = sight.relays != relays;
            sight.relays = relays;
            is_new
        });
        self.publish();
    }

    fn show_outlook(&self) {
        self.sight.send_if_modified(|sight| self.outlook.show(sight));
        self.publish();
    }

    fn publish(&self) {
        let reach = self.sight.borrow().reach();
        self.reach.send_if_modified(|known| {
            let is_new = *known != reach;
            *known = reach;
            is_new
        });
    }
}

/// The address of listening through a relay.
fn through(relay_at: Multiaddr, relay: PeerId) -> Multiaddr {
    let named = relay_at.clone().with_p2p(relay).unwrap_or(relay_at);
    named.with(Protocol::P2pCircuit)
}

/// The relay an own address leads through.
fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    crate::net::scope::relay_in(address)
}

/// Why a listener has closed.
fn why(reason: &Result<(), io::Error>) -> String {
    match reason {
        Ok(()) => "the connection with the relay is gone".to_owned(),
        Err(error) => {
            let mut deepest: &dyn std::error::Error = error;
            while let Some(source) = deepest.source() {
                deepest = source;
            }
            deepest.to_string()
        }
    }
}
