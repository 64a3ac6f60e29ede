//! One colony on this node: its Raft group, its coordinator's task and its desk, started and stopped together.
//!
//! What may never happen: a replica that is half started left behind; a founding repeated by a node that is not alone
//! in its colony any more.

use std::sync::Arc;

use colony_protocol::{
    bounded::{List, Text},
    identity::Identity,
};
use colony_store::{MemberInfo, Store};

use super::{
    config::{ColonyConfig, Founding, StartError},
    founding,
};
use crate::{
    client::{Client, Local},
    consensus::{Consensus, NoLinks, ProposeError, Timing},
    coordinator::{Coordinator, Events},
    net::{Multiaddr, PeerId},
    query::Desk,
    runtime::Runtime,
    service::{Colony, Service},
};

/// What all colonies of a node share.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// This node.
    pub(super) identity: Identity,
    /// The same on the network.
    pub(super) peer: PeerId,
    /// Everything remembered.
    pub(super) store: Store,
    /// Answers requests.
    pub(super) service: Service,
    /// How others find this node.
    pub(super) addresses: Vec<Multiaddr>,
    /// How far members are from each other.
    pub(super) timing: Timing,
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
}

impl Replica {
    /// Opens the colony's rows and starts everything that works on them.
    pub(super) async fn start(ground: &Ground, config: &ColonyConfig) -> Result<Self, StartError> {
        let events = Arc::new(Events::default());
        let published = Arc::clone(&events);
        let parts =
            ground.store.open_colony(config.id, Arc::new(move |news: &[_]| published.publish(news))).await?;
        let runtime = ground.runtime.clone();
        let consensus = Consensus::start(
            ground.identity,
            config.found.is_some().then(|| member_info(&ground.addresses)),
            parts.log,
            parts.machine,
            Arc::new(NoLinks),
            ground.timing,
            runtime.clone(),
        )
        .await
        .map_err(Box::new)?;
        let coordinator = Coordinator::start(parts.view.clone(), consensus.clone(), events, &runtime);
        let desk =
            Arc::new(Desk::new(parts.view, consensus.clone(), coordinator.clone(), runtime, ground.identity));
        Ok(Self { colony: config.id, coordinator, desk, consensus })
    }

    /// What the service needs of it.
    pub(super) fn served(&self) -> Colony {
        Colony { coordinator: self.coordinator.clone(), desk: Arc::clone(&self.desk) }
    }

    /// Makes the colony, or what a crash left out of it, before anybody else meets it.
    pub(super) async fn found(&self, ground: &Ground, founding: &Founding) -> Result<(), StartError> {
        self.wait_ready(ground).await?;
        let service = Service::new(ground.identity, ground.runtime.clone());
        service.serve(self.colony, self.served());
        let transport = Local::new(Arc::new(service), ground.peer, ground.runtime.clone());
        let owner =
            Client::new(Arc::new(transport), self.colony, founding.owner.clone(), ground.runtime.clone());
        Ok(founding::found(&owner, founding).await?)
    }

    /// Answers all who wait and ends the group here; the store keeps what it has.
    pub(super) async fn stop(&self) {
        self.coordinator.stop().await;
        self.consensus.shutdown().await;
    }

    /// Completes when the colony has a coordinator.
    pub(super) async fn wait_ready(&self, ground: &Ground) -> Result<(), ProposeError> {
        ground
            .runtime
            .timeout(crate::consensus::ELECTION_PATIENCE, self.consensus.elected())
            .await
            .unwrap_or(Err(ProposeError::NotCoordinator { coordinator: None }))
    }
}

/// How other members will find this node.
fn member_info(addresses: &[Multiaddr]) -> MemberInfo {
    let addresses = addresses.iter().filter_map(|address| Text::new(address.to_string()).ok()).collect();
    MemberInfo { addresses: List::new(addresses).unwrap_or_default(), ..MemberInfo::default() }
}
