//! What a command costs the core while 10^2 .. 10^6 processes wait, and what each of them costs in memory.
//!
//! `cargo bench -p colony-protocol`. The number behind a name is the length of the queue, which spreads over
//! [`LANES`] lanes; every measured step is undone, so the queue keeps its length.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, says what it found, and stops if it cannot go on"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use colony_protocol::{
    bounded::{Json, List, Text},
    colony::{Call, Colony, Outbox},
    command::{Assign, Closing, Command, LeaseRef, Submission},
    envelope::RequestId,
    identity::Identity,
    model::{Executor, FunctionSpec, Process, Values},
    reply::Reply,
    time::{Span, Timestamp},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Lengths of the queue.
const WAITING: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Different demands for memory in the queue.
const LANES: u64 = 8;
const OWNER: Identity = Identity::from_bytes([1; 32]);
const EXECUTOR: Identity = Identity::from_bytes([2; 32]);

fn spec(memory: u64) -> FunctionSpec {
    let mut spec = FunctionSpec {
        func_name: Text::cut("echo"),
        args: List::new(vec![Json::string("hello"), Json::string("world")]).unwrap(),
        ..FunctionSpec::default()
    };
    spec.conditions.executor_type = Text::cut("cli");
    spec.conditions.memory = memory;
    spec
}

struct Bench {
    colony: Colony,
    out: Outbox,
    now: u64,
    requests: u64,
}

impl Bench {
    fn new(waiting: u64) -> Self {
        let mut bench = Self {
            colony: Colony::new(OWNER),
            out: Outbox::default(),
            now: 1_700_000_000_000_000,
            requests: 0,
        };
        bench.tell(OWNER, Command::Found { name: Text::cut("dev") });
        let executor = Executor {
            id: EXECUTOR,
            name: Text::cut("e"),
            executor_type: Text::cut("cli"),
            ..Executor::default()
        };
        bench.tell(OWNER, Command::AddExecutor { executor, approved: true });
        for number in 0..waiting {
            bench.submit(number % LANES);
        }
        bench
    }

    /// An entry of one call, a millisecond after the last. Requests expire soon, so that few are remembered.
    fn tell(&mut self, by: Identity, command: Command) -> Reply {
        let (call, ()) = (self.call(by, command), self.begin());
        self.colony.apply(&call, &mut self.out).unwrap()
    }

    fn begin(&mut self) {
        self.now += 1_000;
        self.out.changes.clear();
        self.out.events.clear();
        self.colony.begin(Timestamp::from_micros(self.now), &[], &mut self.out);
    }

    fn call(&mut self, by: Identity, command: Command) -> Call {
        self.requests += 1;
        let mut request = [0; 16];
        request[..8].copy_from_slice(&self.requests.to_be_bytes());
        let expires = Timestamp::from_micros(self.now + 100_000);
        Call { by, term: 1, request: RequestId::from_bytes(request), expires, command: command.into() }
    }

    fn submission(memory: u64) -> Command {
        Command::Submit { items: List::new(vec![Submission { spec: spec(memory), retry_of: None }]).unwrap() }
    }

    fn assignment() -> Command {
        Command::Assign(Assign { max: 1, heartbeat: Some(Span::from_secs(3_600)), ..Assign::default() })
    }

    fn closing(process: &Process) -> Command {
        let closing = Closing {
            lease: LeaseRef { process: process.id, token: process.token },
            success: true,
            output: Values::new(vec![Json::string("done")]).unwrap(),
            errors: List::default(),
            attributes: List::default(),
            lines: List::default(),
            receipt: None,
        };
        Command::Close { items: List::new(vec![closing]).unwrap() }
    }

    fn submit(&mut self, memory: u64) -> Reply {
        self.tell(OWNER, Self::submission(memory))
    }

    fn assign(&mut self) -> Process {
        match self.tell(EXECUTOR, Self::assignment()) {
            Reply::Assigned { mut processes, .. } => processes.pop().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Only the application of one call, not its making nor the entry around it.
    fn timed(&mut self, by: Identity, command: Command) -> (Duration, Reply) {
        let call = self.call(by, command);
        self.begin();
        let start = Instant::now();
        let reply = black_box(self.colony.apply(black_box(&call), &mut self.out));
        (start.elapsed(), reply.unwrap())
    }
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(1));
    for waiting in WAITING {
        let mut bench = Bench::new(waiting);
        group.bench_function(BenchmarkId::new("submit", waiting), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|round| {
                        let (took, _) = bench.timed(OWNER, Bench::submission(round % LANES));
                        let held = bench.assign();
                        bench.tell(EXECUTOR, Bench::closing(&held));
                        took
                    })
                    .sum()
            });
        });
        group.bench_function(BenchmarkId::new("assign", waiting), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|round| {
                        let (took, reply) = bench.timed(EXECUTOR, Bench::assignment());
                        let Reply::Assigned { processes, .. } = reply else { panic!("{reply:?}") };
                        bench.tell(EXECUTOR, Bench::closing(&processes[0]));
                        bench.submit(round % LANES);
                        took
                    })
                    .sum()
            });
        });
        group.bench_function(BenchmarkId::new("close", waiting), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|round| {
                        let held = bench.assign();
                        let (took, _) = bench.timed(EXECUTOR, Bench::closing(&held));
                        bench.submit(round % LANES);
                        took
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

/// Not a measurement of time: says how much memory a waiting process takes beside its spec.
fn memory(_: &mut Criterion) {
    const COUNT: u64 = 100_000;
    let (mut specs, mut colony) = (Vec::new(), None);
    let of_specs = allocation_counter::measure(|| {
        specs = (0..COUNT).map(|number| Arc::new(spec(number % LANES))).collect();
    });
    let of_colony = allocation_counter::measure(|| colony = Some(Bench::new(COUNT)));
    let each = |bytes: i64| bytes / i64::try_from(COUNT).unwrap();
    let (specs_each, whole) = (each(of_specs.bytes_current), each(of_colony.bytes_current));
    let beside = whole - specs_each;
    eprintln!(
        "memory of a waiting process: {whole} bytes, of which its spec {specs_each}, beside it {beside}"
    );
    drop((specs, colony));
}

criterion_group!(benches, memory, steps);
criterion_main!(benches);
