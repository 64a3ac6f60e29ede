//! What an earlier life of this executor left running in the colony's books.
//!
//! An executor that was killed and started again holds leases it knows nothing of, and the colony takes every request
//! it makes for a sign that it still works on them. So it looks first; if there are some, it keeps silent until they
//! have lapsed and the processes are back in the queue.

use std::time::Duration;

use colony_protocol::{
    model::{Process, State},
    query::{PAGE_MAX, ProcessFilter, Query},
    reply::Answer,
};
use tokio_util::sync::CancellationToken;

use super::{closing::is_passing, shop::Shop};
use crate::client::ClientError;

/// Beyond the heartbeat: the colony counts from when it heard the question, and its answer travelled.
const MARGIN: Duration = Duration::from_secs(1);
/// Pause before a colony that cannot be reached is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Waits until the colony has taken back whatever it believes this executor runs, or until `stop`.
pub(super) async fn outwait(shop: &Shop, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = be_silent(shop) => {}
    }
}

async fn be_silent(shop: &Shop) {
    loop {
        match longest_heartbeat(shop).await {
            Ok(None) => return,
            Ok(Some(heartbeat)) => {
                tracing::warn!(
                    ?heartbeat,
                    "waiting for the leases of an earlier run of this executor to lapse"
                );
                return shop.runtime.sleep(heartbeat.saturating_add(MARGIN)).await;
            }
            Err(error) if is_passing(&error) => tracing::warn!(%error, "cannot reach the colony yet"),
            // Who may not ask holds no lease either.
            Err(error) => return tracing::debug!(%error, "cannot look for leases of an earlier run"),
        }
        shop.runtime.sleep(RETRY).await;
    }
}

/// The longest heartbeat of a lease held under our key; `None` if there is none that could lapse.
async fn longest_heartbeat(shop: &Shop) -> Result<Option<Duration>, ClientError> {
    let me = shop.client.identity();
    let (mut longest, mut before) = (None, None);
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
        let leases = page.iter().filter_map(|process| process.lease).filter(|lease| lease.holder == me);
        longest = longest.max(leases.filter_map(|lease| lease.heartbeat).max());
        let next = page.last().map(Process::number);
        if page.len() < usize::from(PAGE_MAX) || next == before {
            return Ok(longest.map(|span| span.to_std()));
        }
        before = next;
    }
}
