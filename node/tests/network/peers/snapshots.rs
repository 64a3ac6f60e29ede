//! Snapshots of real stores, beside heartbeats and across streams that break.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use colony_node::{
    consensus::{Timing, Types},
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::Json,
    command::Submission,
    identity::SecretKey,
    model::{FunctionSpec, Limit, Name, User, Values, member::StoreId},
};
use colony_store::{Disk, MemberId, Options, StateMachine, Store, Vote};
use openraft::storage::RaftStateMachine as _;

use super::side::{COLONY, Side, sides};
use crate::support::{TCP, eventually, runtime};

/// Work in the colony that is sent, and the bytes of each piece: some twenty chunks of a snapshot.
const WORK: (usize, usize) = (200, 100_000);

/// A directory with a colony of some size in it.
async fn populate(directory: &Path, runtime: &Runtime) {
    let (owner, user) = (SecretKey::derive(b"owner"), SecretKey::derive(b"user"));
    let founding = Founding {
        owner: owner.clone(),
        name: Name::cut("large"),
        member: Name::cut("node"),
        executors: Vec::new(),
        users: vec![User { id: user.identity(), name: Name::cut("someone"), ..User::default() }],
    };
    let config = NodeConfig {
        key: SecretKey::derive(b"node"),
        data: Data::Directory(directory.to_owned()),
        listen: Vec::new(),
        relay: false,
        tls: None,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig { id: owner.identity(), found: Some(founding), peers: Vec::new() }],
    };
    let node = Node::start(config, runtime.clone()).await.unwrap();
    let client = node.client(owner.identity(), user);
    let mut spec = FunctionSpec {
        func_name: "echo".try_into().unwrap(),
        max_wait_time: Limit::NONE,
        max_exec_time: Limit::NONE,
        ..FunctionSpec::default()
    };
    spec.conditions.executor_type = Name::cut("cli");
    spec.args = Values::new(vec![Json::string(&"x".repeat(WORK.1))]).unwrap();
    for _ in 0..WORK.0 {
        client.submit(vec![Submission { spec: spec.clone(), retry_of: None }]).await.unwrap();
    }
    node.shutdown().await;
}

/// The colony of a store that nobody else has open.
async fn machine(disk: Disk, runtime: &Runtime) -> (Store, StateMachine<Types>) {
    let fresh = StoreId::from_bytes(runtime.random());
    let (store, writer) = Store::open(disk, Options::default(), fresh).unwrap();
    runtime.thread("store", move || writer.run());
    let parts = store.open_colony(SecretKey::derive(b"owner").identity(), Arc::new(|_| {})).await.unwrap();
    (store, parts.machine)
}

async fn send(
    from: &Side,
    to: &Side,
    snapshot: openraft::Snapshot<Types>,
) -> Result<(), colony_node::consensus::LinkError> {
    let link = from.peers.links(COLONY).to(MemberId(to.id()), &to.info());
    let vote = Vote::new_committed(3, MemberId(from.id()));
    let installed = link.snapshot(vote, snapshot).await?;
    assert_eq!(installed.vote, vote);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_up_no_heartbeat_and_goes_on_after_its_stream_broke() {
    let runtime = runtime();
    let directory = tempfile::tempdir().unwrap();
    populate(directory.path(), &runtime).await;
    let (_full, mut full) = machine(Disk::File(directory.path().join("store.redb")), &runtime).await;
    let (_empty, empty) = machine(Disk::Memory, &runtime).await;
    let [one, other] = sides(TCP, &runtime).await;
    one.keep(&[&other]);
    eventually("it is reached", || one.reaches(&other)).await;
    *other.colony.machine.lock().await = Some(empty);

    // The transfer is cut on its way, and the stream with it.
    let snapshot = full.get_current_snapshot().await.unwrap().unwrap();
    let begun = async {
        eventually("it begins", || other.colony.begun.load(Ordering::SeqCst) == 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.colony.heard.lock().unwrap().clear();
    };
    let (sent, ()) = tokio::join!(send(&one, &other, snapshot), begun);
    assert!(sent.is_err(), "it was to be cut");
    eventually("the stream ends", || !one.reaches(&other)).await;
    other.hear(&one);
    eventually("another takes its place", || one.reaches(&other)).await;

    // What is there stays there, and heartbeats pass beside the rest.
    let snapshot = full.get_current_snapshot().await.unwrap().unwrap();
    let last = snapshot.meta.last_log_id;
    let (mut beats, mut slowest) = (0, Duration::ZERO);
    let sending = send(&one, &other, snapshot);
    tokio::pin!(sending);
    let sent = loop {
        let beat = async {
            let start = Instant::now();
            one.beat(&other).await.unwrap();
            slowest = slowest.max(start.elapsed());
            beats += 1;
        };
        tokio::select! {
            biased;
            sent = &mut sending => break sent,
            () = beat => {}
        }
    };
    sent.unwrap();
    assert!(beats > 0 && slowest < Duration::from_millis(500), "{beats} beats, the slowest {slowest:?}");
    let mut machine = other.colony.machine.lock().await;
    let (applied, _) = machine.as_mut().unwrap().applied_state().await.unwrap();
    assert_eq!(applied, last);
    assert_eq!(other.colony.begun.load(Ordering::SeqCst), 1, "it was begun once and then gone on with");
}
