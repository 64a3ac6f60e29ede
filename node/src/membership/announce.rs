//! Telling the colony where this node is reached: after a start at other addresses, and whenever they change.
//!
//! The member's row is the truth that others dial by, so it is compared with until it is right. Every change is an entry
//! of the log, and for a voter a change of the engine's membership too, so addresses that come and go are told ever less
//! often.

use std::{future::pending, time::Duration};

use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::Identity,
    model::member::{ADDRESSES_MAX, Addresses},
};
use colony_store::ColonyView;
use libp2p::Multiaddr;
use tokio::sync::watch;

use crate::{client::Client, runtime::Runtime};

/// How long to wait before looking again: whoever just started has to catch up first.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long new addresses wait for others: what changes together is told together.
const SETTLE: Duration = Duration::from_millis(500);
/// The longest such wait, where they change again and again.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// After so long without a change addresses count as steady.
const STEADY: Duration = Duration::from_secs(120);

/// Keeps the row of `me` at these addresses, as long as somebody may change them. A node that is reached nowhere has
/// nothing to tell.
pub(super) async fn announce(
    client: Client,
    view: ColonyView,
    me: Identity,
    mut addresses: watch::Receiver<Vec<Multiaddr>>,
    runtime: Runtime,
) {
    let mut settle = SETTLE;
    loop {
        let told = texts(&addresses.borrow_and_update());
        let telling = tell(&client, &view, &me, &told, &runtime);
        tokio::select! {
            biased;
            () = changed(&mut addresses) => {}
            () = telling => {
                let begun = runtime.elapsed();
                changed(&mut addresses).await;
                if runtime.elapsed().saturating_sub(begun) > STEADY {
                    settle = SETTLE;
                }
            }
        }
        runtime.sleep(settle).await;
        settle = settle.saturating_mul(2).min(SETTLE_MAX);
    }
}

/// Completes when there are other addresses; never, if nobody can change them any more.
async fn changed(addresses: &mut watch::Receiver<Vec<Multiaddr>>) {
    if addresses.changed().await.is_err() {
        pending::<()>().await;
    }
}

/// Tells the colony until the row of `me` has these addresses.
async fn tell(client: &Client, view: &ColonyView, me: &Identity, addresses: &Addresses, runtime: &Runtime) {
    if addresses.is_empty() {
        return;
    }
    let mut pause = PAUSE;
    loop {
        match known(view, me) {
            Some(known) if known == *addresses => return,
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

/// As many addresses as the colony takes.
pub(crate) fn texts(addresses: &[Multiaddr]) -> Addresses {
    let texts = addresses.iter().filter_map(|address| Text::new(address.to_string()).ok());
    List::new(texts.take(ADDRESSES_MAX).collect()).unwrap_or_default()
}

/// What the colony knows of this node, if it is one of its nodes.
fn known(view: &ColonyView, me: &Identity) -> Option<Addresses> {
    let colony = view.colony().ok()?;
    colony.member_by_id(me).filter(|member| member.is_active_node()).map(|member| member.addresses.clone())
}
