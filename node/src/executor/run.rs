//! One lease, from the grant to the result.
//!
//! Owns the scratch directory, the program and its journal. Ends in one of three ways: with a report to the colony;
//! without one, because the colony has taken the lease back; or dropped, which kills the program.

use std::time::Duration;

use colony_protocol::{
    command::{Closing, LeaseRef, Release},
    model::{LogStream, Process},
};
use futures::future;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{
    books::lease_ref,
    child::Child,
    ending::Ending,
    journal::Journal,
    plan::Plan,
    reports::{self, Report},
    scratch::Scratch,
    ship,
    shop::Shop,
    slots::{Claim, PATIENCE},
    stop::Stop,
    watch::Watch,
};

/// How long output is still read after the whole group is dead. Only a program that left the group can hold the pipe
/// open, and nobody waits for that one.
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes read at once: what a pipe gives in one go on most machines is 4 to 64 KiB.
const READ: usize = 16 * 1024;

/// When a lease began to count, by our own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    /// Its hard deadline counts from here.
    pub(super) began: Duration,
    /// The colony heard us last at this time or later.
    pub(super) heard: Duration,
}

/// Runs a granted process once there is a slot for it, and hands on what became of it.
pub(super) async fn run(
    shop: &Shop,
    process: &Process,
    reports: mpsc::Sender<Report>,
    grant: Grant,
    claim: Claim,
) {
    let Some(lease) = process.lease else {
        return tracing::error!(process = process.number(), "given work without a lease");
    };
    let held = lease_ref(process, &lease);
    let fence = lease.renew_by.map(|by| grant.heard.saturating_add(by.since(lease.granted_at).to_std()));
    let Some(standing) = shop.leases.hold(held, lease.heartbeat.map(|span| span.to_std()), fence) else {
        return tracing::debug!(process = process.number(), "given the same work twice");
    };
    let mut watch = Watch::new(shop, &lease, grant.began, standing);
    let (report, took) = tokio::select! {
        biased;
        () = shop.abandoned.cancelled() => (None, Duration::ZERO),
        outcome = in_turn(shop, process, held, &mut watch) => outcome,
    };
    // The delivery releases the lease once the colony has answered.
    let delivered = match report {
        Some(report) => reports.send(report).await.is_ok(),
        None => false,
    };
    if !delivered {
        shop.leases.release(held);
    }
    shop.slots.settle(claim, took);
}

/// Waits for a slot and runs; also says how long a slot was needed.
async fn in_turn(
    shop: &Shop,
    process: &Process,
    held: LeaseRef,
    watch: &mut Watch<'_>,
) -> (Option<Report>, Duration) {
    let slot = tokio::select! {
        biased;
        stop = watch.stop() => Err(stop.is_final()),
        () = shop.stop.cancelled() => Err(false),
        slot = shop.slots.slot() => slot.ok_or(false),
        () = shop.runtime.sleep(PATIENCE) => Err(false),
    };
    match slot {
        Ok(_slot) => {
            let start = shop.runtime.elapsed();
            let report = report(shop, process, held, watch).await;
            (report, shop.runtime.elapsed().saturating_sub(start))
        }
        Err(true) => (None, PATIENCE),
        Err(false) => (Some(Report::Release(Release { lease: held, began: false })), PATIENCE),
    }
}

/// Runs a process; `None` if there is nobody left to tell.
async fn report(shop: &Shop, process: &Process, held: LeaseRef, watch: &mut Watch<'_>) -> Option<Report> {
    let (ending, closing) = attempt(shop, process, held, watch).await;
    let Ending::Stopped(stop) = ending else { return Some(Report::Close(closing)) };
    tracing::info!(process = process.number(), "stopped a program: {}", stop.word());
    if stop.is_final() {
        None
    } else if may_repeat(process) {
        Some(Report::Release(Release { lease: held, began: true }))
    } else {
        // It fails either way: with this, it keeps what it said.
        Some(Report::Close(closing))
    }
}

/// Whether the colony would queue the process again if it came back.
fn may_repeat(process: &Process) -> bool {
    let limit = process.spec.max_retries;
    limit < 0 || i64::from(process.retries) < limit
}

async fn attempt(shop: &Shop, process: &Process, held: LeaseRef, watch: &mut Watch<'_>) -> (Ending, Closing) {
    let early = |ending: Ending| {
        let closing = reports::failure(held, &ending, None);
        (ending, closing)
    };
    let scratch = match Scratch::create(&shop.scratch, process).await {
        Ok(scratch) => scratch,
        Err(error) => return early(Ending::NoScratch(error.to_string())),
    };
    let plan = Plan::of(process, &shop.config, shop.client.colony(), &scratch);
    let outcome = match Child::start(&plan, &scratch, shop) {
        Ok(child) => {
            let journal = Journal::default();
            let ending = follow(shop, held, watch, child, &journal).await;
            let closing = reports::result(held, &ending, &journal);
            (ending, closing)
        }
        Err(error) => early(Ending::not_started(&plan.program, &error)),
    };
    scratch.finish(&shop.scratch).await;
    outcome
}

/// Follows a program to its end, until all its output is read and what a result cannot carry is sent.
async fn follow(
    shop: &Shop,
    held: LeaseRef,
    watch: &mut Watch<'_>,
    mut child: Child,
    journal: &Journal,
) -> Ending {
    let (ended, mute) = (CancellationToken::new(), CancellationToken::new());
    let (out, err) = child.streams();
    let reading = async {
        tokio::select! {
            biased;
            _ = future::join(read(out, LogStream::Out, journal), read(err, LogStream::Err, journal)) => {}
            () = async { ended.cancelled().await; shop.runtime.sleep(DRAIN).await } => {}
        }
    };
    let watching = async {
        let ending = watched(shop, watch, &mut child, &mute).await;
        ended.cancel();
        ending
    };
    let working = async {
        let (ending, ()) = future::join(watching, reading).await;
        journal.close();
        ending
    };
    let shipping = async {
        tokio::select! {
            biased;
            () = mute.cancelled() => {}
            () = reports::last_chance(shop) => {}
            () = ship::ship(shop, held, journal) => {}
        }
    };
    future::join(working, shipping).await.0
}

/// Waits for the program to end, by itself or because it must. Rings `mute` if its lines would be refused.
async fn watched(shop: &Shop, watch: &mut Watch<'_>, child: &mut Child, mute: &CancellationToken) -> Ending {
    let stop = tokio::select! {
        biased;
        status = child.finish() => return status.map_or(Ending::Unknown, Ending::of),
        stop = watch.stop() => stop,
    };
    if stop != Stop::Shutdown {
        mute.cancel();
    }
    let _status = child.end(shop.config.kill_grace, &shop.runtime).await;
    Ending::Stopped(stop)
}

/// Reads one stream to its end.
async fn read(stream: Option<impl AsyncRead + Unpin>, kind: LogStream, journal: &Journal) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; READ];
    loop {
        journal.room().await;
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => journal.push(kind, buffer.get(..count).unwrap_or_default()),
        }
    }
}
