//! A follower that is contradicted and overtaken by a snapshot, on a disk whose every call is the last one once.

use openraft::{
    CommittedLeaderId, EntryPayload, RaftLogReader as _, RaftSnapshotBuilder as _,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};

use super::{
    crashes::{Rows, Script, write_script},
    faulty_disk::{Fault, FaultyDisk, Luck},
    support::{Driver, Entry, FRESH, Types, colony, on_one_thread, open_with_thread},
};
use crate::{
    ColonyStore, Disk, EngineError, LogId, MemberId, Options, SnapshotMeta, Store,
    tables::{self, Slot},
};

/// Entries the follower applies before it is overtaken.
const APPLIED: usize = 8;
/// The last entry the snapshot stands for.
const OVERTAKEN: usize = 16;

/// A history, and its state after [`OVERTAKEN`] entries as another node sends it.
struct Story {
    script: Script,
    meta: SnapshotMeta,
    chunks: Vec<Vec<u8>>,
}

async fn write_story() -> Story {
    let script = write_script().await;
    let store = open_with_thread(Disk::Memory);
    let mut donor = Driver::open(&store).await;
    for entry in &script.entries[..=OVERTAKEN] {
        donor.commit(entry.clone()).await.unwrap();
    }
    let built: openraft::Snapshot<Types> =
        donor.store.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    // Small parts, so that there are some.
    let whole: Vec<u8> = built.snapshot.chunks().unwrap().flat_map(Result::unwrap).collect();
    Story {
        script,
        meta: built.meta,
        chunks: whole.chunks(whole.len() / 5 + 1).map(<[u8]>::to_vec).collect(),
    }
}

/// An entry that a coordinator of a later term left here and nobody agreed to.
fn stray(index: usize) -> Entry {
    let leader = CommittedLeaderId::new(7, MemberId(colony()));
    Entry { log_id: LogId::new(leader, index as u64), payload: EntryPayload::Blank }
}

/// What the disk must hold: the log from its beginning on, and how much of it was applied.
#[derive(Debug, Clone, PartialEq, Default)]
struct State {
    purged: Option<LogId>,
    entries: Vec<LogId>,
    applied: usize,
}

/// The follower's life; says after each step what it was told is done.
async fn live(story: &Story, store: &Store, done: &mut Vec<State>) -> Result<(), EngineError> {
    let Ok(opened) = store.open_colony::<Types>(colony(), std::sync::Arc::new(|_| {})).await else {
        return Ok(());
    };
    let ColonyStore { mut log, mut machine, view: _view } = opened;
    let history = &story.script.entries;
    let mut state = State::default();
    let mut step = |state: &State| done.push(state.clone());

    log.blocking_append(history[..APPLIED].to_vec()).await?;
    state.entries = history[..APPLIED].iter().map(|entry| entry.log_id).collect();
    step(&state);
    machine.apply(history[..APPLIED].to_vec()).await?;
    state.applied = APPLIED;

    // A coordinator that was cut off, and what the next one makes of it.
    let strays: Vec<Entry> = (APPLIED..APPLIED + 3).map(stray).collect();
    state.entries.extend(strays.iter().map(|entry| entry.log_id));
    log.blocking_append(strays.clone()).await?;
    step(&state);
    log.truncate(strays[1].log_id).await?;
    state.entries.truncate(APPLIED + 1);
    step(&state);
    log.truncate(strays[0].log_id).await?;
    state.entries.truncate(APPLIED);
    step(&state);
    log.blocking_append(history[APPLIED..APPLIED + 2].to_vec()).await?;
    state.entries.extend(history[APPLIED..APPLIED + 2].iter().map(|entry| entry.log_id));
    step(&state);

    // It was away for long.
    let mut receiving = machine.begin_receiving_snapshot().await?;
    for chunk in story.chunks.clone() {
        if receiving.push(chunk).await.is_err() {
            return Ok(());
        }
    }
    machine.install_snapshot(&story.meta, receiving).await?;
    log.purge(story.meta.last_log_id.unwrap()).await?;
    state = State { purged: story.meta.last_log_id, entries: Vec::new(), applied: OVERTAKEN + 1 };
    step(&state);
    let next = history[OVERTAKEN + 1].clone();
    state.entries.push(next.log_id);
    log.blocking_append([next.clone()]).await?;
    step(&state);
    machine.apply([next]).await?;
    Ok(())
}

async fn strike(story: &Story, fault: Option<Fault>) -> (FaultyDisk, Vec<State>) {
    let disk = FaultyDisk::new(fault);
    let mut done = vec![State::default()];
    let backend = Disk::Backend(Box::new(disk.clone()));
    if let Ok((store, writer)) = Store::open(backend, Options::default(), FRESH) {
        on_one_thread(writer, async {
            // What prevented it is the fault.
            live(story, &store, &mut done).await.ok();
            drop(store);
        })
        .await;
    }
    (disk, done)
}

/// The rows under every slot.
fn rows_by_slot(store: &Store) -> Vec<(Slot, Rows)> {
    let mut slots: Vec<(Slot, Rows)> = Vec::new();
    for row in store.link.read().unwrap().open_table(tables::ROWS).unwrap().range::<&[u8]>(..).unwrap() {
        let (key, value) = row.unwrap();
        let slot = Slot(u32::from_be_bytes(key.value()[..4].try_into().unwrap()));
        if slots.last().is_none_or(|(last, _)| *last != slot) {
            slots.push((slot, Rows::new()));
        }
        let rows = &mut slots.last_mut().unwrap().1;
        rows.insert(Slot::key_of(key.value()).unwrap(), value.value().to_vec());
    }
    slots
}

async fn check(story: &Story, disk: &FaultyDisk, done: &[State], all: &[State], case: &str) {
    let backend = Disk::Backend(Box::new(disk.repaired()));
    let (store, writer) =
        Store::open(backend, Options::default(), FRESH).unwrap_or_else(|error| panic!("{case}: {error}"));
    on_one_thread(writer, async {
        let mut opened = store
            .open_colony::<Types>(colony(), std::sync::Arc::new(|_| {}))
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        let applied = opened.machine.applied_state().await.unwrap().0.map_or(0, |id| id.index as usize + 1);
        let log = opened.log.get_log_state().await.unwrap();
        let read = opened.log.try_get_log_entries(..).await.unwrap();
        let found = State {
            purged: log.last_purged_log_id,
            entries: read.iter().map(|entry| entry.log_id).collect(),
            applied,
        };

        // What was done, or that and the step that was under way; what was applied may be flushed or not.
        let under_way = all.get(done.len());
        let fits = |state: &State| {
            found.purged == state.purged && found.entries == state.entries && found.applied <= OVERTAKEN + 2
        };
        let last = done.last().unwrap();
        assert!(fits(last) || under_way.is_some_and(fits), "{case}: {found:?} after {last:?}");
        let purged = found.purged.map_or(0, |id| id.index as usize + 1);
        assert!(applied >= purged, "{case}: the log begins after what was applied");

        // The log leads on from the state; only entries of the history are ever applied.
        let agreed: Vec<Entry> = read
            .into_iter()
            .filter(|entry| entry.log_id.index as usize >= applied && entry.log_id.leader_id.term == 1)
            .collect();
        let applied = agreed.last().map_or(applied, |entry| entry.log_id.index as usize + 1);
        opened.machine.apply(agreed).await.unwrap();
        opened.view.flush().await.unwrap();
        let wanted = applied.checked_sub(1).map(|last| story.script.rows[last].clone()).unwrap_or_default();
        let mut tries = 0;
        // What was half received, or replaced, is removed in the background.
        while rows_by_slot(&store).len() > 1 {
            tokio::task::yield_now().await;
            tries += 1;
            assert!(tries < 10_000, "{case}: rows are left behind");
        }
        let rows = rows_by_slot(&store).pop().map(|(_, rows)| rows).unwrap_or_default();
        assert_eq!(rows, wanted, "{case}");
        drop((opened, store));
    })
    .await;
}

#[tokio::test]
async fn a_power_cut_at_any_call_leaves_a_follower_before_or_after_each_step() {
    let story = write_story().await;
    let (disk, all) = strike(&story, None).await;
    assert_eq!(all.len(), 8, "without a fault all steps are done");
    check(&story, &disk, &all, &all, "no fault").await;
    for at in 1..=disk.calls() {
        let sure = if at % 2 == 0 { Luck::None } else { Luck::All };
        for luck in [sure, Luck::Coin(at)] {
            let (disk, done) = strike(&story, Some(Fault::Cut { at, luck })).await;
            check(&story, &disk, &done, &all, &format!("cut at call {at}, {luck:?}")).await;
        }
    }
}
