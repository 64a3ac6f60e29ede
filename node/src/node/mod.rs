//! A whole node: store, network, and any number of colonies, started in that order and stopped in the other.
//!
//! Everything else in this crate is a part; this is the one place that knows all of them. A node is made by
//! [`Node::start`], talked to through [`Node::client`] or over the network, and ended by [`Node::shutdown`]. A node that
//! is only dropped is a node that crashed: nothing acknowledged is lost. Its colonies share one store, one network and
//! one identity, and nothing else: each has its own quorum, and comes and goes without the others.
//!
//! What may never happen: one colony kept from working by another that cannot start; a colony open twice.

mod book;
mod colleague;
mod config;
mod founding;
mod neighbours;
mod pulse;
mod replica;
mod tending;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::{
    envelope::EnvelopeError,
    identity::{Identity, SecretKey},
    model::member::StoreId,
    refusal::Refusal,
    reply::Status,
};
use colony_store::{Disk, Options, Store, Writer};
pub use colony_store::{ForgetError, OpenColonyError, OpenError};
use tokio::sync::{oneshot, watch};

pub use config::{
    ColonyConfig, Data, DiskSource, Founding, KnownPeer, LOG_KEPT, LOG_KEPT_MIN, NodeConfig, REPLACE_AFTER,
    StartError,
};

use self::replica::{Ground, Replica};
pub(crate) use self::{
    book::{Book, RemoveError},
    pulse::Pulse,
};
use crate::{
    client::{Client, Local, Transport},
    consensus::ProposeError,
    discovery::{Discovery, PEERS_FILE, Settings},
    gateway::{Behind, Gateway, GatewayConfig, GatewayError},
    net::{Multiaddr, NetConfig, NetLimits, Network, PeerDoor, PeerId, is_alone, peer_of},
    peers::Peers,
    reach,
    runtime::{Runtime, Task, Worker},
    service::Service,
};

/// The store's file in the data directory.
const STORE_FILE: &str = "store.redb";
/// How long requests under way may take to be answered at shutdown; a caller in this process may have stopped asking.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// Before a colony that is still held by a task that ends is tried to be forgotten again.
const FORGET_RETRY: Duration = Duration::from_millis(20);
/// How long the store's last write may take at shutdown.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// What its colonies share.
    ground: Ground,
    /// Its colonies.
    replicas: Arc<Mutex<BTreeMap<Identity, Replica>>>,
    /// Lets go of the colonies when this is dropped without a shutdown.
    ties: Ties,
    /// Talks to peers; `None` for a node that listens nowhere.
    network: Option<Network>,
    /// Says that the store's writer has ended.
    closed: oneshot::Receiver<()>,
}

/// Colonies and connections hold each other: a colony sends through the connections, and they bring it what others
/// send. Dropping this ends that, so that a node that is only dropped leaves nothing behind.
#[derive(Debug)]
struct Ties(Peers, Arc<neighbours::Neighbours>);

impl Drop for Ties {
    fn drop(&mut self) {
        self.0.close();
        self.1.leave_all();
    }
}

impl Node {
    /// Starts a node and opens its colonies. When this returns the node listens; a colony with a founding is made and
    /// serves.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start(config: NodeConfig, runtime: Runtime) -> Result<Self, StartError> {
        let identity = config.key.identity();
        let peer = peer_of(&config.key.public_key()).ok_or(StartError::Key)?;
        let (store, closed) = open_store(&config.data, &runtime).await?;
        let service = Service::new(identity, runtime.clone());
        let (peers, door) = Peers::new(&config.key, config.timing, runtime.clone());
        let ground = Ground {
            key: config.key.clone(),
            identity,
            peer,
            store,
            peers,
            service,
            gossip: None,
            pulse: Pulse::new(identity, runtime.clone()),
            discovery: None,
            addresses: watch::Sender::new(Vec::new()).subscribe(),
            neighbours: Arc::default(),
            timing: config.timing,
            replace_after: config.replace_after,
            log_kept: config.log_kept,
            runtime,
        };
        let ties = Ties(ground.peers.clone(), Arc::clone(&ground.neighbours));
        let mut node = Self { ground, ties, replicas: Arc::default(), network: None, closed };
        if let Err(error) = node.begin(config, door).await {
            node.shutdown().await;
            return Err(error);
        }
        Ok(node)
    }

    /// Listens, then opens the colonies.
    async fn begin(&mut self, config: NodeConfig, door: PeerDoor) -> Result<(), StartError> {
        self.ground.service.expect(config.colonies.iter().map(|colony| colony.id).collect());
        if !config.listen.is_empty() {
            let lab = config.lab || is_alone(&config.listen);
            let handler = Arc::new(self.ground.service.clone());
            let network = NetConfig {
                key: config.key,
                listen: config.listen,
                tls: config.tls,
                limits: NetLimits::default(),
                lab,
                relay: config.relay,
            };
            let network = Network::start_with(network, handler, door, self.ground.runtime.clone()).await?;
            self.ground.gossip = Some(network.gossip().clone());
            self.ground.pulse = self.ground.pulse.with(network.account());
            let settings =
                Settings { bootstrap: config.bootstrap, memory: memory(&config.data), lab, guest: false };
            self.ground.discovery = Some(Discovery::start(&network, settings, &self.ground.runtime));
            self.be_reachable(&network);
            self.network = Some(network);
        }
        let mut failed = None;
        for colony in &config.colonies {
            if let Err(error) = self.open_colony(colony).await {
                tracing::error!(colony = %colony.id, %error, "a colony does not start");
                failed = failed.or(Some(error));
            }
        }
        self.ground.service.expect(BTreeSet::new());
        // One that works is worth running for.
        if self.replicas().is_empty() { failed.map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Keeps this node reachable, and knows from now on where others are told to find it.
    fn be_reachable(&mut self, network: &Network) {
        let Ground { peer, peers, neighbours, runtime, .. } = &self.ground;
        let (handle, relays) = (network.reach().clone(), Arc::clone(neighbours));
        peers.see(handle.clone(), network.census().clone());
        let (addresses, told) = watch::channel(reach::told(&handle.sight().borrow(), *peer));
        runtime.spawn("reach", reach::supervise(*peer, handle, relays, addresses, runtime.clone()));
        self.ground.addresses = told;
    }

    /// Opens a colony, new or known to the store, and serves it from now on. A colony with a founding is made first.
    ///
    /// # Errors
    /// [`StartError`]; the other colonies of this node are not disturbed.
    pub async fn open_colony(&self, config: &ColonyConfig) -> Result<(), StartError> {
        self.book().open(config).await
    }

    /// Serves a colony no more: answers all who wait, and leaves what is stored of it where it is. Says whether it was
    /// open.
    pub async fn close_colony(&self, colony: &Identity) -> bool {
        self.book().close(colony).await
    }

    /// Serves a colony no more, and forgets all that is stored of it.
    ///
    /// # Errors
    /// [`ForgetError`], if what read it has not ended in time, or the store failed.
    pub async fn forget_colony(&self, colony: &Identity) -> Result<(), ForgetError> {
        self.book().forget(colony).await
    }

    fn book(&self) -> Book {
        Book { ground: self.ground.clone(), replicas: Arc::clone(&self.replicas) }
    }

    /// The colonies that are open.
    #[must_use]
    pub fn colonies(&self) -> Vec<Identity> {
        self.replicas().keys().copied().collect()
    }

    /// A client of a colony within this process that signs with `key`.
    #[must_use]
    pub fn client(&self, colony: Identity, key: SecretKey) -> Client {
        self.ground.client(colony, key)
    }

    /// The way to this node within its process, for doors that bring requests in another form.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        let Ground { service, peer, runtime, .. } = &self.ground;
        Arc::new(Local::new(Arc::new(service.clone()), *peer, runtime.clone()))
    }

    /// Opens the door for ColonyOS's clients. It is closed before the node is shut down.
    ///
    /// # Errors
    /// [`GatewayError`] says why it cannot be opened there.
    pub async fn open_gateway(&self, config: GatewayConfig) -> Result<Gateway, GatewayError> {
        let Ground { service, key, pulse, runtime, .. } = &self.ground;
        let (service, key) = (service.clone(), key.clone());
        let book = self.book();
        let behind = Behind { service, key, pulse: pulse.clone(), book, runtime: runtime.clone() };
        Gateway::open(behind, config).await
    }

    /// Who this node is.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.ground.identity
    }

    /// The id of its disk.
    #[must_use]
    pub const fn store_id(&self) -> StoreId {
        self.ground.store.id()
    }

    /// Where it listens, with the real ports.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.network.as_ref().map_or_else(Vec::new, Network::addresses)
    }

    /// Finds colonies on the network, and keeps this node in touch with it; `None` for a node that listens nowhere.
    #[must_use]
    pub const fn discovery(&self) -> Option<&Discovery> {
        self.ground.discovery.as_ref()
    }

    /// Where others are told to find it, now and whenever that changes: also ways through relays, and without addresses
    /// that only this machine can use.
    #[must_use]
    pub fn reached_at(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.ground.addresses.clone()
    }

    /// Its place in the network; `None` for a node that listens nowhere.
    #[must_use]
    pub const fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// Who knows another process with this node's key, once somebody does: a home was copied, and both copies run. This
    /// node is not heard by its colonies then.
    #[must_use]
    pub fn second(&self) -> Option<Identity> {
        *self.ground.peers.second().borrow()
    }

    /// Its id on the network.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.ground.peer
    }

    /// How many peers it is connected with.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.network.as_ref().map_or(0, Network::peers)
    }

    /// A colony and its coordinator, as this node sees them.
    ///
    /// # Errors
    /// [`Refusal::Envelope`] if the colony is not open here, [`Refusal::Storage`] if its state cannot be trusted any
    /// more.
    pub fn status(&self, colony: &Identity) -> Result<Status, Refusal> {
        self.replica(colony).ok_or(EnvelopeError::WrongColony)?.desk.status()
    }

    /// Who votes in a colony, if that is final as far as this node knows; `None` while a change of it is under way.
    #[must_use]
    pub fn decided_voters(&self, colony: &Identity) -> Option<Vec<Identity>> {
        self.replica(colony)?.consensus.decided_voters()
    }

    /// Whether this node takes part in a colony: it is open here, and its members have not sent this node away.
    #[must_use]
    pub fn takes_part(&self, colony: &Identity) -> bool {
        self.replica(colony).is_some_and(|replica| replica.ended.get().is_none())
    }

    /// Completes when a colony has a coordinator.
    ///
    /// # Errors
    /// [`ProposeError`] if the store failed, the colony is not open here or nobody was elected in time.
    pub async fn wait_ready(&self, colony: &Identity) -> Result<(), ProposeError> {
        self.replica(colony).ok_or(ProposeError::Stopped)?.wait_ready(&self.ground).await
    }

    /// Stops gracefully: takes no more requests, lets those under way finish, answers all who wait, writes what is not
    /// written, closes the store. A failed store is no obstacle.
    pub async fn shutdown(self) {
        let replicas = std::mem::take(&mut *self.replicas());
        for replica in replicas.values() {
            replica.hide().await;
            replica.keeper.stop().await;
            replica.coordinator.stop().await;
        }
        if self.ground.runtime.timeout(ANSWER_PATIENCE, self.ground.service.close()).await.is_none() {
            tracing::warn!("stopping with requests under way");
        }
        if let Some(discovery) = &self.ground.discovery {
            discovery.stop().await;
        }
        if let Some(network) = self.network {
            network.shutdown().await;
        }
        for replica in replicas.values() {
            replica.consensus.shutdown().await;
        }
        self.ground.peers.close();
        self.ground.neighbours.leave_all();
        let runtime = self.ground.runtime.clone();
        // The writer ends when the last handle of the store is gone.
        drop((replicas, self.ground, self.replicas, self.ties));
        if runtime.timeout(CLOSE_PATIENCE, self.closed).await.is_none() {
            tracing::warn!("the store did not close in time; what was acknowledged is on disk");
        }
    }

    fn replica(&self, colony: &Identity) -> Option<Replica> {
        self.replicas().get(colony).cloned()
    }

    fn replicas(&self) -> MutexGuard<'_, BTreeMap<Identity, Replica>> {
        // Nothing that can panic runs under this lock.
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_owner(colony: &ColonyConfig) -> Result<(), StartError> {
    match colony.found.as_ref().map(|founding| founding.owner.identity()) {
        Some(given) if given != colony.id => Err(StartError::Owner { given, colony: colony.id }),
        _ => Ok(()),
    }
}

/// Where peers are remembered: beside the store. A disk that is emulated has no place for it.
fn memory(data: &Data) -> Option<PathBuf> {
    match data {
        Data::Directory(path) => Some(path.join(PEERS_FILE)),
        Data::Memory | Data::Given(_) => None,
    }
}

/// Opens the store and starts its writer; the receiver resolves when the writer has ended and the file is closed.
async fn open_store(data: &Data, runtime: &Runtime) -> Result<(Store, oneshot::Receiver<()>), StartError> {
    let disk = match data {
        Data::Memory => Disk::Memory,
        Data::Given(source) => source.disk(),
        Data::Directory(path) => {
            let failed = |source| StartError::Directory { path: path.clone(), source };
            std::fs::create_dir_all(path).map_err(failed)?;
            Disk::File(path.join(STORE_FILE))
        }
    };
    // Opening after a crash may have to read much of the file.
    let (opened, opening) = oneshot::channel();
    let fresh = StoreId::from_bytes(runtime.random());
    runtime.thread("store-open", move || drop(opened.send(Store::open(disk, Options::default(), fresh))));
    let (store, writer): (Store, Writer) = opening.await.map_err(|_| StartError::Thread)??;
    let (done, closed) = oneshot::channel();
    runtime.worker("store", StoreWriter { writer, done });
    Ok((store, closed))
}

/// The store's writer, and who waits for its end.
struct StoreWriter {
    writer: Writer,
    done: oneshot::Sender<()>,
}

impl Worker for StoreWriter {
    fn run(self: Box<Self>) {
        self.writer.run();
        // Nobody waits for it if the node was dropped.
        self.done.send(()).ok();
    }

    fn run_inline(self: Box<Self>) -> Task {
        Box::pin(async move {
            self.writer.run_inline().await;
            self.done.send(()).ok();
        })
    }
}
