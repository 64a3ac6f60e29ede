//! Whatever bit flips, and wherever a file ends early: it is found, or it makes no difference.

use std::{ops::ControlFlow, sync::Arc};

use colony_protocol::{colony::RowKey, model::Process};
use openraft::{RaftLogReader as _, storage::RaftLogStorage as _};

use super::{
    faulty_disk::FaultyDisk,
    support::{Driver, Entry, FRESH, Types, colony, on_one_thread},
};
use crate::{Disk, Options, Store, Vote, snapshot};

/// Damages per kind.
const ROUNDS: u64 = 300;

/// Everything a store says about a colony.
#[derive(Debug, PartialEq)]
struct Told {
    live: Vec<u8>,
    processes: Vec<Process>,
    lines: usize,
    entries: Vec<Entry>,
    vote: Option<Vote>,
    snapshot: Vec<Vec<u8>>,
}

/// Reads everything; what is wrong with the disk ends it.
async fn read_all(store: &Store) -> Result<Told, String> {
    fn say(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let mut opened = store.open_colony::<Types>(colony(), Arc::new(|_| {})).await.map_err(say)?;
    let mut processes = Vec::new();
    let keep = |process| {
        processes.push(process);
        ControlFlow::Continue(())
    };
    opened.view.archived_processes(None, keep).map_err(say)?;
    let mut lines = 0;
    for process in &processes {
        lines += opened.view.log_lines(process.id.number(), 0, usize::MAX).map_err(say)?.len();
    }
    let live = opened.view.colony().map_err(say)?.row(&RowKey::Meta).unwrap_or_default();
    let (_, made) = snapshot::make(&opened.view.group).map_err(say)?;
    let snapshot = made.chunks().map_err(say)?.collect::<Result<_, _>>().map_err(say)?;
    Ok(Told {
        live,
        processes,
        lines,
        entries: opened.log.try_get_log_entries(..).await.map_err(say)?,
        vote: opened.log.read_vote().await.map_err(say)?,
        snapshot,
    })
}

async fn tell(disk: &FaultyDisk) -> Result<Told, String> {
    let disk = Disk::Backend(Box::new(disk.clone()));
    let (store, writer) = Store::open(disk, Options::default(), FRESH).map_err(|error| error.to_string())?;
    let mut told = Err(String::new());
    on_one_thread(writer, async {
        told = read_all(&store).await;
        drop(store);
    })
    .await;
    told
}

async fn with_history() -> FaultyDisk {
    let disk = FaultyDisk::new(None);
    let backend = Disk::Backend(Box::new(disk.clone()));
    let (store, writer) = Store::open(backend, Options::default(), FRESH).unwrap();
    on_one_thread(writer, async {
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        for _ in 0..30 {
            driver.run_one().await;
        }
        driver.store.log.save_vote(&Vote::new(3, crate::MemberId(colony()))).await.unwrap();
        driver.store.view.flush().await.unwrap();
        drop((driver, store));
    })
    .await;
    disk
}

/// A number below `end` that depends on the seed alone.
fn draw(seed: u64, end: usize) -> usize {
    let mixed = xxhash_rust::xxh3::xxh3_64_with_seed(b"damage", seed);
    usize::try_from(mixed % end as u64).unwrap()
}

#[tokio::test]
async fn a_flipped_bit_is_found_or_makes_no_difference() {
    let disk = with_history().await;
    let whole = tell(&disk.repaired()).await.unwrap();
    assert!(whole.processes.len() == 30 && whole.lines == 90 && !whole.entries.is_empty());
    let (mut found, mut used) = (0, Vec::new());
    disk.damage(|bytes| used = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect());
    for seed in 0..ROUNDS {
        let damaged = disk.repaired();
        // Half of them where something is written: most of a young file is empty.
        damaged.damage(|bytes| {
            let at = if seed % 2 == 0 { used[draw(seed, used.len())] } else { draw(seed, bytes.len()) };
            bytes[at] ^= 1 << (seed % 8);
        });
        match tell(&damaged).await {
            Ok(told) => assert_eq!(told, whole, "seed {seed} changed what the store says"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 0, "no damage was found, so none was done");
}

#[tokio::test]
async fn a_flipped_bit_in_the_header_is_always_found() {
    let disk = with_history().await;
    for at in 0..336 {
        let damaged = disk.repaired();
        damaged.damage(|bytes| bytes[at] ^= 1 << (at % 8));
        let error = tell(&damaged).await.unwrap_err();
        assert!(error.contains("must not vote") && error.contains("`colony join`"), "{at}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_ends_early_is_found() {
    let disk = with_history().await;
    let mut length = 0;
    disk.damage(|bytes| length = bytes.len());
    for seed in 0..ROUNDS / 3 {
        let damaged = disk.repaired();
        // At a block's border too, where nothing is torn.
        let end = if seed % 2 == 0 { draw(seed, length) } else { draw(seed, length / 4104).max(1) * 4104 };
        damaged.damage(|bytes| bytes.truncate(end));
        if end < 9 {
            // Shorter than the first thing written: on a bare disk that is a store whose making was cut.
            continue;
        }
        let error = tell(&damaged).await.unwrap_err();
        assert!(!error.is_empty(), "{end}");
    }
}

#[test]
fn an_emptied_file_does_not_become_a_new_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    std::fs::write(&path, b"").unwrap();
    let error = Store::open(Disk::File(path.clone()), Options::default(), FRESH).unwrap_err().to_string();
    assert!(error.starts_with(&path.display().to_string()) && error.contains("it is empty"), "{error}");
}
