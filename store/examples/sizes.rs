//! What a store costs: memory and time to open with many colonies nobody uses, memory while a colony's archive moves from
//! one store to another, and time to read a page of a large archive.
//!
//! ```text
//! cargo run --release -p colony-store --example sizes -- colonies 100
//! cargo run --release -p colony-store --example sizes -- transfer 1000000
//! cargo run --release -p colony-store --example sizes -- pages 1000000
//! ```
//!
//! Files are made in `TMPDIR`. Memory is what the system counts as resident.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool, not a part of the store")]

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::{Assign, Closing, Command, LeaseRef, Submission},
    entry::{Batch, Item},
    envelope::{Body, RequestId, Signed},
    identity::{Identity, SecretKey},
    model::{Executor, FunctionSpec, Process, member::StoreId},
    reply::Reply,
    request::Request,
    time::{Span, Timestamp},
};
use colony_store::{ColonyStore, ColonyView, Disk, LogId, MemberId, Options, Outcomes, Snapshot, Store};
use openraft::{
    CommittedLeaderId, EntryPayload,
    storage::{RaftLogStorageExt as _, RaftStateMachine as _},
};

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

/// Processes moved by one request.
const TOGETHER: usize = 100;
/// Processes of a page, as ColonyOS's clients list them.
const PAGE: usize = 100;
/// How often the same page is read.
const LOOKS: usize = 1_000;
/// Microseconds between two entries.
const STEP: u64 = 10_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count = arguments.next().map_or(100, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    match what.as_str() {
        "colonies" => runtime.block_on(colonies(count, directory.path())),
        "transfer" => runtime.block_on(transfer(count, directory.path())),
        "pages" => runtime.block_on(pages(count, directory.path())),
        _ => println!("say `colonies`, `transfer` or `pages`, and how many"),
    }
}

/// Opens this many colonies that were founded and left alone.
async fn colonies(count: usize, directory: &Path) {
    let path = directory.join("store.redb");
    {
        let (store, writer) = open(&path);
        for number in 0..count {
            let mut driver = Driver::open(&store, SecretKey::derive(&number.to_be_bytes())).await;
            driver.found().await;
            driver.store.view.flush().await.unwrap();
        }
        drop(store);
        writer.join().unwrap();
    }
    let before = resident("VmRSS");
    let began = now();
    let (store, _writer) = open(&path);
    let file = began.elapsed();
    let mut open = Vec::with_capacity(count);
    for number in 0..count {
        open.push(Driver::open(&store, SecretKey::derive(&number.to_be_bytes())).await);
    }
    let size = fs::metadata(&path).unwrap().len() / 1024;
    println!(
        "{count} colonies: the file of {size} KiB opened in {file:?}, all in {:?}; {} KiB of memory each",
        began.elapsed(),
        resident("VmRSS").saturating_sub(before) / count.max(1) as u64
    );
}

/// Moves a colony with this many finished processes.
async fn transfer(count: usize, directory: &Path) {
    let (sender, _writer) = open(&directory.join("sender.redb"));
    let mut from = Driver::open(&sender, SecretKey::derive(b"owner")).await;
    from.finish(count).await;

    let (receiver, _writer) = open(&directory.join("receiver.redb"));
    let mut to = Driver::open(&receiver, SecretKey::derive(b"owner")).await;
    // The system forgets the peak it has seen so far.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let began = now();
    let current = from.store.machine.get_current_snapshot().await.unwrap().unwrap();
    let mut receiving = to.store.machine.begin_receiving_snapshot().await.unwrap();
    let mut bytes = 0;
    for chunk in current.snapshot.chunks().unwrap() {
        let chunk = chunk.unwrap();
        bytes += chunk.len();
        receiving.push(chunk).await.unwrap();
    }
    let sent = began.elapsed();
    to.store.machine.install_snapshot(&current.meta, receiving).await.unwrap();
    println!(
        "{} MiB moved in {sent:?}, installed in another {:?}; at most {} MiB resident, both stores together",
        bytes / 1024 / 1024,
        began.elapsed().saturating_sub(sent),
        resident("VmHWM") / 1024
    );
}

/// Reads pages of a colony with this many finished processes: those at both ends of the archive and in between, and then
/// all, each from where the last one ended.
async fn pages(count: usize, directory: &Path) {
    let (store, _writer) = open(&directory.join("store.redb"));
    let mut driver = Driver::open(&store, SecretKey::derive(b"owner")).await;
    driver.finish(count).await;
    let view = &driver.store.view;
    let newest = count as u64;
    for (place, before) in [("first", None), ("middle", Some(newest / 2)), ("last", Some(PAGE as u64 + 1))] {
        let mut times: Vec<Duration> = (0..LOOKS)
            .map(|_| {
                let began = now();
                assert_eq!(page(view, before).len(), PAGE);
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{place} page: p50 {:?}, longest {:?}", times[LOOKS / 2], times[LOOKS - 1]);
    }
    let (began, reads, mut seen, mut before) = (now(), store.reads(), 0, None);
    loop {
        let numbers = page(view, before);
        let Some(last) = numbers.last() else { break };
        (before, seen) = (Some(*last), seen + numbers.len());
    }
    println!(
        "all {seen} by pages of {PAGE} in {:?}, {} looks at the disk",
        began.elapsed(),
        store.reads() - reads
    );
}

/// The numbers of a page.
fn page(view: &ColonyView, before: Option<u64>) -> Vec<u64> {
    let mut numbers = Vec::with_capacity(PAGE);
    let visit = |process: Process| {
        numbers.push(process.number());
        if numbers.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    view.archived_processes(before, visit).unwrap();
    numbers
}

fn open(path: &Path) -> (Store, std::thread::JoinHandle<()>) {
    let id = StoreId::default();
    let (store, writer) = Store::open(Disk::File(path.to_owned()), Options::default(), id).unwrap();
    (store, start(writer))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store starts no thread; this stands for the node that does"
)]
fn start(writer: colony_store::Writer) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || writer.run())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A line of the system's account of this process, in KiB.
fn resident(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
}

/// A quorum of one.
struct Driver {
    key: SecretKey,
    colony: Identity,
    store: ColonyStore<Types>,
    next: u64,
}

impl Driver {
    async fn open(store: &Store, key: SecretKey) -> Self {
        let colony = key.identity();
        let store = store.open_colony(colony, Arc::new(|_| {})).await.unwrap();
        Self { key, colony, store, next: 0 }
    }

    async fn found(&mut self) {
        self.tell(Command::Found { name: Text::new("dev").unwrap() }).await;
        let executor = Executor {
            id: self.colony,
            name: Text::new("worker").unwrap(),
            executor_type: Text::new("cli").unwrap(),
            ..Default::default()
        };
        self.tell(Command::AddExecutor { executor, approved: true }).await;
    }

    /// Founds the colony, and carries out this many processes.
    async fn finish(&mut self, count: usize) {
        self.found().await;
        let began = now();
        for _ in 0..count.div_ceil(TOGETHER) {
            self.finish_some().await;
        }
        self.store.view.flush().await.unwrap();
        let memory = resident("VmRSS") / 1024;
        println!("{count} processes finished in {:?}; {memory} MiB resident", began.elapsed());
    }

    async fn finish_some(&mut self) {
        let mut spec = FunctionSpec { func_name: Text::new("echo").unwrap(), ..Default::default() };
        spec.conditions.executor_type = Text::new("cli").unwrap();
        let items = vec![Submission { spec, retry_of: None }; TOGETHER];
        self.tell(Command::Submit { items: List::new(items).unwrap() }).await;
        let max = u16::try_from(TOGETHER).unwrap();
        let mut left = TOGETHER;
        while left > 0 {
            let reply = self.tell(Command::Assign(Assign { max, ..Default::default() })).await;
            let Reply::Assigned { processes, .. } = reply else { return };
            left -= processes.len();
            let closings = processes.iter().map(|process| Closing {
                lease: LeaseRef { process: process.id, token: process.token },
                success: true,
                output: List::default(),
                errors: List::default(),
                attributes: List::default(),
                lines: List::default(),
                receipt: None,
            });
            self.tell(Command::Close { items: List::new(closings.collect()).unwrap() }).await;
        }
    }

    async fn tell(&mut self, command: Command) -> Reply {
        let at = Timestamp::from_micros(1_000_000_000 + self.next * STEP);
        let mut request = [0; 16];
        request[..8].copy_from_slice(&self.next.to_be_bytes());
        let body = Body {
            colony: self.colony,
            kind: Text::new(command.kind()).unwrap(),
            audience: self.colony,
            request: RequestId::from_bytes(request),
            issued: at,
            expires: at.after(Span::from_secs(60)),
            grants: List::default(),
            payload: Bytes::new(command.encode().unwrap()).unwrap(),
        };
        let signed = Signed::sign(&body, &self.key).unwrap().to_bytes().unwrap();
        let items = vec![Item { by: self.colony, signed: Request::new(Bytes::new(signed).unwrap()).into() }];
        let id = LogId::new(CommittedLeaderId::new(1, MemberId(self.colony)), self.next);
        self.next += 1;
        let payload = EntryPayload::Normal(Batch { at, heard: Vec::new(), items });
        let entry = openraft::Entry { log_id: id, payload };
        self.store.log.blocking_append([entry.clone()]).await.unwrap();
        let mut outcomes = self.store.machine.apply([entry]).await.unwrap();
        outcomes.remove(0).0.remove(0).unwrap()
    }
}
