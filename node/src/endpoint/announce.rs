//! Telling a colony where a member without a replica is met: its row is what others dial.

use std::time::Duration;

use colony_protocol::{command::Command, model::member::Addresses, refusal::Refusal};
use futures::FutureExt as _;
use libp2p::Multiaddr;
use tokio::sync::watch;

use crate::{
    client::{Client, ClientError},
    reach::keep_told,
};

/// How long to wait before a colony that did not answer is told again.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The same where the colony knows no such member: an executor that was added by its key has no row, until it joins.
const NO_ROW: Duration = Duration::from_secs(3600);

/// Keeps the row of who signs as `client` at these addresses.
pub(super) async fn announce(client: Client, addresses: watch::Receiver<Vec<Multiaddr>>) {
    let client = &client;
    keep_told(addresses, client.runtime().clone(), move |told| tell(client, told).boxed()).await;
}

async fn tell(client: &Client, addresses: Addresses) {
    let mut pause = PAUSE;
    loop {
        let command = Command::UpdateMember { addresses: addresses.clone() };
        let Err(why) = client.command(&command).await else { return };
        tracing::debug!(error = %why, "the colony could not be told where this member is met");
        let has_no_row =
            matches!(why, ClientError::Refused(Refusal::Denied { .. } | Refusal::NotFound { .. }));
        client.runtime().sleep(if has_no_row { NO_ROW } else { pause }).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}
