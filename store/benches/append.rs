//! Durable log entries per second, beside the least a disk can do: append the same bytes to a file and sync it.
//!
//! Run it with `cargo bench -p colony-store`. All write to the same directory in the same run: `TMPDIR` chooses the disk.
//! What counts is the ratio; the aim is a third of the bare file at 100 entries and more. `store` writes that many log
//! entries of one request each, as a follower does that catches up; `one entry` writes the requests as the coordinator
//! does: folded into one log entry.

use std::{fs::File, hint::black_box, io::Write as _, path::Path, sync::Arc};

use colony_protocol::{
    bounded::Bytes,
    entry::{Batch, Item},
    identity::Identity,
    model::member::StoreId,
    request::Request,
    time::Timestamp,
};
use colony_store::{Disk, LogId, LogStore, MemberId, Options, Outcomes, Snapshot, Store};
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use openraft::{CommittedLeaderId, EntryPayload, storage::RaftLogStorageExt as _};

openraft::declare_raft_types!(
    Types:
        D = Batch,
        R = Outcomes,
        NodeId = MemberId,
        Node = colony_store::MemberInfo,
        Entry = openraft::Entry<Types>,
        SnapshotData = Snapshot,
        AsyncRuntime = openraft::TokioRuntime,
);

/// Bytes of a signed request: an ordinary submit.
const REQUEST_BYTES: usize = 256;
/// Entries that are appended together.
const BATCHES: [usize; 4] = [1, 10, 100, 1000];

/// How requests become log entries.
#[derive(Clone, Copy)]
enum Form {
    /// An entry for each.
    Apart,
    /// One entry for all.
    Folded,
}

impl Form {
    const fn name(self) -> &'static str {
        match self {
            Self::Apart => "store",
            Self::Folded => "one entry",
        }
    }
}

/// The next entries of a log, with `count` requests in all.
fn entries(form: Form, next: &mut u64, count: usize) -> Vec<openraft::Entry<Types>> {
    let bytes = Bytes::new(vec![0x5A; REQUEST_BYTES]).unwrap_or_default();
    let item = Item { by: Identity::NOBODY, signed: Arc::new(Request::new(bytes)) };
    let (count, each) = match form {
        Form::Apart => (count, 1),
        Form::Folded => (1, count),
    };
    let entry = |index: u64| openraft::Entry {
        log_id: LogId::new(CommittedLeaderId::new(1, MemberId::default()), index),
        payload: EntryPayload::Normal(Batch {
            at: Timestamp::from_micros(index),
            heard: Vec::new(),
            items: vec![item.clone(); each],
        }),
    };
    let from = *next;
    *next += count as u64;
    (from..*next).map(entry).collect()
}

fn bare_file(group: &mut BenchmarkGroup<'_, WallTime>, directory: &Path, count: usize) {
    let path = directory.join(format!("bare-{count}"));
    let Ok(mut file) = File::create(path) else { return };
    let bytes = vec![0x5A; REQUEST_BYTES * count];
    group.bench_with_input(BenchmarkId::new("bare file", count), &bytes, |bench, bytes| {
        bench.iter(|| file.write_all(black_box(bytes)).and_then(|()| file.sync_data()).is_ok());
    });
}

fn store(group: &mut BenchmarkGroup<'_, WallTime>, directory: &Path, form: Form, count: usize) -> Option<()> {
    let name = form.name();
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let disk = Disk::File(directory.join(format!("{name}-{count}")));
    let (store, writer) = Store::open(disk, Options::default(), StoreId::default()).ok()?;
    start(writer);
    let opened = runtime.block_on(store.open_colony::<Types>(Identity::NOBODY, Arc::new(|_| {}))).ok()?;
    let mut log: LogStore<Types> = opened.log;
    let mut next = 0;
    group.bench_function(BenchmarkId::new(name, count), |bench| {
        bench.iter(|| runtime.block_on(log.blocking_append(entries(form, &mut next, count))).is_ok());
    });
    Some(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store starts no thread; the bench stands for the node that does"
)]
fn start(writer: colony_store::Writer) {
    std::thread::spawn(move || writer.run());
}

fn appends(criterion: &mut Criterion) {
    let Ok(directory) = tempfile::tempdir() else { return };
    let mut group = criterion.benchmark_group("durable entries");
    for count in BATCHES {
        group.throughput(Throughput::Elements(count as u64));
        // One after the other: what a disk takes for a sync drifts within minutes.
        bare_file(&mut group, directory.path(), count);
        for form in [Form::Apart, Form::Folded] {
            let finished = store(&mut group, directory.path(), form, count);
            assert!(finished.is_some(), "the store did not open");
        }
    }
    group.finish();
}

criterion_group!(benches, appends);
criterion_main!(benches);
