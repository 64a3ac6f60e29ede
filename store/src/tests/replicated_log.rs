//! The log of one of several nodes: cut where a new coordinator contradicts it, purged, restarted, overtaken by a snapshot.

use openraft::{
    CommittedLeaderId, EntryPayload, RaftLogReader as _, RaftSnapshotBuilder as _,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use proptest::prelude::*;

use super::{
    faulty_disk::FaultyDisk,
    support::{Driver, Entry, FRESH, Types, colony, on_one_thread, open_with_thread},
};
use crate::{ColonyStore, Disk, LogId, MemberId, Options, SnapshotMeta, Store};

fn id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, MemberId(colony())), index)
}

fn blank(term: u64, index: u64) -> Entry {
    Entry { log_id: id(term, index), payload: EntryPayload::Blank }
}

async fn open(store: &Store) -> ColonyStore<Types> {
    store.open_colony(colony(), std::sync::Arc::new(|_| {})).await.unwrap()
}

async fn ids(opened: &mut ColonyStore<Types>) -> Vec<LogId> {
    let entries = opened.log.try_get_log_entries(..).await.unwrap();
    entries.into_iter().map(|entry| entry.log_id).collect()
}

/// What the engine may do to a log. Numbers are places between what is possible, in 256ths.
#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    /// Under a new coordinator, who contradicts from somewhere after what was applied.
    Truncate(u8),
    Apply(u8),
    Purge(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..6_u64).prop_map(Step::Append),
        3 => any::<u8>().prop_map(Step::Truncate),
        3 => any::<u8>().prop_map(Step::Apply),
        2 => any::<u8>().prop_map(Step::Purge),
        1 => Just(Step::Restart),
    ]
}

/// A log as a plain list, from its first entry on.
#[derive(Debug, Default)]
struct Model {
    term: u64,
    entries: Vec<LogId>,
    purged: usize,
    applied: usize,
}

impl Model {
    fn between(place: u8, low: usize, high: usize) -> usize {
        low + (high - low) * usize::from(place) / 256
    }

    /// Carries a step out here and there.
    async fn carry_out(&mut self, step: &Step, opened: &mut ColonyStore<Types>) {
        match *step {
            Step::Append(count) => {
                let from = self.entries.len() as u64;
                let new: Vec<_> = (from..from + count).map(|index| blank(self.term, index)).collect();
                self.entries.extend(new.iter().map(|entry| entry.log_id));
                opened.log.blocking_append(new).await.unwrap();
            }
            Step::Truncate(place) => {
                self.term += 1;
                let from = Self::between(place, self.applied, self.entries.len());
                if let Some(first) = self.entries.get(from).copied() {
                    // The reader of a replication that this node ran as coordinator.
                    let mut deposed = opened.log.get_log_reader().await;
                    self.entries.truncate(from);
                    opened.log.truncate(first).await.unwrap();
                    assert!(deposed.try_get_log_entries(..).await.unwrap().is_empty());
                }
            }
            Step::Apply(place) => {
                let upto = Self::between(place, self.applied, self.entries.len());
                let entries = opened.log.try_get_log_entries(self.applied as u64..upto as u64).await.unwrap();
                assert_eq!(entries.len(), upto - self.applied);
                opened.machine.apply(entries).await.unwrap();
                self.applied = upto;
            }
            Step::Purge(place) => {
                let upto = Self::between(place, self.purged, self.applied);
                if let Some(last) = upto.checked_sub(1) {
                    opened.log.purge(self.entries[last]).await.unwrap();
                    self.purged = upto;
                }
            }
            Step::Restart => {}
        }
    }

    async fn compare(&self, opened: &mut ColonyStore<Types>) {
        assert_eq!(ids(opened).await, self.entries[self.purged..]);
        let state = opened.log.get_log_state().await.unwrap();
        assert_eq!(state.last_log_id, self.entries.last().copied());
        assert_eq!(state.last_purged_log_id, self.purged.checked_sub(1).map(|last| self.entries[last]));
        // A follower gets what follows, or nothing.
        let mut reader = opened.log.get_log_reader().await;
        let after = self.entries.len() as u64;
        for start in 0..after {
            let read = reader.limited_get_log_entries(start, after).await.unwrap();
            let wanted = if start < self.purged as u64 { &[][..] } else { &self.entries[start as usize..] };
            assert!(read.iter().map(|entry| entry.log_id).eq(wanted.iter().copied()), "from {start}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_reads_as_a_plain_list_would(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let disk = FaultyDisk::new(None);
            let mut model = Model { term: 1, ..Model::default() };
            for life in steps.split(|step| matches!(step, Step::Restart)) {
                let (store, writer) =
                    Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
                on_one_thread(writer, async {
                    let mut opened = open(&store).await;
                    // What was applied and not flushed is applied again.
                    let applied = opened.machine.applied_state().await.unwrap().0;
                    let from = applied.map_or(0, |id| id.index + 1);
                    let missing = opened.log.try_get_log_entries(from..model.applied as u64).await.unwrap();
                    opened.machine.apply(missing).await.unwrap();
                    model.compare(&mut opened).await;
                    for step in life {
                        model.carry_out(step, &mut opened).await;
                        model.compare(&mut opened).await;
                    }
                    // A purge mark rides with the next append.
                    opened.log.save_vote(&openraft::Vote::new(model.term, MemberId(colony()))).await.unwrap();
                    drop((opened, store));
                })
                .await;
            }
        });
    }
}

/// A donor's snapshot, and a node that was given entries of a later term nobody agreed to.
async fn overtaken() -> (SnapshotMeta, Vec<Vec<u8>>) {
    let donor = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&donor).await;
    driver.found().await;
    for _ in 0..3 {
        driver.run_one().await;
    }
    let built: openraft::Snapshot<Types> =
        driver.store.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    let chunks = built.snapshot.chunks().unwrap().map(Result::unwrap).collect();
    (built.meta, chunks)
}

#[tokio::test]
async fn a_snapshot_goes_beyond_entries_of_a_higher_term_that_nobody_agreed_to() {
    let (meta, chunks) = overtaken().await;
    let snapshot_id = meta.last_log_id.unwrap();
    let disk = FaultyDisk::new(None);
    for restarted in [false, true] {
        let (store, writer) =
            Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
        on_one_thread(writer, async {
            let mut opened = open(&store).await;
            if !restarted {
                opened.log.blocking_append([blank(1, 0), blank(5, 1), blank(5, 2)]).await.unwrap();
                let mut receiving = opened.machine.begin_receiving_snapshot().await.unwrap();
                for chunk in chunks.clone() {
                    receiving.push(chunk).await.unwrap();
                }
                opened.machine.install_snapshot(&meta, receiving).await.unwrap();
            }
            let state = opened.log.get_log_state().await.unwrap();
            assert_eq!(state.last_log_id, Some(snapshot_id), "restarted: {restarted}");
            assert_eq!(state.last_purged_log_id, Some(snapshot_id));
            assert_eq!(opened.machine.applied_state().await.unwrap().0, Some(snapshot_id));
            assert!(ids(&mut opened).await.is_empty());
            drop((opened, store));
        })
        .await;
    }
}

#[tokio::test]
async fn the_log_does_not_go_on_before_the_snapshot_it_follows_is_there() {
    let (meta, chunks) = overtaken().await;
    let last = meta.last_log_id.unwrap();
    let store = open_with_thread(Disk::Memory);
    let mut opened = open(&store).await;
    let mut receiving = opened.machine.begin_receiving_snapshot().await.unwrap();
    for chunk in chunks {
        receiving.push(chunk).await.unwrap();
    }
    // As the engine does it: the log hears of the snapshot at once, the state machine is still busy.
    let ColonyStore { mut log, mut machine, view } = opened;
    let purge = async {
        log.purge(last).await.unwrap();
        assert_eq!(view.applied().unwrap().0, Some(last), "the log went first");
    };
    let install = async {
        tokio::task::yield_now().await;
        assert_eq!(view.applied().unwrap().0, None);
        machine.install_snapshot(&meta, receiving).await.unwrap();
    };
    tokio::join!(biased; purge, install);

    // Without one under way there is nothing to wait for.
    log.purge(id(1, last.index + 5)).await.unwrap();
}
