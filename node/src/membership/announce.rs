//! Telling the colony where this node is reached: after a start at other addresses, and whenever they change.
//!
//! The member's row is the truth that others dial by, so it is compared with until it is right.

use std::time::Duration;

use colony_protocol::{command::Command, identity::Identity, model::member::Addresses};
use colony_store::ColonyView;
use futures::FutureExt as _;
use libp2p::Multiaddr;
use tokio::sync::watch;

use crate::{client::Client, reach::keep_told, runtime::Runtime};

/// How long to wait before looking again: whoever just started has to catch up first.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Keeps the row of `me` at these addresses, as long as somebody may change them.
pub(super) async fn announce(
    client: Client,
    view: ColonyView,
    me: Identity,
    addresses: watch::Receiver<Vec<Multiaddr>>,
    runtime: Runtime,
) {
    let (client, view, me, runtime) = (&client, &view, &me, &runtime);
    let tell = move |told| tell(client, view, me, told, runtime).boxed();
    keep_told(addresses, runtime.clone(), tell).await;
}

/// Tells the colony until the row of `me` has these addresses.
async fn tell(client: &Client, view: &ColonyView, me: &Identity, addresses: Addresses, runtime: &Runtime) {
    let mut pause = PAUSE;
    loop {
        match known(view, me) {
            Some(known) if known == addresses => return,
            // It may be told to a member only; an old state has to be caught up with first.
            None => {}
            Some(_) => {
                let command = Command::UpdateMember { addresses: addresses.clone() };
                match client.command(&command).await {
                    Ok(_) => return,
                    Err(error) => tracing::debug!(%error, "the colony could not be told new addresses yet"),
                }
            }
        }
        runtime.sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// What the colony knows of this node, if it is one of its nodes.
fn known(view: &ColonyView, me: &Identity) -> Option<Addresses> {
    let colony = view.colony().ok()?;
    colony.member_by_id(me).filter(|member| member.is_active_node()).map(|member| member.addresses.clone())
}
