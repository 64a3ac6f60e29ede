//! What a peer may take from a node, by who it is and where it comes from.
//!
//! | who | may |
//! |---|---|
//! | anybody | one handshake at a time out of a few for its subnet ([`gate`]), identify, ping, Kademlia |
//! | a stranger | besides: a few small requests, read into a small common buffer, so that it can join with a ticket or prove whom it speaks for |
//! | a member | gossip, relaying, reachability checks ([`members_only`]), streams and requests within rates per class ([`rates`]) |
//!
//! A peer is a member if the key of its handshake is one of a colony's here. A client may use a key made up for the
//! connection, because requests carry their own signatures: its connection is a stranger's until the first request that a
//! member signed has been verified, and from then on it may ask as much as that member. It never becomes a member's
//! for gossip and relaying, which carry no signatures of their own.
//!
//! Keys cost nothing, so what strangers take is bounded for all of them together and for each [`subnet`] too; rates are
//! kept by [`gcra`].
//!
//! What may never happen: memory that grows with the number of keys somebody makes up; a handshake paid for before its
//! subnet's share was looked at; a stranger in the way of a member.

mod gate;
pub(crate) mod gcra;
mod members_only;
pub(crate) mod rates;
pub(crate) mod standing;
mod subnet;

use std::{sync::Arc, time::Duration};

use libp2p::PeerId;
use tokio::sync::mpsc;

use super::{identity_of, service::Service};

pub(super) use gate::{Gate, defaults};
pub use gcra::Rate;
pub(super) use members_only::MembersOnly;
pub use rates::Class;
pub use standing::Caller;
pub(super) use standing::Standings;
pub use subnet::Subnet;

/// How often the peers' standings are looked at again: how long somebody who was let in, or sent away, may have to wait for
/// it.
const REVIEW: Duration = Duration::from_secs(5);

impl Service {
    /// A peer has shaken hands: finds out who it is.
    pub(super) fn greet(&self, peer: PeerId) {
        self.standings.greet(peer, self.is_member(&peer), self.runtime.elapsed());
    }

    fn is_member(&self, peer: &PeerId) -> bool {
        identity_of(peer).is_some_and(|identity| self.handler.is_member(&identity))
    }
}

/// Lets those go whose standing has changed, until the network closes. They come back as what they are now.
pub(super) async fn review(service: Arc<Service>, farewell: mpsc::Sender<PeerId>) {
    let reviewing = async {
        loop {
            service.runtime.sleep(REVIEW).await;
            for peer in service.standings.outdated(|peer| service.is_member(peer)) {
                tracing::debug!(%peer, "its standing has changed");
                if farewell.send(peer).await.is_err() {
                    return;
                }
            }
        }
    };
    service.closing.run_until_cancelled(reviewing).await;
}
