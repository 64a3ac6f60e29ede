//! The connections there are, and which way each of them goes.
//!
//! Kept by the swarm's task and read by whoever shows or chooses a path. A connection is *punched* if it was made while
//! the peer was connected through a relay and could not simply be dialled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::model::member::Path;
use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::ConnectionId,
};

use crate::net::{scope::is_relayed, transport::is_quic};

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// With whom.
    pub(crate) peer: PeerId,
    /// Which way it goes.
    pub(crate) path: Path,
    /// Since when.
    pub(crate) since: Duration,
    /// The last round trip, once it has been measured.
    pub(crate) rtt: Option<Duration>,
    /// Where the other end was dialled; `None` if it dialled.
    pub(crate) dialled: Option<Multiaddr>,
    /// Whether it leaves from the port this node listens at, so that others learn something from how it looks.
    pub(crate) from_own_port: bool,
    /// Whether it is about to be closed.
    pub(crate) closing: bool,
}

impl Connection {
    /// Whether the other end sees by it where QUIC from the port this node listens at comes from.
    pub(super) fn is_mapped_by_quic(&self) -> bool {
        let over_quic = self.dialled.as_ref().is_some_and(|at| is_quic(at) && !is_relayed(at));
        over_quic && self.from_own_port
    }
}

/// How a peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Which way.
    pub path: Path,
    /// Since when, by [`crate::runtime::Runtime::elapsed`].
    pub since: Duration,
    /// How long a message takes there and back, once it has been measured.
    pub rtt: Option<Duration>,
}

/// All connections of the swarm.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Table>);

/// Connections, and the same by peer.
#[derive(Debug, Default)]
struct Table {
    all: BTreeMap<ConnectionId, Connection>,
    of: BTreeMap<PeerId, BTreeSet<ConnectionId>>,
}

impl Connections {
    /// A connection was made. `is_public` says whether everybody can dial this node.
    pub(super) fn made(
        &self,
        id: ConnectionId,
        peer: PeerId,
        point: &ConnectedPoint,
        now: Duration,
        is_public: bool,
    ) -> Path {
        let mut table = self.lock();
        let has_relayed = table.any(&peer, |known| known.path == Path::Relayed);
        let path = path_of(point, has_relayed, is_public);
        let (dialled, from_own_port) = match point {
            ConnectedPoint::Dialer { address, port_use, .. } => {
                (Some(address.clone()), *port_use == PortUse::Reuse)
            }
            ConnectedPoint::Listener { .. } => (None, false),
        };
        let made = Connection { peer, path, since: now, rtt: None, dialled, from_own_port, closing: false };
        table.all.insert(id, made);
        table.of.entry(peer).or_default().insert(id);
        path
    }

    /// A connection has ended.
    pub(super) fn ended(&self, id: ConnectionId) {
        let mut table = self.lock();
        let Some(ended) = table.all.remove(&id) else { return };
        if let Some(ids) = table.of.get_mut(&ended.peer) {
            ids.remove(&id);
            if ids.is_empty() {
                table.of.remove(&ended.peer);
            }
        }
    }

    /// A hole was punched.
    pub(super) fn punched(&self, id: ConnectionId) {
        if let Some(connection) = self.lock().all.get_mut(&id) {
            connection.path = Path::Punched;
        }
    }

    /// A round trip was measured.
    pub(super) fn measured(&self, id: ConnectionId, rtt: Duration) {
        if let Some(connection) = self.lock().all.get_mut(&id) {
            connection.rtt = Some(rtt);
        }
    }

    /// A connection is about to be closed.
    pub(super) fn closing(&self, id: ConnectionId) {
        if let Some(connection) = self.lock().all.get_mut(&id) {
            connection.closing = true;
        }
    }

    /// One connection.
    pub(crate) fn get(&self, id: ConnectionId) -> Option<Connection> {
        self.lock().all.get(&id).cloned()
    }

    /// Which way a connection goes.
    pub(crate) fn path(&self, id: ConnectionId) -> Option<Path> {
        self.lock().all.get(&id).map(|connection| connection.path)
    }

    /// The connections with a peer.
    pub(crate) fn with(&self, peer: &PeerId) -> Vec<(ConnectionId, Connection)> {
        let table = self.lock();
        let ids = table.of.get(peer).into_iter().flatten();
        ids.filter_map(|id| Some((*id, table.all.get(id)?.clone()))).collect()
    }

    /// The connections that go through no relay, and are not about to be closed.
    pub(crate) fn without_relay(&self) -> Vec<(ConnectionId, PeerId)> {
        let table = self.lock();
        let without = table.all.iter().filter(|(_, known)| known.path != Path::Relayed && !known.closing);
        without.map(|(id, known)| (*id, known.peer)).collect()
    }

    /// The best way to a peer: without a relay if there is one, and then the oldest.
    pub(crate) fn way(&self, peer: &PeerId) -> Option<Way> {
        let table = self.lock();
        let ids = table.of.get(peer)?;
        let usable = ids.iter().filter_map(|id| table.all.get(id)).filter(|connection| !connection.closing);
        let best = usable.min_by_key(|connection| (rank(connection.path), connection.since))?;
        Some(Way { path: best.path, since: best.since, rtt: best.rtt })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn any(&self, peer: &PeerId, is_so: impl Fn(&Connection) -> bool) -> bool {
        self.of.get(peer).into_iter().flatten().filter_map(|id| self.all.get(id)).any(is_so)
    }
}

/// Which way a connection goes. A node that everybody can dial has nothing to punch: whoever dials it, dials it.
fn path_of(point: &ConnectedPoint, has_relayed: bool, is_public: bool) -> Path {
    match point {
        ConnectedPoint::Dialer { address, .. } if is_relayed(address) => Path::Relayed,
        ConnectedPoint::Listener { local_addr, .. } if is_relayed(local_addr) => Path::Relayed,
        ConnectedPoint::Dialer { role_override: Endpoint::Listener, .. } => Path::Punched,
        ConnectedPoint::Listener { .. } if has_relayed && !is_public => Path::Punched,
        ConnectedPoint::Dialer { .. } | ConnectedPoint::Listener { .. } => Path::Direct,
    }
}

const fn rank(path: Path) -> u8 {
    match path {
        Path::Own => 0,
        Path::Direct => 1,
        Path::Punched => 2,
        Path::Relayed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialled(address: &str, role_override: Endpoint) -> ConnectedPoint {
        ConnectedPoint::Dialer { address: address.parse().unwrap(), role_override, port_use: PortUse::Reuse }
    }

    fn answered(local: &str) -> ConnectedPoint {
        ConnectedPoint::Listener {
            local_addr: local.parse().unwrap(),
            send_back_addr: "/ip4/9.9.9.9/tcp/9".parse().unwrap(),
        }
    }

    #[test]
    fn the_best_way_is_without_a_relay_and_tells_how_it_was_made() {
        let (connections, peer, relay) = (Connections::default(), PeerId::random(), PeerId::random());
        let id = ConnectionId::new_unchecked;
        let at = Duration::from_secs;
        let through = format!("/ip4/9.9.9.1/tcp/1/p2p/{relay}/p2p-circuit");
        assert_eq!(connections.way(&peer), None);

        assert_eq!(connections.made(id(1), peer, &answered(&through), at(1), false), Path::Relayed);
        assert_eq!(connections.way(&peer).map(|way| way.path), Some(Path::Relayed));

        // What arrives while there is a way through a relay was punched, unless anybody can dial this node.
        let arrived = answered("/ip4/10.0.0.1/tcp/1");
        assert_eq!(connections.made(id(2), peer, &arrived, at(2), false), Path::Punched);
        assert_eq!(connections.made(id(3), peer, &arrived, at(3), true), Path::Direct);
        let to = "/ip4/9.9.9.9/tcp/1";
        assert_eq!(
            connections.made(id(4), peer, &dialled(to, Endpoint::Listener), at(4), true),
            Path::Punched
        );
        assert_eq!(connections.made(id(5), peer, &dialled(to, Endpoint::Dialer), at(5), false), Path::Direct);
        connections.punched(id(5));
        assert_eq!(connections.path(id(5)), Some(Path::Punched));

        connections.measured(id(3), at(7));
        let direct = Way { path: Path::Direct, since: at(3), rtt: Some(at(7)) };
        assert_eq!(connections.way(&peer), Some(direct));
        connections.closing(id(3));
        assert_eq!(connections.way(&peer).map(|way| way.since), Some(at(2)));

        for ended in 1..=5 {
            connections.ended(id(ended));
        }
        assert_eq!(connections.way(&peer), None);
        assert!(connections.with(&peer).is_empty());
    }
}
