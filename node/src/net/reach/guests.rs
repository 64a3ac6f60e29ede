//! Whom this node relays for: the members of its colonies, and nobody else.
//!
//! The relay asks this for every place and every circuit, at the moment it is wanted, so whoever was let in a second ago
//! is served and whoever was sent away is not. Who asks is known from the handshake of its connection.

use std::{fmt, sync::Arc, time::Duration};

use libp2p::{Multiaddr, PeerId, relay};

/// Places at once: about one for each executor of a large colony. Each is a connection that is there anyway.
const PLACES: usize = 1024;
/// Connections of one member that may each have a place: one that is being replaced, and one of another transport.
const PLACES_PER_PEER: usize = 4;
/// How long a place is kept without being asked for again. Members ask each minute.
const PLACE_LASTS: Duration = Duration::from_secs(3600);
/// Circuits at once, each with two buffers.
const CIRCUITS: usize = 512;
/// Circuits of one member: a node behind a translator may be talked to by many at once.
const CIRCUITS_PER_PEER: usize = 256;
/// How long a circuit may last: longer than most programs run, and a new one is made in two round trips.
const CIRCUIT_LASTS: Duration = Duration::from_secs(3600);
/// What a circuit may carry.
const CIRCUIT_BYTES: u64 = 1 << 30;

/// Whether a peer is a member of any colony of this node.
pub(crate) type Knows = Arc<dyn Fn(&PeerId) -> bool + Send + Sync>;

/// What the relay gives away, and to whom.
pub(super) fn config(knows: &Knows) -> relay::Config {
    relay::Config {
        max_reservations: PLACES,
        max_reservations_per_peer: PLACES_PER_PEER,
        reservation_duration: PLACE_LASTS,
        reservation_rate_limiters: vec![Box::new(Guests(Arc::clone(knows)))],
        max_circuits: CIRCUITS,
        max_circuits_per_peer: CIRCUITS_PER_PEER,
        max_circuit_duration: CIRCUIT_LASTS,
        max_circuit_bytes: CIRCUIT_BYTES,
        circuit_src_rate_limiters: vec![Box::new(Guests(Arc::clone(knows)))],
    }
}

/// The relay asks its limiters about every request: this one's limit is nothing for strangers.
struct Guests(Knows);

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests").finish_non_exhaustive()
    }
}

impl relay::RateLimiter for Guests {
    fn try_next(&mut self, peer: PeerId, address: &Multiaddr, _: web_time::Instant) -> bool {
        let is_member = (self.0)(&peer);
        if !is_member {
            tracing::debug!(%peer, %address, "a stranger wants to be relayed");
        }
        is_member
    }
}
