//! Every call to the disk is the last one once: nothing acknowledged is lost, and the state is that of the log.

use std::{collections::BTreeMap, io};

use colony_protocol::{
    colony::{Change, Colony, Outbox, RowKey},
    reply::Reply,
};
use openraft::{
    EntryPayload, RaftLogReader as _, RaftSnapshotBuilder, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use redb::{ReadableDatabase as _, ReadableTable as _};

use super::{
    faulty_disk::{Fault, FaultyDisk, Luck},
    support::{
        Driver, Entry, FRESH, Types, add_executor, assign, close, colony, executor, found, lease, log_lines,
        on_one_thread, open_with_thread, owner, submit,
    },
};
use crate::{
    Disk, EngineError, MemberId, OpenError, Options, Store,
    apply::Decoded,
    encoding,
    entries::{Entries, ROW_BYTES},
    tables::{ROWS, Slot},
};

/// The rows of a colony.
pub(super) type Rows = BTreeMap<RowKey, Vec<u8>>;

/// A history, and the rows it leads to after each of its entries.
pub(super) struct Script {
    pub(super) entries: Vec<Entry>,
    pub(super) rows: Vec<Rows>,
}

/// Bytes of the longest lines in the script: three of them do not fit into one row of the log.
const LONG: usize = ROW_BYTES / 2;

/// What the disk owes: entries it acknowledged, and the last vote it did.
#[derive(Default, Debug, Clone, Copy)]
struct Owed {
    entries: usize,
    vote: u64,
}

/// Some lives of processes: submitted, assigned, logged, closed, cancelled and forgotten.
pub(super) async fn write_script() -> Script {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    let mut entries = Vec::new();
    let mut replies = Vec::new();
    for step in 0..24_u64 {
        let commands = match step {
            0 => vec![(owner(), found())],
            1 => vec![(owner(), add_executor())],
            _ => match step % 4 {
                2 => vec![(owner(), submit(2)), (executor(), assign(1))],
                3 => match replies.pop() {
                    Some(Reply::Assigned { processes, .. }) => {
                        let held = lease(processes[0].id, processes[0].token);
                        // Once so much that the entry takes several rows.
                        let line = if step == 7 { "line ".repeat(LONG / 5) } else { "line".to_owned() };
                        let lines = [line.as_str(); 3];
                        vec![(executor(), log_lines(held, &lines)), (executor(), close(held))]
                    }
                    other => panic!("expected work, not {other:?}"),
                },
                0 => vec![(owner(), submit(1)), (executor(), assign(1)), (owner(), submit(3))],
                _ => vec![(
                    owner(),
                    colony_protocol::command::Command::RemoveAll {
                        state: colony_protocol::model::State::Success,
                    },
                )],
            },
        };
        let items = commands.iter().map(|(key, command)| driver.item(key, command)).collect();
        let entry = driver.entry(items);
        entries.push(entry.clone());
        for outcome in driver.commit(entry).await.unwrap().0 {
            let reply = outcome.unwrap();
            if matches!(reply, Reply::Assigned { .. }) {
                replies.push(reply);
            }
        }
    }
    let rows = rows_after_each(&entries);
    Script { entries, rows }
}

/// The rows the core alone gives: the oracle.
fn rows_after_each(entries: &[Entry]) -> Vec<Rows> {
    let mut core = Colony::new(colony());
    let mut rows = Rows::new();
    let mut after = Vec::new();
    for entry in entries {
        let EntryPayload::Normal(batch) = entry.payload.clone() else { panic!("a batch") };
        let mut out = Outbox::default();
        Decoded::new(&colony(), 1, batch).apply(&mut core, &mut out);
        for change in out.changes {
            match change {
                Change::Touched(key) => match core.row(&key) {
                    Some(bytes) => drop(rows.insert(key, bytes)),
                    None => drop(rows.remove(&key)),
                },
                Change::Kept(key, bytes) => drop(rows.insert(key, bytes)),
                Change::ForgottenState(state) => forget_state(&mut rows, state),
                other => panic!("not in this script: {other:?}"),
            }
        }
        after.push(rows.clone());
    }
    after
}

fn forget_state(rows: &mut Rows, state: colony_protocol::model::State) {
    let gone: Vec<u64> = rows
        .iter()
        .filter_map(|(key, bytes)| match key {
            RowKey::ArchivedProcess(number) => {
                let process = colony_protocol::colony::decode_process(bytes).unwrap();
                (process.state == state && process.workflow.is_none()).then_some(*number)
            }
            _ => None,
        })
        .collect();
    rows.retain(|key, _| match key {
        RowKey::ArchivedProcess(number) | RowKey::LogLine(number, _) => !gone.contains(number),
        _ => true,
    });
}

/// Plays the script on a store, as a quorum of one would, until the end or the first error.
async fn play(store: &Store, script: &Script, owed: &mut Owed) -> Result<(), EngineError> {
    let Ok(mut opened) = store.open_colony::<Types>(colony(), std::sync::Arc::new(|_| {})).await else {
        return Ok(());
    };
    for (index, entry) in script.entries.iter().enumerate() {
        if index % 7 == 0 {
            let term = index as u64 + 1;
            opened.log.save_vote(&Vote::new(term, MemberId(colony()))).await?;
            owed.vote = term;
        }
        opened.log.blocking_append([entry.clone()]).await?;
        owed.entries = index + 1;
        opened.log.save_committed(Some(entry.log_id)).await?;
        opened.machine.apply([entry.clone()]).await?;
        if index == 15 {
            let mut builder = opened.machine.get_snapshot_builder().await;
            let made: openraft::Snapshot<Types> = builder.build_snapshot().await?;
            opened.log.purge(made.meta.last_log_id.unwrap()).await?;
        }
    }
    Ok(())
}

/// Opens a repaired disk and compares what it holds with what it owes.
async fn check(disk: &FaultyDisk, script: &Script, owed: Owed, case: &str) {
    let (store, writer) = open(disk).unwrap_or_else(|error| panic!("{case}: {error}"));
    on_one_thread(writer, async {
        let mut opened = store
            .open_colony::<Types>(colony(), std::sync::Arc::new(|_| {}))
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));

        // Every acknowledged vote and entry is there; at most one more entry was under way.
        let vote = opened.log.read_vote().await.unwrap().map_or(0, |vote| vote.leader_id.term);
        assert!(vote >= owed.vote, "{case}: the vote of term {} became {vote}", owed.vote);
        let held = entries_on_disk(&store);
        assert!(held.len() >= owed.entries, "{case}: {} of {} entries", held.len(), owed.entries);
        assert!(held.len() <= owed.entries + 1, "{case}: {} entries, {} sent", held.len(), owed.entries);
        assert_eq!(held, script.entries[..held.len()], "{case}");

        // Rows and log together are the state after the last entry, whatever was flushed before.
        let applied = opened.machine.applied_state().await.unwrap().0;
        let from = applied.map_or(0, |id| id.index + 1);
        let tail = opened.log.try_get_log_entries(from..).await.unwrap();
        opened.machine.apply(tail).await.unwrap();
        opened.view.flush().await.unwrap();
        let wanted = held.len().checked_sub(1).map(|last| script.rows[last].clone()).unwrap_or_default();
        assert_eq!(rows_on_disk(&store), wanted, "{case}");
        drop((opened, store));
    })
    .await;
}

fn open(disk: &FaultyDisk) -> Result<(Store, crate::Writer), OpenError> {
    Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH)
}

fn entries_on_disk(store: &Store) -> Vec<Entry> {
    let on_disk = Entries::open(&store.link.database.begin_read().unwrap()).unwrap();
    let mut entries = Vec::new();
    let visit = |index, bytes: &[u8]| {
        entries.push(encoding::open_entry(index, bytes).unwrap());
        Ok(true)
    };
    // One colony is all there is: the first slot.
    on_disk.visit(Slot(0), (0, u64::MAX), visit).unwrap();
    entries
}

fn rows_on_disk(store: &Store) -> Rows {
    let table = store.link.database.begin_read().unwrap().open_table(ROWS).unwrap();
    let rows = table.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        (Slot::key_of(key.value()).unwrap(), value.value().to_vec())
    });
    rows.collect()
}

/// Plays the script on a disk with this fault.
async fn strike(script: &Script, fault: Option<Fault>) -> (FaultyDisk, Owed, Option<EngineError>) {
    let disk = FaultyDisk::new(fault);
    let mut owed = Owed::default();
    let mut error = None;
    if let Ok((store, writer)) = open(&disk) {
        on_one_thread(writer, async {
            error = play(&store, script, &mut owed).await.err();
            if disk.has_struck() && error.is_some() {
                assert!(store.failure().borrow().is_some(), "{fault:?}: the failure is told");
            }
            drop(store);
        })
        .await;
    }
    (disk, owed, error)
}

#[tokio::test]
async fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    let script = write_script().await;
    // Without a fault, to count the calls.
    let (disk, owed, error) = strike(&script, None).await;
    assert!(error.is_none() && owed.entries == script.entries.len());
    check(&disk.repaired(), &script, owed, "no fault").await;

    for at in 1..=disk.calls() {
        // Nothing kept is the power gone, everything kept is the process killed, a coin is what disks really do.
        let sure = if at % 2 == 0 { Luck::None } else { Luck::All };
        for luck in [sure, Luck::Coin(at)] {
            let (disk, owed, _) = strike(&script, Some(Fault::Cut { at, luck })).await;
            check(&disk.repaired(), &script, owed, &format!("cut at call {at}, {luck:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_disk_that_fails_at_any_call_loses_nothing_acknowledged() {
    let script = write_script().await;
    let (disk, ..) = strike(&script, None).await;
    for at in 1..=disk.calls() {
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            let (disk, owed, _) = strike(&script, Some(Fault::Fail { at, kind })).await;
            check(&disk.repaired(), &script, owed, &format!("{kind} from call {at} on")).await;
        }
    }
}

#[tokio::test]
async fn a_power_cut_while_a_cut_is_repaired_loses_nothing_either() {
    let script = write_script().await;
    let (healthy, ..) = strike(&script, None).await;
    for at in (1..=healthy.calls()).step_by(17) {
        let (disk, owed, _) = strike(&script, Some(Fault::Cut { at, luck: Luck::Coin(at) })).await;
        for again in 1..=6 {
            // Opening repairs; the power goes in the middle of it.
            let second = disk.with_fault(Fault::Cut { at: again, luck: Luck::Coin(again) });
            drop(open(&second));
            check(&second.repaired(), &script, owed, &format!("cut at call {at}, again at {again}")).await;
        }
    }
}
