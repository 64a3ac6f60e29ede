//! Orders and events of gossip, in the swarm's task.

use std::{collections::BTreeMap, fmt, time::Duration};

use colony_protocol::identity::Identity;
use libp2p::{
    Swarm,
    gossipsub::{Event, Message, MessageAcceptance, MessageId, PublishError, TopicHash},
    swarm::dial_opts::{DialOpts, PeerCondition},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Handle,
    behaviour::topic_scores,
    club::{Club, Member},
    ear::Verdict,
    handle::Neighbourhood,
    judging::{Judged, Judging},
    topics::{Topics, topic},
};
use crate::{
    net::{Multiaddr, PeerId, behaviour::Behaviour},
    runtime::{Runtime, Task},
};

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 64;
/// How often seats given up are cleared away, and neighbours looked for.
const LOOK: Duration = Duration::from_secs(2);

/// What the room is asked to do.
#[derive(Debug)]
pub(in crate::net) enum Order {
    /// Let somebody hear what is said of a colony.
    Join { colony: Identity, member: Member },
    /// Say something.
    Publish { colony: Identity, message: Vec<u8> },
    /// Remember possible neighbours.
    Introduce { colony: Identity, peers: Vec<(PeerId, Vec<Multiaddr>)> },
    /// Tell how many peers there are.
    Look { colony: Identity, told: oneshot::Sender<Neighbourhood> },
    /// Do what was decided about a message.
    Settle(Judged),
    /// Put the topics in order.
    Tidy,
}

/// The part of the swarm's task that looks after gossip.
pub(in crate::net) struct Room {
    orders: mpsc::Receiver<Order>,
    judging: Judging,
    topics: Topics,
    clubs: BTreeMap<TopicHash, Club>,
    runtime: Runtime,
    tidy: Task,
}

impl Room {
    /// `topics` is what the protocol lets through.
    pub(in crate::net) fn new(topics: Topics, runtime: Runtime) -> (Self, Handle) {
        let (orders, waiting) = mpsc::channel(ORDERS);
        let tidy = runtime.timer(LOOK);
        let judging = Judging::new(runtime.clone());
        let room = Self { orders: waiting, judging, topics, clubs: BTreeMap::new(), runtime, tidy };
        (room, Handle::new(orders))
    }

    /// The next order.
    pub(in crate::net) async fn next(&mut self) -> Option<Order> {
        tokio::select! {
            biased;
            Some(judged) = self.judging.next() => Some(Order::Settle(judged)),
            Some(order) = self.orders.recv() => Some(order),
            () = &mut self.tidy => {
                self.tidy = self.runtime.timer(LOOK);
                Some(Order::Tidy)
            }
        }
    }

    /// Carries out an order.
    pub(in crate::net) fn obey(&mut self, order: Order, swarm: &mut Swarm<Behaviour>) {
        match order {
            Order::Join { colony, member } => self.join(&colony, member, swarm),
            Order::Publish { colony, message } => publish(&colony, message, swarm),
            Order::Introduce { colony, peers } => {
                if let Some(club) = self.clubs.get_mut(&topic(&colony).hash()) {
                    club.introduce(peers);
                    self.tidy(swarm);
                }
            }
            Order::Look { colony, told } => drop(told.send(neighbourhood(&topic(&colony).hash(), swarm))),
            Order::Settle(judged) => self.settle(&judged, swarm),
            Order::Tidy => self.tidy(swarm),
        }
    }

    /// Takes an event of its own protocols.
    pub(in crate::net) fn event(&mut self, event: Event, swarm: &mut Swarm<Behaviour>) {
        match event {
            Event::Message { propagation_source, message_id, message } => {
                self.hear(propagation_source, message_id, message, swarm);
            }
            Event::SlowPeer { peer_id, .. } => tracing::debug!(peer = %peer_id, "a peer is slow to hear"),
            Event::Subscribed { .. } | Event::Unsubscribed { .. } | Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn join(&mut self, colony: &Identity, member: Member, swarm: &mut Swarm<Behaviour>) {
        let topic = topic(colony);
        if !self.topics.add(topic.hash()) {
            tracing::warn!(%colony, "too many colonies to hear announcements of this one; work is asked for now and then");
            return;
        }
        let gossip = &mut swarm.behaviour_mut().gossip;
        if let Err(error) = gossip.subscribe(&topic) {
            tracing::warn!(%colony, %error, "announcements are not heard");
        }
        if let Err(error) = gossip.set_topic_params(topic.clone(), topic_scores()) {
            tracing::warn!(%colony, error, "peers are not scored");
        }
        let club = self.clubs.entry(topic.hash()).or_insert_with(|| Club::new(topic));
        if !club.admit(member) {
            tracing::warn!(%colony, "too many listeners; work is asked for now and then");
        }
    }

    fn hear(&mut self, from: PeerId, id: MessageId, message: Message, swarm: &mut Swarm<Behaviour>) {
        let ears = self.clubs.get(&message.topic).map(Club::ears).unwrap_or_default();
        if ears.is_empty() || !self.judging.begin(id.clone(), from, message.data, ears) {
            report(&Judged { id, from, verdict: Verdict::Ignore }, swarm);
        }
    }

    fn settle(&mut self, judged: &Judged, swarm: &mut Swarm<Behaviour>) {
        self.judging.end(judged);
        if judged.verdict == Verdict::Reject {
            tracing::debug!(peer = %judged.from, "a peer passed on what is not genuine");
        }
        report(judged, swarm);
    }

    /// Leaves topics that nobody here listens to, and calls neighbours where there are few.
    fn tidy(&mut self, swarm: &mut Swarm<Behaviour>) {
        let left: Vec<TopicHash> =
            self.clubs.iter_mut().filter_map(|(hash, club)| (!club.sweep()).then(|| hash.clone())).collect();
        for hash in left {
            self.topics.remove(&hash);
            if let Some(club) = self.clubs.remove(&hash) {
                swarm.behaviour_mut().gossip.unsubscribe(&club.topic);
            }
        }
        let now = self.runtime.elapsed();
        for (hash, club) in &mut self.clubs {
            let mesh = swarm.behaviour().gossip.mesh_peers(hash).count();
            for (peer, addresses) in club.callees(mesh, now, |peer| swarm.is_connected(peer)) {
                let call = DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(addresses)
                    .build();
                if let Err(error) = swarm.dial(call) {
                    tracing::debug!(%peer, %error, "a neighbour is not called");
                }
            }
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("clubs", &self.clubs).finish_non_exhaustive()
    }
}

fn publish(colony: &Identity, message: Vec<u8>, swarm: &mut Swarm<Behaviour>) {
    match swarm.behaviour_mut().gossip.publish(topic(colony).hash(), message) {
        // In a colony of one node nobody listens.
        Ok(_) | Err(PublishError::NoPeersSubscribedToTopic) => {}
        Err(error) => tracing::debug!(%colony, %error, "not published"),
    }
}

fn report(judged: &Judged, swarm: &mut Swarm<Behaviour>) {
    let acceptance = match judged.verdict {
        Verdict::Accept => MessageAcceptance::Accept,
        Verdict::Ignore => MessageAcceptance::Ignore,
        Verdict::Reject => MessageAcceptance::Reject,
    };
    // It says no if the message is too old to be forwarded.
    swarm.behaviour_mut().gossip.report_message_validation_result(&judged.id, &judged.from, acceptance);
}

fn neighbourhood(topic: &TopicHash, swarm: &Swarm<Behaviour>) -> Neighbourhood {
    let gossip = &swarm.behaviour().gossip;
    Neighbourhood {
        listening: gossip.all_peers().filter(|(_, topics)| topics.contains(&topic)).count(),
        mesh: gossip.mesh_peers(topic).count(),
    }
}
