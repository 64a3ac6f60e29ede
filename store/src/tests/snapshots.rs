//! A colony moves to another node whole, or not at all.

use openraft::{
    RaftLogReader as _, RaftSnapshotBuilder as _,
    storage::{RaftLogStorage as _, RaftStateMachine as _},
};

use redb::ReadableTableMetadata as _;

use super::{
    faulty_disk::FaultyDisk,
    support::{Driver, FRESH, Types, on_one_thread, open_with_thread},
};
use crate::{
    CHUNK_MAX, Disk, Options, Snapshot, SnapshotError, SnapshotMeta, Store, snapshot::KEPT_COMMITS,
    tables::ROWS,
};

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

/// A history of some chunks.
async fn with_large_history() -> (Store, Driver) {
    let (store, mut driver) = with_history(1).await;
    for number in 0..230_u64 {
        // Lines that nothing would compress or repeat.
        let line: String =
            (0..16_000).map(|at| char::from(b'a' + ((at * 7 + number * at) % 26) as u8)).collect();
        driver.run_with_line(&line).await;
    }
    driver.store.view.flush().await.unwrap();
    (store, driver)
}

async fn current(driver: &mut Driver) -> (SnapshotMeta, Snapshot) {
    let current = driver.store.machine.get_current_snapshot().await.unwrap().unwrap();
    (current.meta, *current.snapshot)
}

#[tokio::test]
async fn a_transfer_that_is_cut_goes_on_where_it_was() {
    let (_sender, mut from) = with_large_history().await;
    let store = open_with_thread(Disk::Memory);
    let mut to = Driver::open(&store).await;
    let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();

    let mut id = None;
    let mut whole = Vec::new();
    let mut cuts = 0;
    let meta = loop {
        // Each time the engine asks anew, and work goes on.
        let (meta, snapshot) = current(&mut from).await;
        assert_eq!(id.get_or_insert_with(|| meta.snapshot_id.clone()), &meta.snapshot_id);
        let mut rest = snapshot.chunks_from(receiving.parts()).unwrap();
        let Some(chunk) = rest.next() else { break meta };
        let chunk = chunk.unwrap();
        whole.extend_from_slice(&chunk);
        receiving.push(chunk).await.unwrap();
        assert!(receiving.check_whole().is_err() || rest.next().is_none());
        from.run_one().await;
        from.store.view.flush().await.unwrap();
        cuts += 1;
    };
    assert!(cuts > 3, "{cuts} chunks");
    receiving.check_whole().unwrap();
    to.store.machine.install_snapshot(&meta, receiving).await.unwrap();
    assert_eq!(to.store.view.applied().unwrap().0, meta.last_log_id);
    assert_eq!(
        to.store.view.latest_log_lines(200, 1).unwrap(),
        from.store.view.latest_log_lines(200, 1).unwrap()
    );

    // The same bytes from wherever they are read, known or not.
    let (_, snapshot) = current(&mut from).await;
    for skipped in 0..=cuts {
        let rest: Vec<u8> = snapshot.chunks_from(skipped).unwrap().flat_map(Result::unwrap).collect();
        let start = whole.len().min(usize::try_from(skipped).unwrap() * CHUNK_MAX);
        assert!(rest == whole[start..], "without the first {skipped}");
    }
    // Nothing is left to go on with: the next one is of now.
    snapshot.delivered();
    drop(snapshot);
    assert_ne!(current(&mut from).await.0.last_log_id, meta.last_log_id);
}

#[tokio::test]
async fn skipping_what_was_never_read_gives_the_same_bytes() {
    let (_store, mut driver) = with_large_history().await;
    let (_, first) = current(&mut driver).await;
    let whole = chunks(&first);
    first.delivered();
    drop(first);
    for skipped in [whole.len() - 1, 1, whole.len(), 2] {
        // Another snapshot of the same state has no marks yet.
        let (_, fresh) = current(&mut driver).await;
        let rest: Vec<_> = fresh.chunks_from(skipped as u64).unwrap().map(Result::unwrap).collect();
        assert!(rest == whole[skipped..], "without the first {skipped}");
        fresh.delivered();
    }
}

#[tokio::test]
async fn a_snapshot_that_the_log_has_left_behind_is_not_sent_again() {
    let (_store, mut driver) = with_history(2).await;
    let (old, snapshot) = current(&mut driver).await;
    drop(snapshot.chunks().unwrap());
    drop(snapshot);
    driver.run_one().await;
    assert_eq!(current(&mut driver).await.0, old);
    driver.store.view.flush().await.unwrap();
    let applied = driver.store.view.applied().unwrap().0;
    driver.store.log.purge(applied.unwrap()).await.unwrap();
    assert_eq!(current(&mut driver).await.0.last_log_id, applied);
}

#[tokio::test]
async fn the_engine_is_told_of_no_newer_snapshot_while_one_is_sent() {
    let (_store, mut driver) = with_history(2).await;
    let (first, _) = build(&mut driver).await;
    // Begun after the first was built, so it is newer than what the engine knows.
    driver.run_one().await;
    driver.store.view.flush().await.unwrap();
    let (sent, snapshot) = current(&mut driver).await;
    assert!(sent.last_log_id > first.last_log_id);
    drop(snapshot.chunks().unwrap());
    // The transfer was cut. Whatever the engine builds meanwhile, it drops no log that the receiver will need, and it is
    // given what it expects when the transfer goes on.
    driver.run_one().await;
    assert_eq!(build(&mut driver).await.0, sent);
    assert_eq!(current(&mut driver).await.0, sent);
    // The receiver has it.
    snapshot.delivered();
    drop(snapshot);
    let (newer, _) = build(&mut driver).await;
    assert!(newer.last_log_id > sent.last_log_id);
    assert!(current(&mut driver).await.0.last_log_id >= newer.last_log_id);
}

#[tokio::test]
async fn a_snapshot_older_than_one_the_engine_was_told_of_is_not_sent() {
    let (_store, mut driver) = with_history(2).await;
    let (old, snapshot) = current(&mut driver).await;
    driver.run_one().await;
    let (newer, _) = build(&mut driver).await;
    // A transfer that was asked for before, and begins only now.
    drop(snapshot.chunks().unwrap());
    assert!(newer.last_log_id > old.last_log_id);
    assert_eq!(current(&mut driver).await.0.last_log_id, newer.last_log_id);
    assert!(build(&mut driver).await.0.last_log_id >= newer.last_log_id);
}

#[tokio::test]
async fn a_transfer_that_nobody_goes_on_with_does_not_keep_old_pages_for_ever() {
    let (store, mut driver) = with_history(1).await;
    let (old, snapshot) = current(&mut driver).await;
    drop(snapshot.chunks().unwrap());
    drop(snapshot);
    driver.run_one().await;
    assert_eq!(current(&mut driver).await.0, old);
    // The store is busy, with whichever colony.
    for _ in 0..=KEPT_COMMITS {
        store.link.sending.committed();
    }
    driver.store.view.flush().await.unwrap();
    assert!(current(&mut driver).await.0.last_log_id > old.last_log_id);
}

#[tokio::test]
async fn a_snapshot_that_was_given_up_leaves_nothing() {
    let (_sender, mut from) = with_history(5).await;
    let parts = chunks(&build(&mut from).await.1);
    let disk = FaultyDisk::new(None);
    let rows = |store: &Store| store.link.read().unwrap().open_table(ROWS).unwrap().len().unwrap();
    for dropped in [true, false] {
        let backend = Disk::Backend(Box::new(disk.clone()));
        let (store, writer) = Store::open(backend, Options::default(), FRESH).unwrap();
        on_one_thread(writer, async {
            while rows(&store) > 0 {
                // What the last run left is removed without being asked for.
                tokio::task::yield_now().await;
            }
            let mut to = Driver::open(&store).await;
            let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();
            for part in parts.clone() {
                receiving.push(part).await.unwrap();
            }
            to.store.log.save_vote(&crate::Vote::default()).await.unwrap();
            assert!(rows(&store) > 0);
            if dropped {
                drop(receiving);
                to.store.log.save_vote(&crate::Vote::default()).await.unwrap();
                while rows(&store) > 0 {
                    tokio::task::yield_now().await;
                }
            } else {
                // As a crash would: nothing is cleaned up.
                let full = fill(&store);
                drop(receiving);
                drop(full);
            }
            drop((to, store));
        })
        .await;
    }
    let backend = Disk::Backend(Box::new(disk.clone()));
    let (store, writer) = Store::open(backend, Options::default(), FRESH).unwrap();
    assert!(rows(&store) > 0, "the crash left something");
    on_one_thread(writer, async {
        while rows(&store) > 0 {
            tokio::task::yield_now().await;
        }
        drop(store);
    })
    .await;
}

#[tokio::test]
async fn a_second_snapshot_after_a_restart_replaces_all_of_the_first() {
    let (_sender, mut from) = with_history(3).await;
    let disk = FaultyDisk::new(None);
    let open = || Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    for _ in 0..3 {
        for _ in 0..5 {
            from.run_one().await;
        }
        let (meta, snapshot) = build(&mut from).await;
        let (store, writer) = open();
        on_one_thread(writer, async {
            let mut to = Driver::open(&store).await;
            let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();
            for chunk in chunks(&snapshot) {
                receiving.push(chunk).await.unwrap();
            }
            to.store.machine.install_snapshot(&meta, receiving).await.unwrap();
            drop((to, store));
        })
        .await;

        // Nothing of the one before is in it, and nothing of it goes when the one before is cleared away.
        let (store, writer) = open();
        on_one_thread(writer, async {
            let mut to = Driver::open(&store).await;
            for _ in 0..100 {
                to.store.log.save_vote(&crate::Vote::default()).await.unwrap();
            }
            let current = to.store.machine.get_current_snapshot().await.unwrap().unwrap();
            assert_eq!(current.meta, meta);
            assert_eq!(chunks(&current.snapshot), chunks(&snapshot));
            drop((current, to, store));
        })
        .await;
    }
}

/// Takes all room in the writer's queue.
fn fill(store: &Store) -> Vec<tokio::sync::mpsc::OwnedPermit<crate::operation::Operation>> {
    std::iter::from_fn(|| store.link.outbox.clone().try_reserve_owned().ok()).collect()
}
