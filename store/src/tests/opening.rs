//! What a person is told when a store cannot be opened, and that opening never destroys anything.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::ReadableTable as _;

use super::{
    faulty_disk::{Fault, FaultyDisk},
    support::{Driver, FRESH, Types, colony, on_one_thread, open_with_thread, start},
};
use crate::{
    Disk, FailureKind, OpenColonyError, OpenError, Options, Store,
    checked::Checked,
    tables::{FORMAT, FORMAT_KEY, META},
};

fn open(disk: &FaultyDisk) -> Result<Store, OpenError> {
    Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).map(|(store, _)| store)
}

/// A disk with a colony on it.
async fn with_colony() -> FaultyDisk {
    let disk = FaultyDisk::new(None);
    let (store, writer) =
        Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    on_one_thread(writer, async {
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        driver.run_one().await;
        drop((driver, store));
    })
    .await;
    disk
}

#[tokio::test]
async fn a_file_keeps_its_colonies() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    for round in 0..3_u64 {
        let store = open_with_thread(Disk::File(path.clone()));
        assert_eq!(store.colonies().unwrap().len(), usize::from(round > 0));
        let mut driver = Driver::open(&store).await;
        if round == 0 {
            driver.found().await;
        }
        assert_eq!(driver.run_one().await, round + 1);
        drop((driver, store));
        wait_until_free(&path);
    }
    let names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["store.redb"], "nothing is left beside it");
}

/// The writer's thread closes the file a moment after the last handle is gone.
fn wait_until_free(path: &Path) {
    for _ in 0..10_000 {
        if Store::open(Disk::File(path.to_owned()), Options::default(), FRESH).is_ok() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("the store was not closed");
}

#[test]
fn a_file_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let _first = Store::open(Disk::File(path.clone()), Options::default(), FRESH).unwrap();
    let error = Store::open(Disk::File(path.clone()), Options::default(), FRESH).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("{} is in use by another process", path.display())));
}

#[test]
fn an_unfinished_file_is_made_anew_and_a_foreign_one_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    std::fs::write(directory.path().join("store.redb.new"), b"half").unwrap();
    drop(Store::open(Disk::File(path), Options::default(), FRESH).unwrap());

    for content in [&b"a letter to my aunt, which is no store at all"[..], &[0; 4096]] {
        let letter = directory.path().join("letter");
        std::fs::write(&letter, content).unwrap();
        let error = Store::open(Disk::File(letter.clone()), Options::default(), FRESH).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&letter).unwrap(), content);
    }
}

#[test]
fn a_missing_directory_is_an_error_with_its_name() {
    let path = PathBuf::from("/nowhere/at/all/store.redb");
    let error = Store::open(Disk::File(path), Options::default(), FRESH).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all/store.redb"), "{error}");
}

#[test]
fn a_disk_that_refuses_is_told_apart() {
    let refusing = |kind| open(&FaultyDisk::new(Some(Fault::Fail { at: 1, kind }))).unwrap_err();
    assert!(matches!(refusing(io::ErrorKind::StorageFull), OpenError::DiskFull { .. }));
    assert!(matches!(refusing(io::ErrorKind::PermissionDenied), OpenError::ReadOnly { .. }));
    assert!(matches!(refusing(io::ErrorKind::ReadOnlyFilesystem), OpenError::ReadOnly { .. }));
    assert!(matches!(refusing(io::ErrorKind::Other), OpenError::Io { .. }));
}

#[tokio::test]
async fn a_newer_format_is_refused_and_says_what_to_do() {
    let disk = with_colony().await;
    edit(&disk, |transaction| {
        transaction.open_table(FORMAT).unwrap().insert(FORMAT_KEY, [9].as_slice()).unwrap();
    });
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, OpenError::NewerFormat { found: 9, known: 3, .. }), "{error}");
    assert!(error.to_string().contains("use the newer program"), "{error}");
}

#[tokio::test]
async fn a_value_of_a_newer_version_is_refused_not_guessed_at() {
    let disk = with_colony().await;
    edit(&disk, |transaction| {
        let mut meta = transaction.open_table(META).unwrap();
        let key = (0, crate::tables::Fact::Applied as u8);
        let mut value = meta.get(key).unwrap().unwrap().value().to_vec();
        value[0] = 9;
        meta.insert(key, value.as_slice()).unwrap();
    });
    let store = open(&disk).unwrap();
    let error = store.open_colony::<Types>(colony(), Arc::new(|_| {})).await.unwrap_err();
    assert!(error.to_string().contains("has version 9; this program knows up to 1"), "{error}");
}

/// Changes a store behind our back.
fn edit(disk: &FaultyDisk, change: impl FnOnce(&redb::WriteTransaction)) {
    let disk = Checked(Box::new(disk.clone()));
    let database = redb::Builder::new().create_with_backend(disk).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused_wherever_its_head_is_damaged() {
    let disk = with_colony().await;
    for at in [0, 5, 8] {
        let damaged = disk.repaired();
        damaged.damage(|bytes| bytes[at] ^= 0xFF);
        let error = open(&damaged).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{at}: {error}");
    }
}

#[tokio::test]
async fn a_colony_is_opened_once_at_a_time() {
    let store = open_with_thread(Disk::Memory);
    let first = store.open_colony::<Types>(colony(), Arc::new(|_| {})).await.unwrap();
    let second = store.open_colony::<Types>(colony(), Arc::new(|_| {})).await;
    assert!(matches!(second, Err(OpenColonyError::Open)));
    drop(first);
    store.open_colony::<Types>(colony(), Arc::new(|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_and_what_was_written_stays_readable() {
    let healthy = with_colony().await;
    let disk = healthy.with_fault(Fault::Fail { at: 40, kind: io::ErrorKind::StorageFull });
    let (store, writer) =
        Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    start(writer);
    let mut driver = Driver::open(&store).await;
    let failed = loop {
        let entry = driver.entry(Vec::new());
        if let Err(error) = driver.commit(entry).await {
            break error;
        }
    };
    assert!(failed.to_string().contains("the disk is full"), "{failed}");
    let failure = store.failure().borrow().clone().unwrap();
    assert_eq!(failure.kind(), FailureKind::DiskFull);
    // The next one is refused at once, for the same reason.
    let entry = driver.entry(Vec::new());
    let again = driver.commit(entry).await.unwrap_err();
    assert!(again.to_string().contains("the disk is full"), "{again}");
    assert!(driver.store.view.colony().unwrap().is_founded());
    assert!(open(&disk.repaired()).is_ok());
}
