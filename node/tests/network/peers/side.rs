//! One node's end: a network, its peers, and a colony that answers what it is asked.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_node::{
    consensus::{LinkError, Timing, Types},
    net::{Caller, Handler, Handling, Multiaddr, NetConfig, NetLimits, Network, PeerId},
    peers::{Colleague, Deciding, Installing, Peers},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::member::{MemberKey, StoreId},
};
use colony_store::{MemberId, MemberInfo, Snapshot, StateMachine, Vote};
use futures::FutureExt as _;
use openraft::{
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
    storage::RaftStateMachine as _,
};

use crate::support::{Echo, PATIENCE};

/// The colony of all tests here.
pub(crate) const COLONY: Identity = Identity::from_bytes([7; 32]);

/// A node's end.
pub(crate) struct Side {
    pub(crate) key: SecretKey,
    pub(crate) store: StoreId,
    pub(crate) peers: Peers,
    pub(crate) network: Network,
    pub(crate) colony: Arc<Answering>,
}

/// A colony that says yes to everything, and echoes clients' requests.
#[derive(Default)]
pub(crate) struct Answering {
    pub(crate) heard: Mutex<BTreeSet<Identity>>,
    pub(crate) store: StoreId,
    pub(crate) echo: Echo,
    pub(crate) appended: AtomicUsize,
    /// Snapshots begun.
    pub(crate) begun: AtomicUsize,
    /// Where snapshots go, if anywhere.
    pub(crate) machine: Arc<tokio::sync::Mutex<Option<StateMachine<Types>>>>,
}

impl Answering {
    pub(crate) fn under_way(&self) -> usize {
        self.echo.under_way.load(Ordering::SeqCst)
    }
}

impl Colleague for Answering {
    fn hears(&self, from: &Identity) -> bool {
        self.heard.lock().unwrap().contains(from)
    }

    fn knows(&self, identity: &Identity) -> bool {
        self.hears(identity)
    }

    fn store(&self) -> StoreId {
        self.store
    }

    fn append(&self, _: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>> {
        self.appended.fetch_add(1, Ordering::SeqCst);
        async { Ok(AppendEntriesResponse::Success) }.boxed()
    }

    fn vote(&self, ballot: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>> {
        async move { Ok(VoteResponse { vote: ballot.vote, vote_granted: true, last_log_id: None }) }.boxed()
    }

    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let machine = Arc::clone(&self.machine);
        async move { Ok(machine.lock().await.as_mut().unwrap().begin_receiving_snapshot().await.unwrap()) }
            .boxed()
    }

    fn install_snapshot(&self, vote: Vote, snapshot: openraft::Snapshot<Types>) -> Installing {
        let machine = Arc::clone(&self.machine);
        async move {
            let mut machine = machine.lock().await;
            machine.as_mut().unwrap().install_snapshot(&snapshot.meta, snapshot.snapshot).await.unwrap();
            Ok(SnapshotResponse { vote })
        }
        .boxed()
    }

    fn forwarded(&self, from: Identity, request: Vec<u8>) -> Handling {
        assert!(self.hears(&from));
        self.echo.handle(Caller::insider(PeerId::random()), request)
    }
}

impl Side {
    /// A node that listens at `listen`; with no address it only dials.
    pub(crate) async fn start(listen: &[&str], runtime: &Runtime) -> Self {
        let key = SecretKey::derive(&runtime.random::<32>());
        let listen = listen.iter().map(|address| address.parse().unwrap()).collect();
        Self::resume(key, StoreId::from_bytes(runtime.random()), listen, runtime).await
    }

    /// A node that was there before.
    pub(crate) async fn resume(
        key: SecretKey,
        store: StoreId,
        listen: Vec<Multiaddr>,
        runtime: &Runtime,
    ) -> Self {
        let (peers, door) = Peers::new(&key, Timing::Local, runtime.clone());
        let config = NetConfig {
            key: key.clone(),
            listen,
            tls: None,
            limits: NetLimits::default(),
            relay: false,
            lab: false,
        };
        let handler = Arc::new(Echo::default());
        let network = Network::start_with(config, handler, door, runtime.clone()).await.unwrap();
        let colony = Arc::new(Answering { store, ..Answering::default() });
        peers.serve(COLONY, Arc::clone(&colony) as Arc<dyn Colleague>);
        Self { key, store, peers, network, colony }
    }

    pub(crate) fn id(&self) -> Identity {
        self.key.identity()
    }

    /// What the membership would say of it.
    pub(crate) fn info(&self) -> MemberInfo {
        let addresses = self.network.addresses();
        let texts = addresses.iter().map(|address| Text::new(address.to_string()).unwrap()).collect();
        MemberInfo {
            addresses: List::new(texts).unwrap(),
            key: MemberKey::of(&self.key),
            store: self.store,
            ..MemberInfo::default()
        }
    }

    /// Hears another from now on, without connecting.
    pub(crate) fn hear(&self, other: &Self) {
        self.colony.heard.lock().unwrap().insert(other.id());
    }

    /// Stays connected with others.
    pub(crate) fn keep(&self, others: &[&Self]) {
        self.peers.keep(COLONY, others.iter().map(|other| (other.id(), other.info())).collect());
    }

    /// Whether another is reachable now.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        self.peers.reachable().borrow().contains(&other.id())
    }

    /// A client's request by way of another.
    pub(crate) async fn ask(&self, other: &Self, request: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.peers.forward(COLONY, other.id(), &other.info(), request.to_vec(), PATIENCE).await
    }

    /// A vote, and how long it took.
    pub(crate) async fn ballot(&self, other: &Self) -> Result<VoteResponse<MemberId>, LinkError> {
        let link = self.peers.links(COLONY).to(MemberId(other.id()), &other.info());
        let vote = Vote::new(3, MemberId(self.id()));
        link.vote(VoteRequest { vote, last_log_id: None }, PATIENCE).await
    }

    /// A heartbeat.
    pub(crate) async fn beat(&self, other: &Self) -> Result<AppendEntriesResponse<MemberId>, LinkError> {
        let link = self.peers.links(COLONY).to(MemberId(other.id()), &other.info());
        let vote = Vote::new_committed(3, MemberId(self.id()));
        let heartbeat =
            AppendEntriesRequest { vote, prev_log_id: None, entries: Vec::new(), leader_commit: None };
        link.append(heartbeat, PATIENCE).await
    }

    pub(crate) async fn stop(&self) {
        self.peers.close();
        self.network.shutdown().await;
    }
}

/// So many nodes that hear each other, listening at `listen`.
pub(crate) async fn sides<const N: usize>(listen: &str, runtime: &Runtime) -> [Side; N] {
    let mut sides = Vec::new();
    for _ in 0..N {
        sides.push(Side::start(&[listen], runtime).await);
    }
    for one in &sides {
        for other in &sides {
            one.hear(other);
        }
    }
    sides.try_into().ok().unwrap()
}

/// A moment in which nothing should happen.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}
