//! Asks for as much work as there are free slots, and starts what it is given.
//!
//! A few requests may be open at once: a slot that becomes free while another request still waits for work must not
//! wait for that one's answer. More than a few would only wake each other up at the coordinator.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use colony_protocol::{
    command::{Assign, BATCH_MAX, Closing},
    model::Process,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    books, closing,
    run::{self, Grant},
    shop::Shop,
};
use crate::client::ClientError;

/// Requests for work open at once.
const ASKERS: usize = 3;
/// First pause after a request for work failed; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause: how late an executor notices that it was approved, or that the colony is back.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Pulls until `stop`, then sees to it that everything running ends.
pub(super) async fn pull(shop: &Arc<Shop>, results: mpsc::Sender<Closing>, stop: &CancellationToken) {
    let slots = Arc::new(Semaphore::new(shop.config.parallel.get()));
    let asker = Asker { shop, slots: &slots, results: &results };
    let asking = futures::future::join_all((0..ASKERS).map(|_| asker.ask_on()));
    tokio::select! {
        biased;
        // An answer under way is lost with this: the node must not grant work to a caller who is gone.
        () = stop.cancelled() => {}
        _ = asking => {}
    }
    let all = u32::try_from(shop.config.parallel.get()).unwrap_or(u32::MAX);
    tokio::select! {
        biased;
        _ = slots.acquire_many(all) => {}
        () = shop.runtime.sleep(shop.config.grace) => {}
    }
    shop.shutdown.cancel();
    // Ends: nothing takes longer than the grace between the two signals and its last report.
    let _all = slots.acquire_many(all).await;
}

/// One open request at a time.
#[derive(Clone, Copy)]
struct Asker<'a> {
    shop: &'a Arc<Shop>,
    slots: &'a Arc<Semaphore>,
    results: &'a mpsc::Sender<Closing>,
}

impl Asker<'_> {
    async fn ask_on(self) {
        let mut pause = PAUSE;
        while let Ok(slot) = Arc::clone(self.slots).acquire_owned().await {
            let slots = self.more(slot);
            match self.work(slots.len()).await {
                Ok(work) => {
                    pause = PAUSE;
                    self.start(work, slots);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot get work; trying again in {pause:?}");
                    drop(slots);
                    self.shop.runtime.sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// All slots that are free besides.
    fn more(self, slot: OwnedSemaphorePermit) -> Vec<OwnedSemaphorePermit> {
        let mut slots = vec![slot];
        while slots.len() < BATCH_MAX
            && let Ok(slot) = Arc::clone(self.slots).try_acquire_owned()
        {
            slots.push(slot);
        }
        slots
    }

    /// Work for up to `max` slots: what was granted and not learnt of, else what is granted now.
    async fn work(self, max: usize) -> Result<Vec<(Process, Grant)>, ClientError> {
        let missed = &self.shop.missed;
        let work = if missed.swap(false, Ordering::Relaxed) {
            books::unknown(self.shop).await
        } else {
            self.ask(max).await
        };
        // A refusal granted nothing; silence may have. What finds no slot now is looked for again.
        let again = work.as_ref().map_or_else(closing::is_passing, |work| work.len() > max);
        missed.fetch_or(again, Ordering::Relaxed);
        work
    }

    async fn ask(self, max: usize) -> Result<Vec<(Process, Grant)>, ClientError> {
        let ask = Assign {
            max: u16::try_from(max).unwrap_or(u16::MAX),
            wait: self.shop.config.wait,
            heartbeat: Some(self.shop.config.heartbeat),
            available_cpu: None,
            available_memory: None,
        };
        let processes = self.shop.client.assign(ask).await?;
        let now = self.shop.runtime.elapsed();
        Ok(processes.into_iter().map(|process| (process, Grant { began: now, heard: now })).collect())
    }

    fn start(self, work: Vec<(Process, Grant)>, slots: Vec<OwnedSemaphorePermit>) {
        for ((process, grant), slot) in work.into_iter().zip(slots) {
            let (shop, results) = (Arc::clone(self.shop), self.results.clone());
            self.shop.runtime.spawn("run", async move {
                run::run(&shop, &process, results, grant).await;
                // Whoever gets the last slot back may clear the scratch directories away.
                drop(shop);
                drop(slot);
            });
        }
    }
}
