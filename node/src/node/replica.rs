//! One colony on this node: its Raft group, its coordinator's task and its desk, started and stopped together.
//!
//! What may never happen: a replica that is half started left behind; a founding repeated by a node that is not alone
//! in its colony any more.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::{
        Name,
        member::{Addresses, MemberKey, NewMember},
    },
    refusal::Refusal,
};
use colony_store::{ColonyView, MemberInfo, Store};
use tokio::sync::watch;

use super::{
    colleague::{Glue, Heard, Told},
    config::{ColonyConfig, Founding, KnownPeer, StartError},
    founding,
    neighbours::Neighbours,
    pulse::Pulse,
    tending::Tending,
};
use crate::{
    announcements::{Announcer, Parts as Announcing},
    client::{Client, Local},
    consensus::{Consensus, ELECTION_PATIENCE, ProposeError, Setup, Timing},
    coordinator::{Coordinator, Events},
    discovery::{Discovery, Publisher, Publishing},
    membership::{Keeper, Parts, probe::Probe},
    net::{Multiaddr, PeerId, gossip},
    peers::Peers,
    query::Desk,
    reach,
    runtime::Runtime,
    service::{Colony, Forwarder, Forwarding, Service},
};

/// What all colonies of a node share.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// This node's key.
    pub(super) key: SecretKey,
    /// The same as an identity.
    pub(super) identity: Identity,
    /// The same on the network.
    pub(super) peer: PeerId,
    /// Everything remembered.
    pub(super) store: Store,
    /// Connections with other nodes.
    pub(super) peers: Peers,
    /// Answers requests.
    pub(super) service: Service,
    /// Carries announcements; `None` for a node that listens nowhere.
    pub(super) gossip: Option<gossip::Handle>,
    /// Where others are told to find this node.
    pub(super) addresses: watch::Receiver<Vec<Multiaddr>>,
    /// Nodes that may relay for this one.
    pub(super) neighbours: Arc<Neighbours>,
    /// How this node is doing.
    pub(super) pulse: Pulse,
    /// Finds colonies on the network; `None` for a node that only this process talks to.
    pub(super) discovery: Option<Discovery>,
    /// How far members are from each other.
    pub(super) timing: Timing,
    /// How long a voter may be gone before a learner takes its place.
    pub(super) replace_after: Duration,
    /// Entries kept for members that lag.
    pub(super) log_kept: u64,
    /// Time, tasks, threads.
    pub(super) runtime: Runtime,
}

/// A colony that this node keeps a replica of.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    /// The colony.
    pub(super) colony: Identity,
    /// Orders commands.
    pub(super) coordinator: Coordinator,
    /// Answers questions.
    pub(super) desk: Arc<Desk>,
    /// Agrees with the other members.
    pub(super) consensus: Consensus,
    /// Keeps its nodes in order.
    pub(super) keeper: Keeper,
    /// Tells the network where the colony is.
    pub(super) publishing: Option<Arc<Publishing>>,
    /// Its rows.
    view: ColonyView,
    /// Whom a new member believes.
    pub(super) known: Arc<[(Identity, MemberInfo)]>,
    /// Set when this node takes no part in it any more.
    pub(super) ended: Arc<OnceLock<Refusal>>,
}

impl Replica {
    /// Opens the colony's rows and starts everything that works on them.
    pub(super) async fn start(ground: &Ground, config: &ColonyConfig) -> Result<Self, StartError> {
        let events = Arc::new(Events::default());
        let published = Arc::clone(&events);
        let parts =
            ground.store.open_colony(config.id, Arc::new(move |news: &[_]| published.publish(news))).await?;
        let (view, runtime) = (parts.view, ground.runtime.clone());
        let consensus = Consensus::start(ground.setup(config), parts.log, parts.machine, runtime.clone())
            .await
            .map_err(Box::new)?;
        let coordinator = Coordinator::start(view.clone(), consensus.clone(), Arc::clone(&events), &runtime);
        let desk = Arc::new(Desk::new(
            view.clone(),
            consensus.clone(),
            coordinator.clone(),
            ground.peers.clone(),
            runtime.clone(),
            ground.pulse.clone(),
            ground.identity,
        ));
        let known: Arc<[_]> = config.peers.iter().map(KnownPeer::info).collect();
        let keeper = Keeper::start(
            Parts {
                me: ground.identity,
                colony: config.id,
                view: view.clone(),
                consensus: consensus.clone(),
                events: Arc::clone(&events),
                peers: ground.peers.clone(),
                known: known.to_vec(),
                client: ground.client(config.id, ground.key.clone()),
                addresses: ground.addresses.clone(),
                timing: ground.timing,
                replace_after: ground.replace_after,
            },
            &runtime,
        );
        let publishing = ground.publish(config.id, &view, &consensus, &events);
        let replica = Self {
            colony: config.id,
            coordinator,
            publishing,
            desk,
            consensus: consensus.clone(),
            keeper,
            view: view.clone(),
            known: Arc::clone(&known),
            ended: Arc::default(),
        };
        let (heard, told) = (Heard::new(runtime.clone()), Told::default());
        ground.peers.serve(
            config.id,
            Arc::new(Glue {
                colony: config.id,
                store: ground.store.id(),
                consensus,
                view: view.clone(),
                known: Arc::clone(&known),
                told: told.clone(),
                heard: heard.clone(),
                service: ground.service.clone(),
            }),
        );
        if let Some(gossip) = ground.gossip.clone() {
            Announcer::start(
                Announcing {
                    me: ground.identity,
                    key: ground.key.clone(),
                    colony: config.id,
                    view: view.clone(),
                    consensus: replica.consensus.clone(),
                    coordinator: replica.coordinator.clone(),
                    gossip,
                    runtime: runtime.clone(),
                },
                events.members(),
            );
        }
        let tending = Tending {
            replica: replica.clone(),
            view,
            peers: ground.peers.clone(),
            me: ground.identity,
            heard,
            told,
            probe: Probe {
                colony: config.id,
                key: ground.key.clone(),
                store: ground.store.id(),
                runtime: runtime.clone(),
            },
            timing: ground.timing,
            runtime: runtime.clone(),
        };
        runtime.spawn("tending", tending.run(events.members()));
        ground.neighbours.meet(config.id, replica.view.clone(), &config.peers);
        Ok(replica)
    }

    /// What the service needs of it.
    pub(super) fn served(&self, ground: &Ground) -> Colony {
        let post = Post { peers: ground.peers.clone(), colony: self.colony };
        Colony {
            node: ground.identity,
            consensus: self.consensus.clone(),
            forwarder: Arc::new(post),
            known: Arc::clone(&self.known),
            ended: Arc::clone(&self.ended),
            coordinator: self.coordinator.clone(),
            desk: Arc::clone(&self.desk),
            waits: Arc::default(),
        }
    }

    /// Makes the colony, or what a crash left out of it, before anybody else meets it. Once it has other nodes it is
    /// made.
    pub(super) async fn found(&self, ground: &Ground, founding: &Founding) -> Result<(), StartError> {
        if self.consensus.members().iter().any(|(member, _)| *member != ground.identity) {
            return Ok(());
        }
        self.wait_ready(ground).await?;
        let service = Service::new(ground.identity, ground.runtime.clone());
        service.serve(self.colony, self.served(ground));
        let transport = Local::new(Arc::new(service), ground.peer, ground.runtime.clone());
        let owner =
            Client::new(Arc::new(transport), self.colony, founding.owner.clone(), ground.runtime.clone());
        let member = NewMember {
            key: MemberKey::of(&ground.key),
            name: founding.member.clone(),
            addresses: ground.texts(),
            store: ground.store.id(),
            executor: None,
        };
        Ok(founding::found(&owner, founding, member, ground.runtime.now()).await?)
    }

    /// Answers all who wait and ends the group here; the store keeps what it has.
    pub(super) async fn stop(&self) {
        self.hide().await;
        self.keeper.stop().await;
        self.coordinator.stop().await;
        self.consensus.shutdown().await;
    }

    /// Tells the network no more where the colony is.
    pub(super) async fn hide(&self) {
        if let Some(publishing) = &self.publishing {
            publishing.stop().await;
        }
    }

    /// Completes when the colony has a coordinator.
    pub(super) async fn wait_ready(&self, ground: &Ground) -> Result<(), ProposeError> {
        ground
            .runtime
            .timeout(ELECTION_PATIENCE, self.consensus.elected())
            .await
            .unwrap_or(Err(ProposeError::NotCoordinator { coordinator: None }))
    }
}

impl Ground {
    /// What a colony's group is started with.
    fn setup(&self, config: &ColonyConfig) -> Setup {
        Setup {
            me: self.identity,
            store: self.store.id(),
            found: config.found.as_ref().map(|founding| self.info(founding.member.clone())),
            links: self.peers.links(config.id),
            reachable: self.peers.reachable(),
            timing: self.timing,
            log_kept: self.log_kept,
        }
    }

    /// How other members find this node.
    fn info(&self, name: Name) -> MemberInfo {
        MemberInfo { addresses: self.texts(), name, key: MemberKey::of(&self.key), store: self.store.id() }
    }

    /// Tells the network where a colony is, if this node is part of the network.
    fn publish(
        &self,
        colony: Identity,
        view: &ColonyView,
        consensus: &Consensus,
        events: &Events,
    ) -> Option<Arc<Publishing>> {
        let publisher = Publisher {
            me: self.identity,
            key: self.key.clone(),
            colony,
            view: view.clone(),
            consensus: consensus.clone(),
            news: events.members(),
            peers: self.peers.clone(),
            discovery: self.discovery.clone()?,
            runtime: self.runtime.clone(),
        };
        Some(Arc::new(publisher.start()))
    }

    /// Where this node is reached, as the colony writes it.
    fn texts(&self) -> Addresses {
        reach::texts(&self.addresses.borrow())
    }

    /// A client of a colony within this process.
    pub(super) fn client(&self, colony: Identity, key: SecretKey) -> Client {
        let transport = Local::new(Arc::new(self.service.clone()), self.peer, self.runtime.clone());
        Client::new(Arc::new(transport), colony, key, self.runtime.clone())
    }
}

/// Carries one colony's requests to its other nodes.
#[derive(Debug)]
struct Post {
    peers: Peers,
    colony: Identity,
}

impl Forwarder for Post {
    fn forward(&self, to: Identity, info: &MemberInfo, request: Vec<u8>, patience: Duration) -> Forwarding {
        self.peers.forward(self.colony, to, info, request, patience)
    }
}
