//! The other nodes of this node's colonies, as those that may relay for it.
//!
//! Nodes keep replicas, so they are up most of the time and know who is a member; executors and users do not relay. A new
//! member knows those its ticket named before it knows the colony.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use colony_protocol::{identity::Identity, model::member::Member};
use colony_store::ColonyView;
use libp2p::{Multiaddr, PeerId};

use super::config::KnownPeer;
use crate::{
    net::peer_of,
    reach::{Candidate, Relays},
};

/// Nodes of the colonies of one node.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    colonies: Mutex<BTreeMap<Identity, Colony>>,
}

/// Where the nodes of one colony are known from.
#[derive(Debug)]
struct Colony {
    view: ColonyView,
    told: Vec<Candidate>,
}

impl Neighbours {
    /// A colony is open: its nodes, and those that a ticket named.
    pub(super) fn meet(&self, colony: Identity, view: ColonyView, told: &[KnownPeer]) {
        let told =
            told.iter().filter_map(|node| candidate(node.key.as_bytes(), node.addresses.iter().cloned()));
        let known = Colony { view, told: told.collect() };
        self.lock().insert(colony, known);
    }

    /// A colony is open no more.
    pub(super) fn leave(&self, colony: &Identity) {
        self.lock().remove(colony);
    }

    /// No colony is.
    pub(super) fn leave_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Identity, Colony>> {
        // Nothing that can panic runs under this lock.
        self.colonies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relays for std::sync::Arc<Neighbours> {
    fn known(&self) -> Vec<Candidate> {
        let mut known: BTreeMap<PeerId, Candidate> = BTreeMap::new();
        for Colony { view, told } in self.lock().values() {
            // A state that cannot be trusted says nothing; who was named before still counts.
            let state = view.colony().ok();
            let members = state.iter().flat_map(|colony| colony.members()).filter_map(of_member);
            for candidate in members.chain(told.iter().cloned()) {
                known.entry(candidate.peer).or_insert(candidate);
            }
        }
        known.into_values().collect()
    }
}

fn of_member(member: &Member) -> Option<Candidate> {
    let addresses = member.addresses.iter().filter_map(|address| address.parse().ok());
    member.is_active_node().then(|| candidate(member.key.as_bytes(), addresses)).flatten()
}

fn candidate(key: &[u8], addresses: impl Iterator<Item = Multiaddr>) -> Option<Candidate> {
    Some(Candidate::new(peer_of(key)?, addresses))
}
