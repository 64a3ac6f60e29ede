//! The protocols of discovery.

use libp2p::{
    PeerId, StreamProtocol, identify,
    identity::PublicKey,
    kad::{self, store::MemoryStore},
    swarm::NetworkBehaviour,
};

/// What nodes of this kind call themselves to each other.
const IDENTIFY: &str = "/colony/1";
/// Our own table: the nodes of other networks are of no use here.
pub(crate) const KAD: StreamProtocol = StreamProtocol::new("/colony/kad/1");

/// Kademlia, and identify, which tells who speaks it.
#[derive(NetworkBehaviour)]
pub(in crate::net) struct Behaviour {
    pub(in crate::net) kad: kad::Behaviour<MemoryStore>,
    pub(in crate::net) identify: identify::Behaviour,
}

impl Behaviour {
    /// `agent` is what this process calls itself.
    pub(in crate::net) fn new(key: PublicKey, agent: String) -> Self {
        let me: PeerId = key.to_peer_id();
        let mut config = kad::Config::new(KAD);
        config
            .set_kbucket_inserts(kad::BucketInserts::Manual)
            .set_record_filtering(kad::StoreInserts::FilterBoth)
            // Nothing is in the table of a node that was told of nobody.
            .set_periodic_bootstrap_interval(None);
        let kad = kad::Behaviour::with_config(me, MemoryStore::new(me), config);
        let identify = identify::Behaviour::new(
            identify::Config::new(IDENTIFY.to_owned(), key).with_agent_version(agent),
        );
        Self { kad, identify }
    }
}
