//! Sends what a program writes to the process's log while it runs.
//!
//! One request is under way at a time and a short pause lies between two, so a chatty program costs twenty requests a
//! second, not one per line. What is left when the program ends travels with its result. After a request without an
//! answer the same lines are sent again: in that case, and only then, they may stand in the log twice.

use std::time::Duration;

use colony_protocol::{command::LeaseRef, model::LogLine, refusal::Refusal};

use super::{closing::is_passing, journal::Journal, shop::Shop, stop::Stop};
use crate::client::ClientError;

/// How long the first output is held back: a program that ends within it costs no request beside its result.
const LINGER: Duration = Duration::from_millis(10);
/// Between two requests, unless there is much to send.
const PACE: Duration = Duration::from_millis(50);
/// Pause before lines are sent again to a colony that cannot be reached.
const RETRY: Duration = Duration::from_secs(1);

/// Sends lines until the program has ended and its result can carry the rest.
pub(super) async fn ship(shop: &Shop, lease: LeaseRef, journal: &Journal) {
    let mut earliest = Duration::ZERO;
    loop {
        journal.something().await;
        let now = shop.runtime.elapsed();
        let due = earliest.max(now.saturating_add(LINGER));
        tokio::select! {
            biased;
            () = journal.enough() => {}
            () = shop.runtime.sleep(due.saturating_sub(now)) => {}
        }
        if journal.is_done() {
            return;
        }
        earliest = shop.runtime.elapsed().saturating_add(PACE);
        let lines = journal.take();
        if !lines.is_empty() && !send(shop, lease, lines).await {
            return;
        }
    }
}

/// Sends lines; false if the lease is lost.
async fn send(shop: &Shop, lease: LeaseRef, lines: Vec<LogLine>) -> bool {
    loop {
        match shop.client.add_log(lease, lines.clone()).await {
            Ok(()) => return true,
            Err(error) if is_passing(&error) => tracing::warn!(%error, "cannot send log lines yet"),
            Err(ClientError::Refused(
                Refusal::Stale { .. }
                | Refusal::WrongState { .. }
                | Refusal::NotFound { .. }
                | Refusal::Denied { .. },
            )) => {
                shop.leases.stop(lease, Stop::Lost);
                return false;
            }
            Err(error) => {
                tracing::error!(process = lease.process.number(), %error, "log lines were refused");
                return true;
            }
        }
        shop.runtime.sleep(RETRY).await;
    }
}
