//! One lease, from the grant to the result.
//!
//! Owns the scratch directory, the program and its journal. Ends in one of three ways: with a result for the colony;
//! without one, because the colony has taken the lease back or soon will; or dropped, which kills the program.

use std::time::Duration;

use colony_protocol::{
    command::{Closing, LeaseRef},
    model::{LogStream, Process},
};
use futures::future;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{
    books::lease_ref, child::Child, closing, ending::Ending, journal::Journal, plan::Plan, scratch::Scratch,
    ship, shop::Shop, stop::Stop, watch::Watch,
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

/// Runs a granted process and hands its result on.
pub(super) async fn run(shop: &Shop, process: &Process, results: mpsc::Sender<Closing>, grant: Grant) {
    let Some(lease) = process.lease else {
        return tracing::error!(process = process.number(), "given work without a lease");
    };
    let held = lease_ref(process, &lease);
    let fence = lease.renew_by.map(|by| grant.heard.saturating_add(by.since(lease.granted_at).to_std()));
    let Some(standing) = shop.leases.hold(held, lease.heartbeat.map(|span| span.to_std()), fence) else {
        return tracing::debug!(process = process.number(), "given the same work twice");
    };
    let mut watch = Watch::new(shop, &lease, grant.began, standing);
    let result = tokio::select! {
        biased;
        () = shop.abandoned.cancelled() => None,
        result = repeat(shop, process, held, &mut watch) => result,
    };
    match result {
        // The closing releases the lease once the colony has answered.
        Some(closing) => {
            if results.send(closing).await.is_err() {
                shop.leases.release(held);
            }
        }
        None => shop.leases.release(held),
    }
}

/// Runs a process until there is a result, or nobody who wants one.
///
/// A program that was ended for want of a renewal is started again if the colony turns out not to have missed us, as
/// after an outage of its own: it counts on us, and nobody else would.
async fn repeat(shop: &Shop, process: &Process, held: LeaseRef, watch: &mut Watch<'_>) -> Option<Closing> {
    loop {
        let (stop, closing) = match attempt(shop, process, held, watch).await {
            (Ending::Stopped(stop), closing) => (stop, closing),
            (_, closing) => return Some(closing),
        };
        tracing::info!(process = process.number(), "stopped a program: {}", stop.word());
        if stop.is_final() {
            return None;
        }
        // A process that must not run twice fails here. Otherwise its lease lapses and it goes back to the queue.
        if !may_repeat(process) {
            return Some(closing);
        }
        if stop == Stop::Shutdown || watch.renewed().await.is_err() {
            return None;
        }
    }
}

/// Whether the colony would queue the process again if its lease lapsed.
fn may_repeat(process: &Process) -> bool {
    let limit = process.spec.max_retries;
    limit < 0 || i64::from(process.retries) < limit
}

async fn attempt(shop: &Shop, process: &Process, held: LeaseRef, watch: &mut Watch<'_>) -> (Ending, Closing) {
    let early = |ending: Ending| {
        let closing = closing::failure(held, &ending, None);
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
            let closing = closing::result(held, &ending, &journal);
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
            () = closing::last_chance(shop) => {}
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
