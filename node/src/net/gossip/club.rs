//! One topic: who listens here, and which peers may be neighbours there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use libp2p::gossipsub::IdentTopic;

use super::ear::Ear;
use crate::net::{Multiaddr, PeerId};

/// Ears of one topic: executors of one colony in one process.
const EARS_MAX: usize = 256;
/// Peers remembered as possible neighbours of one topic.
const ACQUAINTANCES_MAX: usize = 64;
/// Addresses remembered of one.
const ADDRESSES_MAX: usize = 8;
/// Mesh peers below which neighbours are looked for: fewer would leave this node deaf when they go.
const MESH_WANTED: usize = 3;
/// Neighbours called at once.
const CALLS: usize = 2;
/// Before more are called, at first.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest such pause.
const PATIENCE_MAX: Duration = Duration::from_secs(300);

/// One who listens, for as long as its seat is held.
#[derive(Debug)]
pub(in crate::net) struct Member {
    pub(super) held: Weak<()>,
    pub(super) ear: Arc<dyn Ear>,
}

/// One topic.
#[derive(Debug)]
pub(super) struct Club {
    pub(super) topic: IdentTopic,
    members: Vec<Member>,
    acquaintances: BTreeMap<PeerId, Vec<Multiaddr>>,
    /// The last that was called; the next is the one behind it.
    called: Option<PeerId>,
    call_after: Duration,
    patience: Duration,
}

impl Club {
    pub(super) fn new(topic: IdentTopic) -> Self {
        Self {
            topic,
            members: Vec::new(),
            acquaintances: BTreeMap::new(),
            called: None,
            call_after: Duration::ZERO,
            patience: PATIENCE,
        }
    }

    /// Says no if there are too many.
    pub(super) fn admit(&mut self, member: Member) -> bool {
        let room = self.members.len() < EARS_MAX;
        if room {
            self.members.push(member);
        }
        room
    }

    /// Forgets those who gave up their seats; says whether anybody is left.
    pub(super) fn sweep(&mut self) -> bool {
        self.members.retain(|member| member.held.strong_count() > 0);
        !self.members.is_empty()
    }

    /// Those who listen now.
    pub(super) fn ears(&self) -> Vec<Arc<dyn Ear>> {
        let seated = self.members.iter().filter(|member| member.held.strong_count() > 0);
        seated.map(|member| Arc::clone(&member.ear)).collect()
    }

    /// Remembers possible neighbours; the next look may call one at once.
    pub(super) fn introduce(&mut self, peers: Vec<(PeerId, Vec<Multiaddr>)>) {
        for (peer, mut addresses) in peers {
            addresses.truncate(ADDRESSES_MAX);
            let is_known = self.acquaintances.contains_key(&peer);
            if !addresses.is_empty() && (is_known || self.acquaintances.len() < ACQUAINTANCES_MAX) {
                self.acquaintances.insert(peer, addresses);
            }
        }
        self.patience = PATIENCE;
        self.call_after = Duration::ZERO;
    }

    /// Whom to call now that `mesh` peers are in the mesh. Each in turn, and ever more rarely while it does not help.
    pub(super) fn callees(
        &mut self,
        mesh: usize,
        now: Duration,
        is_connected: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, Vec<Multiaddr>)> {
        if mesh >= MESH_WANTED {
            self.patience = PATIENCE;
            return Vec::new();
        }
        if now < self.call_after || self.acquaintances.is_empty() {
            return Vec::new();
        }
        self.call_after = now.saturating_add(self.patience);
        self.patience = self.patience.saturating_mul(2).min(PATIENCE_MAX);
        let behind = |peer: &PeerId| self.called.is_none_or(|called| *peer > called);
        let (after, before): (Vec<_>, Vec<_>) = self.acquaintances.iter().partition(|(peer, _)| behind(peer));
        let others = after.into_iter().chain(before).filter(|(peer, _)| !is_connected(peer));
        let chosen: Vec<_> = others.take(CALLS).map(|(peer, addresses)| (*peer, addresses.clone())).collect();
        self.called = chosen.last().map(|(peer, _)| *peer).or(self.called);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::gossip::{ear::Verdict, topics::topic};
    use colony_protocol::identity::Identity;

    #[derive(Debug)]
    struct Deaf;

    impl Ear for Deaf {
        fn hear(&self, _from: PeerId, _message: &[u8]) -> Verdict {
            Verdict::Ignore
        }
    }

    fn club() -> Club {
        Club::new(topic(&Identity::NOBODY))
    }

    fn peers(count: usize) -> Vec<(PeerId, Vec<Multiaddr>)> {
        (0..count).map(|_| (PeerId::random(), vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()])).collect()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_gives_up_the_seat_hears_nothing_more() {
        let mut club = club();
        let held = Arc::new(());
        assert!(club.admit(Member { held: Arc::downgrade(&held), ear: Arc::new(Deaf) }));
        assert!(club.sweep() && club.ears().len() == 1);
        drop(held);
        assert!(club.ears().is_empty() && !club.sweep());
    }

    #[test]
    fn neighbours_are_called_in_turn_and_ever_more_rarely() {
        let mut club = club();
        let mut all = peers(4);
        all.sort();
        club.introduce(all.clone());
        let mut call = |seconds, mesh| -> Vec<PeerId> {
            club.callees(mesh, at(seconds), |_| false).into_iter().map(|(peer, _)| peer).collect()
        };
        let of = |places: &[usize]| -> Vec<PeerId> { places.iter().map(|place| all[*place].0).collect() };
        assert_eq!(call(0, 0), of(&[0, 1]));
        assert_eq!(call(4, 0), of(&[]));
        assert_eq!(call(5, 2), of(&[2, 3]));
        assert_eq!(call(14, 0), of(&[]));
        assert_eq!(call(15, 0), of(&[0, 1]));
        assert_eq!(call(1_000, MESH_WANTED), of(&[]));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut club = club();
        club.introduce(peers(ACQUAINTANCES_MAX + 10));
        assert_eq!(club.acquaintances.len(), ACQUAINTANCES_MAX);
        let all: Vec<PeerId> = club.acquaintances.keys().copied().collect();
        assert!(club.callees(0, at(0), |peer| all.contains(peer)).is_empty());
    }
}
