//! Keeps what the colony believes this executor runs and what it does run the same.
//!
//! The colony takes every request of an executor for a sign that it works on all that it holds. So a lease that the
//! executor knows nothing of would live forever. There are two ways to get one:
//!
//! * An earlier life of this executor was killed. [`return_old`] gives back what it left: that may have run already.
//! * The answer to a request for work was lost. What it granted was never started: [`unknown`] finds it.

use std::{collections::BTreeSet, time::Duration};

use colony_protocol::{
    command::{BATCH_MAX, LeaseRef, Release},
    model::{Lease, Process, State},
    query::{PAGE_MAX, ProcessFilter, Query},
    reply::Answer,
};

use super::{reports::is_passing, run::Grant, shop::Shop};
use crate::client::ClientError;

/// Pause before a colony that cannot be reached is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Gives back what an earlier life of this executor held, unless it is told to stop before.
pub(super) async fn return_old(shop: &Shop) {
    loop {
        let outcome = tokio::select! {
            biased;
            () = shop.stop.cancelled() => return,
            outcome = give_back(shop) => outcome,
        };
        match outcome {
            Ok(()) => return,
            Err(error) if is_passing(&error) => tracing::warn!(%error, "cannot reach the colony yet"),
            // Who may not ask holds no lease either.
            Err(error) => return tracing::debug!(%error, "cannot look for leases of an earlier run"),
        }
        shop.runtime.sleep(RETRY).await;
    }
}

async fn give_back(shop: &Shop) -> Result<(), ClientError> {
    let held = held(shop).await?;
    for held in held.chunks(BATCH_MAX) {
        tracing::warn!(processes = held.len(), "giving back what an earlier run of this executor left");
        let releases =
            held.iter().map(|(process, lease)| Release { lease: lease_ref(process, lease), began: true });
        for refusal in shop.client.release(releases.collect()).await?.into_iter().filter_map(Result::err) {
            tracing::info!(%refusal, "a process is not ours any more");
        }
    }
    Ok(())
}

/// Work this executor was granted without learning of it.
pub(super) async fn unknown(shop: &Shop) -> Result<Vec<(Process, Grant)>, ClientError> {
    let asked = shop.runtime.elapsed();
    // Looked up first: what is closed while the question is under way was known, and must not run again.
    let known: BTreeSet<_> = shop.leases.all().iter().map(|lease| (lease.process, lease.token)).collect();
    let held = held(shop).await?;
    let lost = held.into_iter().filter(|(process, lease)| !known.contains(&(process.id, lease.token)));
    Ok(lost
        .map(|(process, lease)| {
            let age = shop.runtime.now().since(lease.granted_at).to_std();
            (process, Grant { began: asked.saturating_sub(age), heard: asked })
        })
        .collect())
}

/// All that runs under our key as far as the colony knows.
async fn held(shop: &Shop) -> Result<Vec<(Process, Lease)>, ClientError> {
    let me = shop.client.identity();
    let (mut held, mut before) = (Vec::new(), None);
    loop {
        let filter = ProcessFilter {
            state: Some(State::Running),
            before,
            limit: PAGE_MAX,
            ..ProcessFilter::default()
        };
        let Answer::Processes(page) = shop.client.query(&Query::Processes(filter)).await? else {
            return Err(ClientError::Unexpected("to processes"));
        };
        let (next, full) = (page.last().map(Process::number), page.len() >= usize::from(PAGE_MAX));
        held.extend(page.into_iter().filter_map(|process| {
            let lease = process.lease.filter(|lease| lease.holder == me)?;
            Some((process, lease))
        }));
        if !full || next == before {
            return Ok(held);
        }
        before = next;
    }
}

/// The name under which a granted process is held.
pub(super) const fn lease_ref(process: &Process, lease: &Lease) -> LeaseRef {
    LeaseRef { process: process.id, token: lease.token }
}
