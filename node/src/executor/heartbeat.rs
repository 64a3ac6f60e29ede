//! Keeps all leases of an executor alive with one request, three times per promised heartbeat.
//!
//! An attempt that takes longer than until the next one is given up for it: a late answer would move no fence that a
//! fresh one does not move further. Nobody is told to stop because a renewal failed; each run watches its own fence.

use colony_protocol::{
    command::{BATCH_MAX, LeaseRef},
    refusal::Refusal,
};
use tokio_util::sync::CancellationToken;

use super::{shop::Shop, stop::Stop};
use crate::client::ClientError;

/// Renews until `done`.
pub(super) async fn beat(shop: &Shop, done: &CancellationToken) {
    let mut pause = shop.config.renewal();
    loop {
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = shop.runtime.sleep(pause) => {}
        }
        let begun = shop.runtime.elapsed();
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = round(shop) => {}
            () = shop.runtime.sleep(shop.config.renewal()) => tracing::warn!("no answer to a renewal yet"),
        }
        // One that was given up has used the time until the next.
        pause = shop.config.renewal().saturating_sub(shop.runtime.elapsed().saturating_sub(begun));
    }
}

async fn round(shop: &Shop) {
    for leases in shop.leases.all().chunks(BATCH_MAX) {
        renew(shop, leases).await;
    }
}

async fn renew(shop: &Shop, leases: &[LeaseRef]) {
    let asked = shop.runtime.elapsed();
    match shop.client.renew(leases.to_vec()).await {
        Ok(statuses) => {
            for (lease, status) in leases.iter().zip(statuses) {
                shop.leases.learn(*lease, status, asked);
            }
        }
        // Somebody who may not renew holds nothing: the executor was removed or rejected.
        Err(ClientError::Refused(refusal @ Refusal::Denied { .. })) => {
            tracing::warn!(%refusal, "all leases are lost");
            for lease in leases {
                shop.leases.stop(*lease, Stop::Lost);
            }
        }
        Err(error) => tracing::warn!(%error, leases = leases.len(), "cannot renew"),
    }
}
