//! Several real nodes on the loopback interface find each other's colonies, and liars among them change nothing.

use std::{path::PathBuf, sync::Arc, time::Duration};

use colony_node::{
    announcements::{Electorate, Hearing, Office},
    discovery::{DhtMode, Discovery, FindError, Settings},
    endpoint::{Endpoint, EndpointConfig},
    net::{Multiaddr, NetLimits, Network, discovery::Finding},
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::{List, Text},
    charter::{Charter, CharterNode, Delegation, SignedCharter, SignedDelegation},
    identity::{Identity, SecretKey},
    model::member::MemberKey,
    query::Query,
};
use futures::StreamExt as _;
use libp2p::{
    PeerId, StreamProtocol, Swarm, identify,
    kad::{self, store::MemoryStore},
    swarm::{NetworkBehaviour, SwarmEvent},
};

use crate::support::{PATIENCE, TCP, runtime, start};

/// Nobody may announce.
#[derive(Debug)]
struct Nobody;

impl Electorate for Nobody {
    fn office(&self, _who: &Identity) -> Office {
        Office::Stranger
    }

    fn term(&self) -> Option<u64> {
        None
    }
}

/// A node that looks for colonies.
struct Seeker {
    network: Network,
    discovery: Discovery,
}

async fn seeker(bootstrap: &[Multiaddr], memory: Option<PathBuf>, runtime: &Runtime) -> Seeker {
    let (network, _) = start(&[TCP], NetLimits::default(), runtime).await.unwrap();
    let settings = Settings { bootstrap: bootstrap.to_vec(), memory, lab: true, guest: false };
    let discovery = Discovery::start(&network, settings, runtime);
    Seeker { network, discovery }
}

/// So many that know the first.
async fn seekers(count: usize, runtime: &Runtime) -> Vec<Seeker> {
    let mut all = vec![seeker(&[], None, runtime).await];
    let first = all[0].network.addresses();
    for _ in 1..count {
        all.push(seeker(&first, None, runtime).await);
    }
    for one in &all {
        until("everybody knows somebody", || async { one.discovery.health().await.peers_in_table > 0 }).await;
    }
    all
}

async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let all = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "never: {what}");
}

fn key(name: &str) -> SecretKey {
    SecretKey::derive(name.as_bytes())
}

fn colony() -> Identity {
    key("owner").identity()
}

fn charter(sequence: u64, runtime: &Runtime) -> Charter {
    let address = Text::cut("/ip4/127.0.0.1/tcp/4001");
    let node =
        CharterNode { key: MemberKey::of(&key("voter")), addresses: List::new(vec![address]).unwrap() };
    Charter {
        colony: colony(),
        name: Text::cut("dev"),
        sequence,
        issued: runtime.now(),
        voters: List::new(vec![node]).unwrap(),
    }
}

/// A delegation by `owner` for `colony()`.
fn delegation(owner: &SecretKey, speaker: &SecretKey, runtime: &Runtime) -> SignedDelegation {
    let speakers = List::new(vec![speaker.identity()]).unwrap();
    let delegation = Delegation { colony: colony(), sequence: 1, issued: runtime.now(), speakers };
    SignedDelegation::sign(&delegation, owner).unwrap()
}

fn signed(sequence: u64, runtime: &Runtime) -> SignedCharter {
    let delegation = delegation(&key("owner"), &key("voter"), runtime);
    SignedCharter::sign(&charter(sequence, runtime), &delegation, &key("voter")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charter_is_found_from_any_node_and_the_newest_counts() {
    let runtime = runtime();
    let all = seekers(6, &runtime).await;
    assert_eq!(all[3].discovery.health().await.mode, DhtMode::Server);
    for (from, sequence) in [(1, 4), (2, 9), (3, 7)] {
        let kept = all[from].network.discovery().publish(colony(), &signed(sequence, &runtime)).await;
        assert!(kept > 0 || sequence == 7, "{sequence}");
    }
    for one in &all {
        let newest = || async {
            let found = one.discovery.find(colony()).await.unwrap();
            assert_eq!(found.nodes[0].key, MemberKey::of(&key("voter")));
            found.charter.sequence == 9
        };
        until("the newest is found", newest).await;
    }
    let health = all[5].discovery.health().await;
    assert!(health.last_query.is_some() && health.buckets > 0, "{health:?}");
    let nowhere = tokio::time::timeout(Duration::from_secs(5), all[4].discovery.find(key("x").identity()));
    assert!(nowhere.await.is_err(), "it is looked for again and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_for_nothing_calls_nobody_it_was_not_told_of() {
    let runtime = runtime();
    let all = seekers(3, &runtime).await;
    let (idle, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let node = &all[1].network;
    let ear = Arc::new(Hearing::new(colony(), Arc::new(Nobody), runtime.clone()));
    let _seat = idle.gossip().join(colony(), ear).await;
    idle.gossip().introduce(colony(), vec![(node.peer(), node.addresses())]).await;
    until("it is connected", || async { idle.peers() == 1 }).await;
    // The table would look around half a second after the first peer has entered it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((idle.peers(), idle.discovery().table().await), (1, Vec::new()));

    // As soon as it looks for something, it knows those who can tell.
    idle.discovery().meet(all[2].network.addresses()).await;
    until("it knows somebody", || async { !idle.discovery().table().await.is_empty() }).await;
    assert!(runtime.shutdown(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_replica_finds_where_its_colony_is_now() {
    let runtime = runtime();
    let all = seekers(3, &runtime).await;
    all[1].network.discovery().publish(colony(), &signed(1, &runtime)).await;
    // Of the colony's nodes it knew none is left; it remembers somebody else of the network.
    let discovery =
        Settings { bootstrap: all[2].network.addresses(), lab: true, guest: true, ..Settings::default() };
    let config = EndpointConfig { key: key("executor"), listen: Vec::new(), discovery };
    let endpoint = Endpoint::start(config, runtime.clone()).await.unwrap();
    let found = endpoint.find(&colony()).await.unwrap();
    assert_eq!(found.nodes[0].key, MemberKey::of(&key("voter")));
    let asked = endpoint.client(colony(), key("executor")).query(&Query::Status).await;
    let told = asked.unwrap_err().to_string();
    assert!(told.contains("/ip4/127.0.0.1/tcp/4001"), "what was found is used: {told}");
    endpoint.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_charters_are_kept_by_nobody_and_found_by_nobody() {
    let runtime = runtime();
    let all = seekers(4, &runtime).await;
    all[1].network.discovery().publish(colony(), &signed(1, &runtime)).await;
    let mallory = key("mallory");
    let good = signed(99, &runtime);
    let own = SignedCharter {
        delegation: delegation(&mallory, &mallory, &runtime),
        ..SignedCharter::sign(
            &charter(99, &runtime),
            &delegation(&key("owner"), &mallory, &runtime),
            &mallory,
        )
        .unwrap()
    };
    let swapped = SignedCharter { bytes: own.bytes.clone(), ..good };
    // Two attackers each give one to everybody; their own shelves are theirs to fill.
    for (attacker, forged) in [(2, own), (3, swapped)] {
        let before = all[0].discovery.health().await.refused;
        all[attacker].network.discovery().publish(colony(), &forged).await;
        until("it is refused", || async { all[0].discovery.health().await.refused > before }).await;
    }
    for one in &all[..2] {
        assert_eq!(one.discovery.find(colony()).await.unwrap().charter.sequence, 1);
    }
    // Also where a liar is asked, only what proves itself is believed.
    let (lonely, liar) = (seeker(&all[2].network.addresses(), None, &runtime).await, &all[2]);
    let mut findings = liar.network.discovery().find(colony()).await;
    let mut seen = Vec::new();
    while let Some(finding) = findings.recv().await {
        if let Finding::Charter(bytes) = finding {
            seen.push(SignedCharter::from_bytes(&bytes).unwrap().verify().is_ok());
        }
    }
    assert!(seen.contains(&false), "the liar has its lie");
    assert_eq!(lonely.discovery.find(colony()).await.unwrap().charter.sequence, 1);
}

/// A peer that says what it likes.
#[derive(NetworkBehaviour)]
struct Liar {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

fn liar() -> Swarm<Liar> {
    let swarm = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(Default::default(), libp2p::noise::Config::new, libp2p::yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let me = key.public().to_peer_id();
            let config = kad::Config::new(StreamProtocol::new("/colony/kad/1"));
            let mut kad = kad::Behaviour::with_config(me, MemoryStore::new(me), config);
            kad.set_mode(Some(kad::Mode::Server));
            let identify = identify::Config::new("/colony/1".to_owned(), key.public());
            Liar { kad, identify: identify::Behaviour::new(identify) }
        })
        .unwrap();
    swarm.build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_does_not_enter_the_table_or_the_shelf() {
    let runtime = runtime();
    let victim = seeker(&[], None, &runtime).await;
    let mut liar = liar();
    let me = *liar.local_peer_id();
    // Addresses of other peers, of nobody, through relays, and far too many.
    let other = PeerId::random();
    for lie in [
        format!("/ip4/127.0.0.1/tcp/1/p2p/{other}"),
        "/ip4/0.0.0.0/tcp/1".to_owned(),
        "/ip4/224.0.0.1/udp/1/quic-v1".to_owned(),
        format!("/ip4/127.0.0.1/tcp/2/p2p/{other}/p2p-circuit"),
    ] {
        liar.add_external_address(lie.parse().unwrap());
    }
    for port in 1_000..1_040 {
        liar.add_external_address(format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap());
    }
    let address = victim.network.addresses().remove(0);
    liar.behaviour_mut().kad.add_address(&victim.network.peer(), address.clone());
    liar.dial(address).unwrap();
    let keys: Vec<Vec<u8>> = vec![
        [&b"/colony/charter/"[..], colony().as_bytes()].concat(),
        b"/colony/charter/short".to_vec(),
        b"/anything/else".to_vec(),
    ];
    let mut is_met = false;
    let lying = async {
        loop {
            if let SwarmEvent::Behaviour(LiarEvent::Identify(identify::Event::Received { .. })) =
                liar.select_next_some().await
                && !is_met
            {
                is_met = true;
                let kad = &mut liar.behaviour_mut().kad;
                for key in &keys {
                    let record = kad::Record::new(key.clone(), b"poison".to_vec());
                    kad.put_record(record, kad::Quorum::One).unwrap();
                    kad.start_providing(key.clone().into()).unwrap();
                }
                let large = kad::Record::new(keys[0].clone(), vec![7; 12 * 1024]);
                kad.put_record(large, kad::Quorum::One).unwrap();
            }
        }
    };
    let watching = async {
        // Four records, three providers under keys of no use.
        until("all is refused", || async { victim.discovery.health().await.refused >= 7 }).await;
        let table = victim.network.discovery().table().await;
        let (peer, addresses) = table.first().unwrap();
        assert_eq!((table.len(), *peer), (1, me));
        assert!(addresses.len() <= 8, "{addresses:?}");
        for address in addresses {
            let text = address.to_string();
            assert!(text.starts_with("/ip4/127.0.0.1/tcp/10"), "{text}");
            assert!(text.ends_with(&format!("/p2p/{me}")), "{text}");
        }
        let health = victim.discovery.health().await;
        assert_eq!((health.charters_kept, health.providers_published), (0, 0));
    };
    tokio::select! {
        biased;
        () = watching => {}
        () = lying => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_remembers_needs_no_bootstrap() {
    let runtime = runtime();
    let directory = tempfile::tempdir().unwrap();
    let memory = || Some(directory.path().join("peers.cbor"));
    let all = seekers(2, &runtime).await;
    all[1].network.discovery().publish(colony(), &signed(1, &runtime)).await;

    let first = seeker(&all[0].network.addresses(), memory(), &runtime).await;
    until("it knows both", || async { first.discovery.health().await.peers_in_table == 2 }).await;
    first.discovery.find(colony()).await.unwrap();
    first.discovery.stop().await;
    first.network.shutdown().await;

    // The one it began with is gone; it remembers the other.
    all[0].network.shutdown().await;
    let second = seeker(&[], memory(), &runtime).await;
    assert_eq!(second.discovery.find(colony()).await.unwrap().charter.sequence, 1);
    assert!(second.discovery.remembered() >= 2);
}

fn node(key: SecretKey, bootstrap: Vec<Multiaddr>, colonies: Vec<ColonyConfig>) -> NodeConfig {
    NodeConfig {
        key,
        data: Data::Memory,
        listen: vec![TCP.parse().unwrap()],
        tls: None,
        timing: colony_node::consensus::Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        relay: false,
        bootstrap,
        lab: false,
        colonies,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founded_colony_is_found_by_its_id_alone() {
    let runtime = runtime();
    let hub = Node::start(node(key("hub"), Vec::new(), Vec::new()), runtime.clone()).await.unwrap();
    let founding = Founding {
        owner: key("owner"),
        name: Text::cut("dev"),
        member: Text::cut("a"),
        executors: Vec::new(),
        users: Vec::new(),
    };
    let config = ColonyConfig { id: colony(), found: Some(founding), peers: Vec::new() };
    let home = Node::start(node(key("a"), hub.addresses(), vec![config]), runtime.clone()).await.unwrap();
    let looks = Node::start(node(key("b"), hub.addresses(), Vec::new()), runtime.clone()).await.unwrap();
    let found = looks.discovery().unwrap().find(colony()).await.unwrap();
    assert_eq!(found.charter.name, Text::cut("dev"));
    assert_eq!(found.nodes.len(), 1);
    assert_eq!(found.nodes[0].key, MemberKey::of(&key("a")));
    assert!(home.addresses().iter().all(|address| found.nodes[0].addresses.contains(address)));
    assert_eq!(home.discovery().unwrap().health().await.providers_published, 1);
    for node in [looks, home, hub] {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_can_ask_nobody_says_so() {
    let runtime = runtime();
    let lonely = seeker(&["/ip4/127.0.0.1/tcp/1".parse().unwrap()], None, &runtime).await;
    let searching = lonely.discovery.find(colony());
    lonely.network.shutdown().await;
    assert_eq!(searching.await, Err(FindError::Alone { bootstrap: 1, remembered: 0 }));
}
