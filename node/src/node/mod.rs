//! A whole node: store, consensus, coordinator, service and network, started in that order and stopped in the other.
//!
//! Everything else in this crate is a part; this is the one place that knows all of them. A node is made by
//! [`Node::start`], talked to through [`Node::client`] or over the network, and ended by [`Node::shutdown`]. A node that
//! is only dropped is a node that crashed: nothing acknowledged is lost.

mod config;
mod founding;

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::Name,
    refusal::Refusal,
    reply::Status,
};
use colony_store::{Disk, MemberInfo, Options, Store, Writer};
use tokio::sync::oneshot;

pub use config::{ColonyConfig, Data, DiskSource, Founding, NodeConfig, StartError};

use crate::{
    client::{Client, Local, Transport},
    consensus::{Consensus, ELECTION_PATIENCE, NoLinks, ProposeError},
    coordinator::{Coordinator, Events},
    net::{Multiaddr, NetConfig, NetLimits, Network, PeerId, peer_of},
    query::Desk,
    runtime::Runtime,
    service::{Colony, Service},
};

/// The store's file in the data directory.
const STORE_FILE: &str = "store.redb";
/// How long requests under way may take to be answered at shutdown; a caller in this process may have stopped asking.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// How long the store's last write may take at shutdown.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// Who it is.
    identity: Identity,
    /// The same on the network.
    peer: PeerId,
    /// The colony it serves.
    colony: Identity,
    /// Answers requests.
    service: Service,
    /// Orders commands.
    coordinator: Coordinator,
    /// Answers questions.
    desk: Arc<Desk>,
    /// Agrees with the other members.
    consensus: Consensus,
    /// Talks to peers; `None` for a node that listens nowhere.
    network: Option<Network>,
    /// Everything remembered.
    store: Store,
    /// Says that the store's writer has ended.
    closed: oneshot::Receiver<()>,
    /// Time, tasks, threads.
    runtime: Runtime,
}

impl Node {
    /// Starts a node. When this returns the node listens; with a founding, the colony is made and serves.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start(config: NodeConfig, runtime: Runtime) -> Result<Self, StartError> {
        check_owner(&config.colony)?;
        let identity = config.key.identity();
        let peer = peer_of(&config.key.public_key()).ok_or(StartError::Key)?;
        let (store, closed) = open_store(&config.data, &runtime).await?;
        let events = Arc::new(Events::default());
        let published = Arc::clone(&events);
        let parts =
            store.open_colony(config.colony.id, Arc::new(move |news: &[_]| published.publish(news))).await?;
        let info = member_info(&config);
        let consensus = Consensus::start(
            identity,
            Some(info),
            parts.log,
            parts.machine,
            Arc::new(NoLinks),
            runtime.clone(),
        )
        .await
        .map_err(Box::new)?;
        let coordinator = Coordinator::start(parts.view.clone(), consensus.clone(), events, &runtime);
        let desk = Arc::new(Desk::new(
            parts.view,
            consensus.clone(),
            coordinator.clone(),
            runtime.clone(),
            identity,
        ));
        let service = Service::new(identity, runtime.clone());
        service.serve(config.colony.id, Colony { coordinator: coordinator.clone(), desk: Arc::clone(&desk) });
        let mut node = Self {
            identity,
            peer,
            colony: config.colony.id,
            service,
            coordinator,
            desk,
            consensus,
            network: None,
            store,
            closed,
            runtime,
        };
        if let Err(error) = node.open_doors(&config).await {
            node.shutdown().await;
            return Err(error);
        }
        Ok(node)
    }

    /// Makes the colony if asked to, then listens: nobody meets a colony that is half made.
    async fn open_doors(&mut self, config: &NodeConfig) -> Result<(), StartError> {
        if let Some(founding) = &config.colony.found {
            self.wait_ready().await?;
            founding::found(&self.client(founding.owner.clone()), founding).await?;
        }
        if !config.listen.is_empty() {
            let handler = Arc::new(self.service.clone());
            let network = NetConfig {
                key: config.key.clone(),
                listen: config.listen.clone(),
                limits: NetLimits::default(),
            };
            self.network = Some(Network::start(network, handler, self.runtime.clone()).await?);
        }
        Ok(())
    }

    /// A client within this process that signs with `key`.
    #[must_use]
    pub fn client(&self, key: SecretKey) -> Client {
        Client::new(self.transport(), self.colony, key, self.runtime.clone())
    }

    /// The way to this node within its process, for doors that bring requests in another form.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(Local::new(Arc::new(self.service.clone()), self.peer, self.runtime.clone()))
    }

    /// Who this node is.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Where it listens, with the real ports.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.network.as_ref().map_or_else(Vec::new, Network::addresses)
    }

    /// Its id on the network.
    #[must_use]
    pub const fn peer_id(&self) -> PeerId {
        self.peer
    }

    /// The colony and its coordinator, as this node sees them.
    ///
    /// # Errors
    /// [`Refusal::Storage`] if the state cannot be trusted any more.
    pub fn status(&self) -> Result<Status, Refusal> {
        self.desk.status()
    }

    /// Completes when the colony has a coordinator.
    ///
    /// # Errors
    /// [`ProposeError`] if the store failed or nobody was elected in time.
    pub async fn wait_ready(&self) -> Result<(), ProposeError> {
        self.runtime
            .timeout(ELECTION_PATIENCE, self.consensus.elected())
            .await
            .unwrap_or(Err(ProposeError::NotCoordinator { coordinator: None }))
    }

    /// Stops gracefully: takes no more requests, lets those under way finish, answers all who wait, writes what is not
    /// written, closes the store. A failed store is no obstacle.
    pub async fn shutdown(self) {
        self.coordinator.stop().await;
        if self.runtime.timeout(ANSWER_PATIENCE, self.service.close()).await.is_none() {
            tracing::warn!("stopping with requests under way");
        }
        if let Some(network) = self.network {
            network.shutdown().await;
        }
        self.consensus.shutdown().await;
        // The writer ends when the last handle of the store is gone.
        drop((self.service, self.coordinator, self.desk, self.consensus, self.store));
        if self.runtime.timeout(CLOSE_PATIENCE, self.closed).await.is_none() {
            tracing::warn!("the store did not close in time; what was acknowledged is on disk");
        }
    }
}

fn check_owner(colony: &ColonyConfig) -> Result<(), StartError> {
    match colony.found.as_ref().map(|founding| founding.owner.identity()) {
        Some(given) if given != colony.id => Err(StartError::Owner { given, colony: colony.id }),
        _ => Ok(()),
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
    runtime.thread("store-open", move || drop(opened.send(Store::open(disk, Options::default()))));
    let (store, writer): (Store, Writer) = opening.await.map_err(|_| StartError::Thread)??;
    let (done, closed) = oneshot::channel();
    runtime.thread("store", move || {
        writer.run();
        // Nobody waits for it if the node was dropped.
        done.send(()).ok();
    });
    Ok((store, closed))
}

/// How other members will find this node.
fn member_info(config: &NodeConfig) -> MemberInfo {
    let addresses = config.listen.iter().filter_map(|address| Text::new(address.to_string()).ok()).collect();
    MemberInfo { addresses: List::new(addresses).unwrap_or_default(), name: Name::default() }
}
