//! Asks for as much work as there are claims, and starts what it is given.
//!
//! A few requests may be open at once: a claim that becomes free while another request still waits for work must not
//! wait for that one's answer. More than a few would only wake each other up at the coordinator. When to ask is decided
//! by `asking`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use colony_protocol::{command::Assign, model::Process, time::Span};
use futures::future;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{
    books,
    reports::{self, Report},
    run::{self, Grant},
    shop::Shop,
    slots::Claim,
};
use crate::client::ClientError;

/// Requests for work open at once.
const ASKERS: usize = 3;
/// First pause after a request for work failed; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause: how late an executor notices that it was approved, or that the colony is back.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Pulls until the executor is told to stop, then sees to it that everything running ends.
pub(super) async fn pull(shop: &Arc<Shop>, reports: mpsc::Sender<Report>) {
    let runs = TaskTracker::new();
    let asker = Asker { shop, runs: &runs, reports: &reports };
    tokio::select! {
        biased;
        // An answer under way is lost with this: the node must not grant work to a caller who is gone.
        () = shop.stop.cancelled() => {}
        _ = future::join_all((0..ASKERS).map(|_| asker.ask_on())) => {}
    }
    runs.close();
    let finished = shop.runtime.timeout(shop.config.grace, runs.wait()).await;
    shop.shutdown.cancel();
    if finished.is_none() {
        // Ends: nothing takes longer than the grace between the two signals and a last report.
        runs.wait().await;
    }
}

/// One open request at a time.
#[derive(Clone, Copy)]
struct Asker<'a> {
    shop: &'a Arc<Shop>,
    runs: &'a TaskTracker,
    reports: &'a mpsc::Sender<Report>,
}

impl Asker<'_> {
    async fn ask_on(self) {
        let mut pause = PAUSE;
        loop {
            let mut turn = self.shop.asking.turn().await;
            let mut claims = self.shop.slots.claim().await;
            let wait = turn.reason(|| !self.shop.leases.is_empty()).await;
            claims.extend(self.shop.slots.more(claims.len()));
            let turn = turn.ask();
            let work = self.work(claims.len(), wait).await;
            match &work {
                Ok(work) => self.shop.asking.learn(work.len(), claims.len()),
                Err(_) => self.shop.asking.forget(),
            }
            drop(turn);
            match work {
                Ok(work) => {
                    pause = PAUSE;
                    self.start(work, claims);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot get work; trying again in {pause:?}");
                    drop(claims);
                    self.shop.runtime.sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Work for up to `max` claims: what was granted and not learnt of, else what is granted now.
    async fn work(self, max: usize, wait: Span) -> Result<Vec<(Process, Grant)>, ClientError> {
        let missed = &self.shop.missed;
        let work = if missed.swap(false, Ordering::Relaxed) {
            books::unknown(self.shop).await
        } else {
            self.ask(max, wait).await
        };
        // A refusal granted nothing; silence may have. What finds no claim now is looked for again.
        let again = work.as_ref().map_or_else(reports::is_passing, |work| work.len() > max);
        missed.fetch_or(again, Ordering::Relaxed);
        work
    }

    async fn ask(self, max: usize, wait: Span) -> Result<Vec<(Process, Grant)>, ClientError> {
        let ask = Assign {
            max: u16::try_from(max).unwrap_or(u16::MAX),
            wait,
            heartbeat: Some(self.shop.config.heartbeat),
            available_cpu: None,
            available_memory: None,
        };
        let processes = self.shop.client.assign(ask).await?;
        let now = self.shop.runtime.elapsed();
        Ok(processes.into_iter().map(|process| (process, Grant { began: now, heard: now })).collect())
    }

    fn start(self, work: Vec<(Process, Grant)>, claims: Vec<Claim>) {
        for ((process, grant), claim) in work.into_iter().zip(claims) {
            let (shop, reports) = (Arc::clone(self.shop), self.reports.clone());
            let run = async move { run::run(&shop, &process, reports, grant, claim).await };
            self.shop.runtime.spawn("run", self.runs.track_future(run));
        }
    }
}
