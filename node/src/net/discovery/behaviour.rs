//! The protocols of discovery, and how they are set.

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{PeerId, StreamProtocol, identify, identity::PublicKey, kad, swarm::NetworkBehaviour};

use super::shelf::Shelf;
use crate::runtime::Runtime;

/// What nodes of this kind call themselves to each other.
const IDENTIFY: &str = "/colony/1";
/// Our own table: the nodes of other networks are of no use here.
pub(crate) const KAD: StreamProtocol = StreamProtocol::new("/colony/kad/1");
/// How long one query may take. Peers that are gone hold it up, each for as long as a dial takes; three paths go on.
const QUERY: Duration = Duration::from_secs(20);
/// Paths of a query that share no peer: a liar on one of them does not decide what is found.
const PATHS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// Between two announcements that this node serves a colony; a quarter of the time for which it is believed.
const SERVES_AGAIN: Duration = Duration::from_secs(3600);
/// For how long others believe it.
const SERVES_FOR: Duration = Duration::from_secs(4 * 3600);
/// For how long a charter is kept: as long as it counts.
const CHARTER_FOR: Duration = colony_protocol::charter::LIFE.to_std();

/// Kademlia, and identify, which tells who speaks it.
#[derive(NetworkBehaviour)]
pub(in crate::net) struct Behaviour {
    pub(in crate::net) kad: kad::Behaviour<Shelf>,
    pub(in crate::net) identify: identify::Behaviour,
}

impl Behaviour {
    /// `agent` is what this process calls itself.
    pub(in crate::net) fn new(key: PublicKey, agent: String, runtime: &Runtime) -> Self {
        let me: PeerId = key.to_peer_id();
        let mut kad = kad::Behaviour::with_config(me, Shelf::new(me, runtime.clone()), config());
        // Others send their questions only to a node that they can reach; whether this one is, is found out later.
        kad.set_mode(Some(kad::Mode::Client));
        let identify = identify::Behaviour::new(
            identify::Config::new(IDENTIFY.to_owned(), key).with_agent_version(agent),
        );
        Self { kad, identify }
    }
}

fn config() -> kad::Config {
    let mut config = kad::Config::new(KAD);
    config
        // Nothing enters the table or the shelf unless this room has looked at it.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_parallelism(PATHS)
        .disjoint_query_paths(true)
        .set_query_timeout(QUERY)
        .set_caching(kad::Caching::Disabled)
        .set_record_ttl(Some(CHARTER_FOR))
        // A charter is published anew by its voters, each time with a later date. Those who store it only keep it; what
        // the behaviour would remember for sending it on grows with every key that strangers think of.
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_record_ttl(Some(SERVES_FOR))
        .set_provider_publication_interval(Some(SERVES_AGAIN))
        // The room does that, when there is somebody to ask.
        .set_periodic_bootstrap_interval(None);
    config
}
