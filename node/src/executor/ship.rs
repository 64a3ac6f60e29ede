//! Sends what a program writes to the process's log while it runs.
//!
//! One request is under way at a time and a short pause lies between two, so a chatty program costs twenty requests a
//! second, not one per line. What is left when the program ends travels with its result. After a request without an
//! answer the same lines are sent again: in that case, and only then, they may stand in the log twice.

use std::time::Duration;

use colony_protocol::{command::LeaseRef, model::LogLine, refusal::Refusal};

use super::{journal::Journal, reports::is_passing, shop::Shop, stop::Stop};
use crate::client::ClientError;

/// How long the first output is held back: a program that ends within it costs no request beside its result.
const LINGER: Duration = Duration::from_millis(10);
/// Between two requests, unless there is much to send.
const PACE: Duration = Duration::from_millis(50);
/// Pause before lines are sent again to a colony that cannot be reached.
const RETRY: Duration = Duration::from_secs(1);
/// How often lines are sent again to a colony that says it is busy: it also says so when the log is full for good.
const BUSY_TRIES: u32 = 30;

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
    let mut refused = 0;
    loop {
        match shop.client.add_log(lease, lines.clone()).await {
            Ok(()) => return true,
            Err(ClientError::Refused(
                Refusal::Stale { .. }
                | Refusal::WrongState { .. }
                | Refusal::NotFound { .. }
                | Refusal::Denied { .. },
            )) => {
                shop.leases.stop(lease, Stop::Lost);
                return false;
            }
            Err(ClientError::Refused(Refusal::Busy(_))) if refused < BUSY_TRIES => refused += 1,
            Err(error) if is_passing(&error) && refused < BUSY_TRIES => {
                tracing::warn!(%error, "cannot send log lines yet");
            }
            Err(error) => {
                tracing::error!(process = lease.process.number(), %error, "log lines were refused");
                return true;
            }
        }
        shop.runtime.sleep(RETRY).await;
    }
}
