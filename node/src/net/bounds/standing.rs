//! Who the connected peers are to this node: strangers, or members of a colony here.
//!
//! A peer's standing is found out at the end of its handshake, in the connection's own task, and stays what it is while the
//! peer is connected: the protocols of a connection are settled when it begins. When it has changed - a stranger was
//! let in, a member was sent away - the peer's connections are closed, and it comes back as what it is now.
//!
//! What may never happen: two connections of one peer with different standings; an entry that outlives its peer's
//! connections for longer than a handshake takes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{PeerId, swarm::ConnectionId};
use tokio_util::sync::CancellationToken;

use super::Subnet;
use crate::net::transport::HANDSHAKE;

/// Who delivers requests.
#[derive(Debug)]
pub struct Caller {
    peer: PeerId,
    subnet: Subnet,
    /// Set when a member is known to stand behind it.
    vouched: CancellationToken,
}

impl Caller {
    fn new(peer: PeerId, subnet: Subnet, is_member: bool) -> Arc<Self> {
        let caller = Arc::new(Self { peer, subnet, vouched: CancellationToken::new() });
        if is_member {
            caller.vouch();
        }
        caller
    }

    /// Somebody within this process.
    #[must_use]
    pub fn insider(peer: PeerId) -> Arc<Self> {
        Self::new(peer, Subnet::Near, true)
    }

    /// Somebody nothing is known of.
    #[must_use]
    pub fn stranger(peer: PeerId, subnet: Subnet) -> Arc<Self> {
        Self::new(peer, subnet, false)
    }

    /// Its key on the network.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Where it comes from.
    #[must_use]
    pub const fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// Whether no member is known to stand behind it.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        !self.vouched.is_cancelled()
    }

    /// A request that a member signed has come from it.
    pub fn vouch(&self) {
        self.vouched.cancel();
    }

    /// Completes when a member is known to stand behind it.
    pub(crate) async fn vouched(&self) {
        self.vouched.cancelled().await;
    }
}

/// The standing of every connected peer.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Peers that have shaken hands and are not connected yet: whether they are members, and since when.
    greeted: BTreeMap<PeerId, (bool, Duration)>,
    connected: BTreeMap<PeerId, Entry>,
    connections: BTreeMap<ConnectionId, PeerId>,
    /// Peers that are connected and no members.
    strangers: usize,
}

#[derive(Debug)]
struct Entry {
    is_member: bool,
    connections: usize,
    caller: Arc<Caller>,
}

impl Standings {
    /// A peer has shaken hands. `now` only serves to forget those that come no further.
    pub(crate) fn greet(&self, peer: PeerId, is_member: bool, now: Duration) {
        let mut known = self.lock();
        known.greeted.retain(|_, (_, since)| now.saturating_sub(*since) <= HANDSHAKE);
        known.greeted.insert(peer, (is_member, now));
    }

    /// A connection begins. Says whether its peer is a member.
    pub(crate) fn connect(&self, connection: ConnectionId, peer: PeerId, subnet: Subnet) -> bool {
        let mut known = self.lock();
        let greeted = known.greeted.remove(&peer).is_some_and(|(is_member, _)| is_member);
        if known.connections.insert(connection, peer).is_some() {
            return greeted;
        }
        let entry = known.connected.entry(peer).or_insert_with(|| Entry {
            is_member: greeted,
            connections: 0,
            caller: Caller::new(peer, subnet, greeted),
        });
        entry.connections = entry.connections.saturating_add(1);
        let (is_new, is_member) = (entry.connections == 1, entry.is_member);
        if is_new && !is_member {
            known.strangers = known.strangers.saturating_add(1);
        }
        is_member
    }

    /// A connection has ended, or did not come about.
    pub(crate) fn disconnect(&self, connection: ConnectionId) {
        let mut known = self.lock();
        let Some(peer) = known.connections.remove(&connection) else { return };
        let Some(entry) = known.connected.get_mut(&peer) else { return };
        entry.connections = entry.connections.saturating_sub(1);
        let is_member = entry.is_member;
        if entry.connections == 0 {
            known.connected.remove(&peer);
            if !is_member {
                known.strangers = known.strangers.saturating_sub(1);
            }
        }
    }

    /// Who delivers what comes from a peer.
    pub(crate) fn caller(&self, peer: &PeerId) -> Arc<Caller> {
        let caller = self.lock().connected.get(peer).map(|entry| Arc::clone(&entry.caller));
        caller.unwrap_or_else(|| Caller::stranger(*peer, Subnet::Near))
    }

    /// Whether a connected peer's connections are a member's.
    pub(crate) fn is_member(&self, peer: &PeerId) -> bool {
        self.lock().connected.get(peer).is_some_and(|entry| entry.is_member)
    }

    /// How many peers are connected that are no members, by the keys of their handshakes.
    pub(crate) fn strangers(&self) -> usize {
        self.lock().strangers
    }

    /// The connected peers whose standing is not what `is_member` says now.
    pub(crate) fn outdated(&self, is_member: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let held: Vec<(PeerId, bool)> =
            self.lock().connected.iter().map(|(peer, entry)| (*peer, entry.is_member)).collect();
        held.into_iter().filter(|(peer, was)| is_member(peer) != *was).map(|(peer, _)| peer).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn connection(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    #[test]
    fn a_standing_stays_while_its_peer_is_connected() {
        let (standings, peer) = (Standings::default(), PeerId::random());
        standings.greet(peer, false, NOW);
        assert!(!standings.connect(connection(1), peer, Subnet::Near));
        assert!(standings.caller(&peer).is_stranger());
        // Let in meanwhile: its second connection is like the first, and both are outdated.
        standings.greet(peer, true, NOW);
        assert!(!standings.connect(connection(2), peer, Subnet::Near));
        assert_eq!(standings.strangers(), 1);
        assert_eq!(standings.outdated(|_| true), [peer]);
        standings.disconnect(connection(1));
        standings.disconnect(connection(2));
        standings.disconnect(connection(2));
        assert_eq!(standings.strangers(), 0);
        standings.greet(peer, true, NOW);
        assert!(standings.connect(connection(3), peer, Subnet::Near));
        assert!(standings.outdated(|_| true).is_empty() && !standings.caller(&peer).is_stranger());
        standings.disconnect(connection(3));
        assert!(standings.lock().connected.is_empty() && standings.lock().connections.is_empty());
    }

    #[test]
    fn who_was_not_greeted_is_a_stranger_and_who_comes_no_further_is_forgotten() {
        let standings = Standings::default();
        assert!(!standings.connect(connection(1), PeerId::random(), Subnet::Near));
        for number in 0..100_u64 {
            standings.greet(PeerId::random(), true, NOW + HANDSHAKE * 2 * u32::try_from(number).unwrap());
        }
        assert_eq!(standings.lock().greeted.len(), 1);
    }

    #[tokio::test]
    async fn a_vouched_caller_is_no_stranger_for_requests_and_one_for_everything_else() {
        let (standings, peer) = (Standings::default(), PeerId::random());
        standings.connect(connection(1), peer, Subnet::Near);
        standings.caller(&peer).vouch();
        assert!(!standings.caller(&peer).is_stranger());
        standings.caller(&peer).vouched().await;
        assert!(!standings.is_member(&peer));
        // The next connection proves itself anew.
        standings.disconnect(connection(1));
        standings.connect(connection(2), peer, Subnet::Near);
        assert!(standings.caller(&peer).is_stranger());
    }
}
