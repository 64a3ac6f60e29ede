//! A colony moves to another node whole, or not at all.

use openraft::{
    RaftLogReader as _, RaftSnapshotBuilder as _,
    storage::{RaftLogStorage as _, RaftStateMachine as _},
};

use super::{
    faulty_disk::FaultyDisk,
    support::{Driver, FRESH, Types, on_one_thread, open_with_thread},
};
use crate::{CHUNK_MAX, Disk, Options, Snapshot, SnapshotError, SnapshotMeta, Store};

async fn with_history(processes: usize) -> (Store, Driver) {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    for _ in 0..processes {
        driver.run_one().await;
    }
    (store, driver)
}

async fn build(driver: &mut Driver) -> (SnapshotMeta, Snapshot) {
    let built: openraft::Snapshot<Types> =
        driver.store.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    (built.meta, *built.snapshot)
}

/// As bytes over the wire.
fn chunks(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    snapshot.chunks().unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_snapshot_carries_live_state_archive_and_logs() {
    let (_sender, mut from) = with_history(30).await;
    let (meta, snapshot) = build(&mut from).await;
    // What happens after it was made is not in it.
    let later = from.run_one().await;

    let store = open_with_thread(Disk::Memory);
    let mut to = Driver::open(&store).await;
    // Something that the snapshot replaces.
    to.found().await;
    let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();
    for chunk in chunks(&snapshot) {
        assert!(chunk.len() <= CHUNK_MAX);
        receiving.push(chunk).await.unwrap();
    }
    to.store.machine.install_snapshot(&meta, receiving).await.unwrap();

    let view = &to.store.view;
    assert_eq!(view.applied().unwrap(), (meta.last_log_id, meta.last_membership.clone()));
    for number in 1..later {
        assert_eq!(view.archived_process(number).unwrap(), from.store.view.archived_process(number).unwrap());
        assert_eq!(view.log_lines(number, 0, 9).unwrap().len(), 3);
    }
    assert!(view.archived_process(later).unwrap().is_none());

    // The log goes on after the snapshot, and nothing older is part of it.
    let state = to.store.log.get_log_state().await.unwrap();
    assert_eq!((state.last_purged_log_id, state.last_log_id), (meta.last_log_id, meta.last_log_id));
    assert!(to.store.log.try_get_log_entries(..).await.unwrap().is_empty());

    // What was installed is the receiver's own snapshot, byte for byte.
    let current = to.store.machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta, meta);
    assert_eq!(chunks(&current.snapshot), chunks(&snapshot));
}

#[tokio::test]
async fn a_broken_snapshot_changes_nothing() {
    let (_sender, mut from) = with_history(3).await;
    let (meta, snapshot) = build(&mut from).await;
    let whole = chunks(&snapshot).concat();

    for broken in
        [whole[..whole.len() - 1].to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new(), vec![7; 100]]
    {
        let (_receiver, mut to) = with_history(1).await;
        let before = to.store.view.applied().unwrap();
        let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();
        // Found as it comes, or before it would be installed; whoever installs it all the same changes nothing.
        let pushed = receiving.push(broken).await;
        assert!(pushed.is_err() || receiving.check_whole().is_err());
        to.store.machine.install_snapshot(&meta, receiving).await.unwrap_err();
        assert_eq!(to.store.view.applied().unwrap(), before);
        assert!(to.store.view.archived_process(1).unwrap().is_some());
        assert!(to.store.view.archived_process(2).unwrap().is_none());
        to.run_one().await;
    }
}

#[tokio::test]
async fn only_the_last_snapshot_that_was_begun_is_received() {
    let (_store, mut to) = with_history(0).await;
    let mut first = to.store.machine.begin_receiving_snapshot().await.unwrap();
    first.push(vec![2]).await.unwrap();
    let mut second = to.store.machine.begin_receiving_snapshot().await.unwrap();
    assert!(matches!(first.push(vec![2]).await, Err(SnapshotError::Superseded)));
    second.push(vec![2]).await.unwrap();
    assert!(matches!(second.push(vec![0; CHUNK_MAX + 1]).await, Err(SnapshotError::ChunkTooLarge { .. })));
    assert!(matches!(second.chunks(), Err(SnapshotError::WrongSide(_))));
}

#[tokio::test]
async fn a_restarted_node_has_a_snapshot_to_give() {
    let disk = FaultyDisk::new(None);
    let open = || Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    let mut meta = None;
    let (store, writer) = open();
    on_one_thread(writer, async {
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        driver.run_one().await;
        let (built, _) = build(&mut driver).await;
        driver.store.log.purge(built.last_log_id.unwrap()).await.unwrap();
        driver.store.view.flush().await.unwrap();
        meta = Some(built);
        drop((driver, store));
    })
    .await;

    let (store, writer) = open();
    on_one_thread(writer, async {
        let mut driver = Driver::open(&store).await;
        let current = driver.store.machine.get_current_snapshot().await.unwrap().unwrap();
        assert_eq!(Some(current.meta), meta);
        assert!(!chunks(&current.snapshot).is_empty());
        drop((driver, store));
    })
    .await;
}
