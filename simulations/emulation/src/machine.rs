//! One emulated machine, from power on to power off: the platform a node runs on.
//!
//! Its tasks stop all at once when the power goes, and stand still while it is paused; its clock may be wrong; its store's
//! writer is a task that waits for the disk first. What may never happen: a task that is polled once more after the power
//! went, whatever a fault of the disk would have told it.

use std::{
    fmt,
    future::{Future, poll_fn},
    net::Ipv4Addr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use colony_node::{
    net::Carrier,
    runtime::{Busy, Job, Platform, Runtime, Task, Worker},
};
use colony_protocol::time::Timestamp;
use colony_simulations::chance::Chance;
use tokio::{
    task::{AbortHandle, yield_now},
    time::{Instant, sleep},
};

use crate::{disk::Disk, network::Network};

/// The wall time at which every run begins: 2027-01-15, in microseconds.
const EPOCH: u64 = 1_800_000_000_000_000;
/// Handles of ended tasks are let go when so many have come together.
const TASKS_KEPT: usize = 1024;

/// How wrong a machine's clock is. It outlives the machine's restarts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// By how many microseconds it is ahead.
    pub offset: i64,
    /// How many microseconds it gains each second.
    pub drift: i64,
}

impl Clock {
    fn read(self, elapsed: Duration) -> Timestamp {
        let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let gained = self.offset.saturating_add(micros.saturating_mul(self.drift) / 1_000_000);
        let real = EPOCH.saturating_add(u64::try_from(micros).unwrap_or_default());
        Timestamp::from_micros(real.saturating_add_signed(gained))
    }
}

/// A machine; clones are the same.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    address: Ipv4Addr,
    network: Network,
    disk: Option<Disk>,
    begin: Instant,
    clock: Arc<Mutex<Clock>>,
    chance: Mutex<Chance>,
    power: Arc<Power>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// Whether a machine's tasks may run.
#[derive(Debug, Default)]
pub struct Power {
    off: AtomicBool,
    paused: AtomicBool,
    /// Tasks that wanted to run while they might not.
    waiting: Mutex<Vec<Waker>>,
}

impl Power {
    /// Takes the power away, at once.
    pub fn cut(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    /// Whether it is gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    fn hold(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        if !paused {
            for waker in std::mem::take(&mut *lock(&self.waiting)) {
                waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    /// Switches a machine on. `begin` is the begin of the run.
    #[must_use]
    pub fn new(
        address: Ipv4Addr,
        network: Network,
        disk: Option<Disk>,
        begin: Instant,
        clock: Arc<Mutex<Clock>>,
        chance: Chance,
    ) -> Self {
        let power = Arc::new(Power::default());
        if let Some(disk) = &disk {
            disk.power(Arc::clone(&power));
        }
        network.switch_on(address);
        let (chance, tasks) = (Mutex::new(chance), Mutex::default());
        Self(Arc::new(Inner { address, network, disk, begin, clock, chance, power, tasks }))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.0.address
    }

    /// The platform of a node.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        Runtime::new(self.clone())
    }

    /// Whether the power went without anybody being told: a fault of the disk takes it along.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.power.is_off()
    }

    /// Lets all tasks stand still, or go on.
    pub fn pause(&self, paused: bool) {
        self.0.power.hold(paused);
    }

    /// Takes the power away and waits, without time passing, until every task is gone.
    pub async fn kill(&self) {
        self.0.power.cut();
        let tasks = std::mem::take(&mut *lock(&self.0.tasks));
        for task in &tasks {
            task.abort();
        }
        while tasks.iter().any(|task| !task.is_finished()) {
            yield_now().await;
        }
    }

    fn start(&self, task: Task) {
        let guarded = Guarded { power: Arc::clone(&self.0.power), task };
        let handle = tokio::spawn(guarded).abort_handle();
        if self.is_off() {
            handle.abort();
        }
        let mut tasks = lock(&self.0.tasks);
        if tasks.len() >= TASKS_KEPT && tasks.len().is_power_of_two() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(handle);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("address", &self.0.address).finish_non_exhaustive()
    }
}

impl Platform for Machine {
    fn now(&self) -> Timestamp {
        lock(&self.0.clock).read(self.0.begin.elapsed())
    }

    fn elapsed(&self) -> Duration {
        self.0.begin.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(sleep(duration))
    }

    fn spawn(&self, _name: &'static str, task: Task) {
        self.start(task);
    }

    fn offload(&self, job: Job) -> Result<(), Busy> {
        // A task of its own, so that what waits for it waits as it does for a pool.
        self.start(Box::pin(async move { job() }));
        Ok(())
    }

    fn thread(&self, _name: &'static str, job: Job) {
        job();
    }

    fn worker(&self, _name: &'static str, worker: Box<dyn Worker>) {
        let task = worker.run_inline();
        match self.0.disk.clone() {
            Some(disk) => self.start(Box::pin(at_its_pace(disk, task))),
            None => self.start(task),
        }
    }

    fn carrier(&self) -> Option<Carrier> {
        let (network, address) = (self.0.network.clone(), self.0.address);
        Some(Carrier::new(move || network.transport(address)))
    }

    fn random(&self, buffer: &mut [u8]) {
        let mut chance = lock(&self.0.chance);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&chance.number().to_le_bytes()[..chunk.len()]);
        }
    }

    fn shutdown(&self) -> Task {
        let machine = self.clone();
        Box::pin(async move { machine.kill().await })
    }
}

/// A task of a machine.
struct Guarded {
    power: Arc<Power>,
    task: Task,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.power.is_off() {
            return Poll::Pending;
        }
        if self.power.paused.load(Ordering::Relaxed) {
            lock(&self.power.waiting).push(context.waker().clone());
            return Poll::Pending;
        }
        self.task.as_mut().poll(context)
    }
}

/// Says that somebody wanted a task to go on.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    sleeper: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        if let Some(sleeper) = lock(&self.sleeper).take() {
            sleeper.wake();
        }
    }
}

/// Runs a writer so that whatever comes waits for one sync of the disk before it is carried out: who asked is answered
/// when a disk would have answered, and what came meanwhile goes into the same transaction.
async fn at_its_pace(disk: Disk, mut task: Task) {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    bell.rung.store(true, Ordering::Relaxed);
    loop {
        poll_fn(|context| {
            *lock(&bell.sleeper) = Some(context.waker().clone());
            if bell.rung.swap(false, Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let takes = disk.sync_takes();
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return;
        }
    }
}
