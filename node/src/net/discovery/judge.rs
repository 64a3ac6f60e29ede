//! Judges what peers want kept: whether a charter is its colony's word. In a task of its own, on the processor pool.

use colony_protocol::{charter::SignedCharter, identity::Identity};
use libp2p::{PeerId, kad::Record};
use tokio::sync::mpsc;

use super::orders::Order;
use crate::runtime::Runtime;

/// A record that a peer wants kept.
#[derive(Debug)]
pub(in crate::net) struct Offer {
    /// Who brought it.
    pub(super) from: PeerId,
    /// Of which colony it shall be the charter.
    pub(super) colony: Identity,
    /// The record.
    pub(super) record: Record,
}

/// An offer, and whether it is good.
#[derive(Debug)]
pub(in crate::net) struct Verdict {
    pub(super) offer: Offer,
    pub(super) is_good: bool,
}

/// Judges offers one after the other until the room is gone.
pub(super) async fn judge(
    mut offers: mpsc::Receiver<Offer>,
    orders: mpsc::WeakSender<Order>,
    runtime: Runtime,
) {
    while let Some(offer) = offers.recv().await {
        let now = runtime.now();
        let judging = runtime.compute(move || {
            let proven = SignedCharter::from_bytes(&offer.record.value).and_then(|signed| signed.verify());
            let checked = proven.and_then(|proven| proven.charter.check(&offer.colony, now));
            if let Err(why) = &checked {
                tracing::debug!(from = %offer.from, colony = %offer.colony, %why, "a charter was refused");
            }
            Verdict { offer, is_good: checked.is_ok() }
        });
        // A pool that is full has more urgent work: whoever offers a charter offers it again.
        let Ok(verdict) = judging.await else { continue };
        let Some(orders) = orders.upgrade() else { return };
        if orders.send(Order::Judged(Box::new(verdict))).await.is_err() {
            return;
        }
    }
}
