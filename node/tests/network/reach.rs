//! Nodes that nobody can dial, and the relay they share.

use std::{sync::Arc, time::Duration};

use colony_node::{
    consensus::Timing,
    net::{
        Multiaddr, NetConfig, NetLimits, Network,
        reach::{Order, Standing},
    },
    peers::{Colleague, Peers},
    reach::{self, Candidate, told},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::{List, Text},
    identity::SecretKey,
    model::member::{MemberKey, Path, StoreId},
};
use colony_store::MemberInfo;
use tokio::sync::watch;

use crate::{
    peers::side::{Answering, COLONY, Side},
    support::{Echo, TCP, eventually, runtime},
};

/// How long a relay that returns may take to be used again.
const BACK: Duration = Duration::from_secs(15);

/// A node with what keeps it reachable.
struct Hidden {
    side: Side,
    addresses: watch::Receiver<Vec<Multiaddr>>,
}

/// A node as it is configured here.
async fn side(key: SecretKey, listen: &[Multiaddr], relay: bool, runtime: &Runtime) -> Side {
    let store = StoreId::from_bytes(runtime.random());
    let (peers, door) = Peers::new(&key, Timing::Local, runtime.clone());
    let config = NetConfig {
        key: key.clone(),
        listen: listen.to_vec(),
        limits: NetLimits::default(),
        relay,
        lab: false,
        tls: None,
    };
    let network =
        Network::start_with(config, Arc::new(Echo::default()), door, runtime.clone()).await.unwrap();
    let colony = Arc::new(Answering { store, ..Answering::default() });
    peers.serve(COLONY, Arc::clone(&colony) as Arc<dyn Colleague>);
    peers.see(network.reach().clone(), network.census().clone());
    Side { key, store, peers, network, colony }
}

async fn relay(key: SecretKey, at: &str, runtime: &Runtime) -> Side {
    side(key, &[at.parse().unwrap()], true, runtime).await
}

fn candidate(relay: &Side) -> Candidate {
    Candidate { peer: relay.network.peer(), addresses: relay.network.addresses() }
}

impl Hidden {
    /// A node that listens nowhere and knows relays.
    async fn start(relays: Vec<Candidate>, runtime: &Runtime) -> Self {
        let side = side(SecretKey::derive(&runtime.random::<32>()), &[], false, runtime).await;
        let (addresses, watched) = watch::channel(Vec::new());
        let (me, handle) = (side.network.peer(), side.network.reach().clone());
        runtime.spawn("reach", reach::supervise(me, handle, relays, addresses, runtime.clone()));
        Self { side, addresses: watched }
    }

    /// What the membership would say of it.
    fn info(&self) -> MemberInfo {
        let texts =
            self.addresses.borrow().iter().map(|address| Text::new(address.to_string()).unwrap()).collect();
        MemberInfo {
            addresses: List::new(texts).unwrap(),
            key: MemberKey::of(&self.side.key),
            store: self.side.store,
            ..MemberInfo::default()
        }
    }

    fn is_reached(&self) -> bool {
        !self.addresses.borrow().is_empty()
    }
}

/// Everybody is a member to everybody.
fn acquaint(sides: &[&Side]) {
    for one in sides {
        for other in sides {
            one.hear(other);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_nobody_can_dial_talk_through_a_relay_also_after_it_was_restarted() {
    let runtime = runtime();
    let key = SecretKey::derive(b"relay");
    let middle = relay(key.clone(), TCP, &runtime).await;
    let at = middle.network.addresses()[0].to_string();
    let at = at.split("/p2p/").next().unwrap().to_owned();
    let one = Hidden::start(vec![candidate(&middle)], &runtime).await;
    let other = Hidden::start(vec![candidate(&middle)], &runtime).await;
    acquaint(&[&middle, &one.side, &other.side]);

    eventually("both are reached through the relay", || one.is_reached() && other.is_reached()).await;
    let reach = one.side.network.reach().watch().borrow().clone();
    assert_eq!(reach.reservations.len(), 1);
    assert_eq!(reach.reservations[0].relay, middle.network.peer());

    // They stay connected, and talk.
    one.side.peers.keep(COLONY, vec![(other.side.id(), other.info())]);
    eventually("one reaches the other", || one.side.reaches(&other.side)).await;
    assert_eq!(one.side.peers.path(&other.side.id()).map(|path| path.path), Some(Path::Relayed));
    let hello = one.side.peers.forward(COLONY, other.side.id(), &other.info(), b"hello".to_vec(), BACK).await;
    assert_eq!(hello.unwrap(), b"hello");
    // The other end knows the way too.
    assert_eq!(other.side.peers.path(&one.side.id()).map(|path| path.path), Some(Path::Relayed));

    // A restart: the relay has forgotten everything.
    middle.stop().await;
    eventually("the way is lost", || !one.side.reaches(&other.side)).await;
    let begun = runtime.elapsed();
    let middle = relay(key, &at, &runtime).await;
    acquaint(&[&middle, &one.side, &other.side]);
    // Who has lost its place is told nowhere until it has one again.
    eventually("both have places again", || one.is_reached() && other.is_reached()).await;
    let again = one.side.peers.forward(COLONY, other.side.id(), &other.info(), b"again".to_vec(), BACK).await;
    assert_eq!(again.unwrap(), b"again");
    assert!(runtime.elapsed() - begun < BACK);

    for side in [&one.side, &other.side, &middle] {
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_serves_members_and_nobody_else() {
    let runtime = runtime();
    let middle = relay(SecretKey::derive(b"members only"), TCP, &runtime).await;
    let member = Hidden::start(vec![candidate(&middle)], &runtime).await;
    let stranger = Hidden::start(vec![candidate(&middle)], &runtime).await;
    acquaint(&[&middle, &member.side]);
    stranger.side.hear(&member.side);
    member.side.hear(&stranger.side);

    // No place for a stranger.
    eventually("the member has its place", || member.is_reached()).await;
    let refused = |sight: &colony_node::net::reach::Sight| {
        let standing = sight.relays.get(&middle.network.peer());
        matches!(standing, Some(Standing::Lost { .. }))
    };
    let mut sight = stranger.side.network.reach().sight();
    sight.wait_for(refused).await.unwrap();
    assert!(!stranger.is_reached());

    // And no way through it to a member.
    let asked = stranger.side.peers.forward(
        COLONY,
        member.side.id(),
        &member.info(),
        b"let me in".to_vec(),
        Duration::from_secs(2),
    );
    assert!(asked.await.is_err());
    assert!(!stranger.side.reaches(&member.side));

    // Let in, it is served with the connections it has.
    middle.hear(&stranger.side);
    let order = Order::Reserve { relay: middle.network.peer(), addresses: middle.network.addresses() };
    assert!(stranger.side.network.reach().order(order).await);
    eventually("the new member has a place", || stranger.is_reached()).await;
    let asked =
        stranger.side.peers.forward(COLONY, member.side.id(), &member.info(), b"thanks".to_vec(), BACK);
    assert_eq!(asked.await.unwrap(), b"thanks");

    for side in [&middle, &member.side, &stranger.side] {
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_connection_takes_the_place_of_one_through_a_relay_without_losing_a_request() {
    let runtime = runtime();
    let middle = relay(SecretKey::derive(b"in between"), TCP, &runtime).await;
    let hidden = Hidden::start(vec![candidate(&middle)], &runtime).await;
    // It can be dialled, but its address is not known at first.
    let open = side(SecretKey::derive(b"open"), &[TCP.parse().unwrap()], false, &runtime).await;
    acquaint(&[&middle, &hidden.side, &open]);
    eventually("it is reached through the relay", || hidden.is_reached()).await;
    open.peers.keep(COLONY, vec![(hidden.side.id(), hidden.info())]);
    eventually("it is reached", || open.reaches(&hidden.side)).await;
    assert_eq!(hidden.side.peers.path(&open.id()).map(|path| path.path), Some(Path::Relayed));

    // A request is under way when a direct connection is made.
    let slow = open.peers.forward(COLONY, hidden.side.id(), &hidden.info(), b"sleep:x".to_vec(), BACK);
    let slow = tokio::spawn(slow);
    let order = Order::Dial { peer: open.network.peer(), addresses: open.network.addresses() };
    assert!(hidden.side.network.reach().order(order).await);
    for (one, other) in [(&hidden.side, &open), (&open, &hidden.side)] {
        eventually("the direct connection is used", || {
            one.peers.path(&other.id()).is_some_and(|path| path.path != Path::Relayed)
        })
        .await;
    }
    assert_eq!(slow.await.unwrap().unwrap(), b"sleep:x");

    // The relay has nothing left to do.
    let relayed = || {
        let sights = [&hidden.side, &open].map(|side| side.network.reach().sight());
        sights.iter().any(|sight| !sight.borrow().relayed.is_empty())
    };
    for _ in 0..3 {
        if relayed() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
    assert!(!relayed());
    assert!(hidden.side.reaches(&open) && open.reaches(&hidden.side));

    for side in [&hidden.side, &middle, &open] {
        side.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_are_used_where_there_are_two() {
    let runtime = runtime();
    let mut relays = Vec::new();
    for name in ["first", "second", "third"] {
        relays.push(relay(SecretKey::derive(name.as_bytes()), TCP, &runtime).await);
    }
    let hidden = Hidden::start(relays.iter().map(candidate).collect(), &runtime).await;
    for relay in &relays {
        relay.hear(&hidden.side);
    }
    let places = || {
        let sight = hidden.side.network.reach().sight();
        let sight = sight.borrow();
        let held = sight.relays.iter().filter(|(_, standing)| standing.held().is_some());
        held.map(|(relay, _)| *relay).collect::<Vec<_>>()
    };
    eventually("two places are held", || places().len() == 2).await;
    eventually("both are told", || hidden.addresses.borrow().len() == 2).await;

    // One of them goes: the third takes over.
    let gone = relays.iter().position(|relay| relay.network.peer() == places()[0]).unwrap();
    let gone = relays.swap_remove(gone);
    gone.stop().await;
    eventually("two places are held again", || {
        places().len() == 2 && !places().contains(&gone.network.peer())
    })
    .await;
    let told = told(&hidden.side.network.reach().sight().borrow(), hidden.side.network.peer());
    assert!(told.iter().all(|address| !address.to_string().contains(&gone.network.peer().to_string())));

    hidden.side.stop().await;
    for relay in &relays {
        relay.stop().await;
    }
}
