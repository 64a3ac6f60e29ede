//! The door: how many connections and handshakes each subnet may have, and who is let in as what.
//!
//! A connection is counted for its subnet before a byte of its handshake is read, because the handshake is what costs. The
//! accounting is [`Neighbourhoods`], which knows no network; [`Gate`] is its behaviour in the swarm, first in line.
//!
//! What may never happen: a connection that ends and stays counted; a subnet remembered that has nothing.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
    },
};
use tokio::sync::mpsc;

use super::{
    Standings, Subnet,
    gcra::{Limiter, Rate},
};
use crate::{net::limits::NetLimits, runtime::Runtime};

/// Subnets whose handshakes are counted at once: more would need an attacker with as many networks.
const SUBNETS_MAX: usize = 65_536;
/// Peers that wait to be disconnected because their standing has changed.
pub(super) const FAREWELLS: usize = 256;

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The subnet has enough connections.
    #[error("too many connections from one network")]
    Connections,
    /// The subnet has enough handshakes under way.
    #[error("too many handshakes under way from one network")]
    Pending,
    /// The subnet shakes hands too often.
    #[error("too many handshakes from one network; room for the next in {0:?}")]
    Rate(Duration),
    /// Strangers have their share.
    #[error("too many strangers are connected")]
    Strangers,
}

/// What one subnet has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    pending: u32,
    established: u32,
}

/// Connections and handshakes by subnet.
#[derive(Debug)]
struct Neighbourhoods {
    limits: NetLimits,
    counts: BTreeMap<Subnet, Count>,
    /// Where each connection is counted, and whether as established.
    connections: BTreeMap<ConnectionId, (Subnet, bool)>,
    far: Limiter<Subnet>,
    near: Limiter<()>,
}

impl Neighbourhoods {
    const fn new(limits: NetLimits) -> Self {
        let (far, near) = (limits.handshakes_of_subnet, limits.handshakes_nearby);
        Self {
            counts: BTreeMap::new(),
            connections: BTreeMap::new(),
            far: Limiter::new(far, SUBNETS_MAX),
            near: Limiter::new(near, 1),
            limits,
        }
    }

    /// Somebody knocks.
    fn knock(&mut self, connection: ConnectionId, subnet: Subnet, now: Duration) -> Result<(), Refused> {
        if subnet == Subnet::Near {
            self.near.take((), now).map_err(Refused::Rate)?;
        } else {
            let count = self.counts.get(&subnet).copied().unwrap_or_default();
            if count.established.saturating_add(count.pending) >= self.limits.connections_per_subnet {
                return Err(Refused::Connections);
            }
            if count.pending >= self.limits.handshakes_per_subnet {
                return Err(Refused::Pending);
            }
            self.far.take(subnet, now).map_err(Refused::Rate)?;
        }
        self.leave(connection);
        self.connections.insert(connection, (subnet, false));
        let count = self.counts.entry(subnet).or_default();
        count.pending = count.pending.saturating_add(1);
        Ok(())
    }

    /// A handshake is done.
    fn enter(&mut self, connection: ConnectionId) {
        let Some((subnet, established)) = self.connections.get_mut(&connection) else { return };
        if *established {
            return;
        }
        *established = true;
        let count = self.counts.entry(*subnet).or_default();
        count.pending = count.pending.saturating_sub(1);
        count.established = count.established.saturating_add(1);
    }

    /// A connection is over, at whatever stage.
    fn leave(&mut self, connection: ConnectionId) {
        let Some((subnet, established)) = self.connections.remove(&connection) else { return };
        let Some(count) = self.counts.get_mut(&subnet) else { return };
        let counted = if established { &mut count.established } else { &mut count.pending };
        *counted = counted.saturating_sub(1);
        if *count == Count::default() {
            self.counts.remove(&subnet);
        }
    }
}

/// The door as a part of the swarm.
#[derive(Debug)]
pub(crate) struct Gate {
    neighbourhoods: Neighbourhoods,
    standings: Arc<Standings>,
    /// Peers whose standing has changed.
    farewells: mpsc::Receiver<PeerId>,
    runtime: Runtime,
}

impl Gate {
    /// A door. The sender takes peers that must come back as what they are now.
    pub(crate) fn new(
        limits: NetLimits,
        standings: Arc<Standings>,
        runtime: Runtime,
    ) -> (Self, mpsc::Sender<PeerId>) {
        let (farewell, farewells) = mpsc::channel(FAREWELLS);
        let neighbourhoods = Neighbourhoods::new(limits);
        (Self { neighbourhoods, standings, farewells, runtime }, farewell)
    }

    fn left(&mut self, connection: ConnectionId) {
        self.neighbourhoods.leave(connection);
        self.standings.disconnect(connection);
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let (subnet, now) = (Subnet::between(local, remote), self.runtime.elapsed());
        self.neighbourhoods.knock(connection, subnet, now).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.neighbourhoods.enter(connection);
        let is_member = self.standings.connect(connection, peer, Subnet::between(local, remote));
        let room = self.neighbourhoods.limits.strangers;
        if !is_member && self.standings.strangers() > room {
            return Err(ConnectionDenied::new(Refused::Strangers));
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.standings.connect(connection, peer, Subnet::of(remote));
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.left(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.left(failure.connection_id),
            FromSwarm::DialFailure(failure) => self.left(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.farewells.poll_recv(context) {
            Poll::Ready(Some(peer_id)) => {
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All })
            }
            _ => Poll::Pending,
        }
    }
}

/// The rates of handshakes, until told otherwise.
pub(crate) mod defaults {
    use super::Rate;

    /// A household that reboots, or a rack: all of its members are back within seconds.
    pub(crate) const OF_SUBNET: Rate = Rate::per_second(4, 64);
    /// A laboratory starts a thousand clients at once on one machine; a handshake takes a fifth of a millisecond here.
    pub(crate) const NEARBY: Rate = Rate::per_second(500, 4_096);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Subnet = Subnet::V4([192, 0, 2]);
    const OTHER: Subnet = Subnet::V4([198, 51, 100]);

    fn connection(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    fn limits() -> NetLimits {
        NetLimits {
            connections_per_subnet: 4,
            handshakes_per_subnet: 2,
            handshakes_of_subnet: Rate::per_second(1, 6),
            handshakes_nearby: Rate::per_second(10, 20),
            ..NetLimits::default()
        }
    }

    #[test]
    fn a_subnet_has_its_share_of_handshakes_and_connections() {
        let mut doors = Neighbourhoods::new(limits());
        let now = Duration::from_secs(1);
        assert_eq!(doors.knock(connection(1), FAR, now), Ok(()));
        assert_eq!(doors.knock(connection(2), FAR, now), Ok(()));
        assert_eq!(doors.knock(connection(3), FAR, now), Err(Refused::Pending));
        assert_eq!(doors.knock(connection(3), OTHER, now), Ok(()), "the neighbours are not to blame");
        doors.enter(connection(1));
        doors.enter(connection(1));
        doors.enter(connection(2));
        for number in 4..6 {
            assert_eq!(doors.knock(connection(number), FAR, now), Ok(()));
            doors.enter(connection(number));
        }
        assert_eq!(doors.knock(connection(6), FAR, now), Err(Refused::Connections));
        doors.leave(connection(1));
        assert_eq!(doors.knock(connection(6), FAR, now), Ok(()));
        // Coming and going all the time is counted too.
        doors.leave(connection(6));
        assert_eq!(doors.knock(connection(7), FAR, now), Ok(()));
        doors.leave(connection(7));
        assert!(matches!(doors.knock(connection(8), FAR, now), Err(Refused::Rate(_))));
        assert_eq!(doors.knock(connection(8), FAR, now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn who_is_near_is_counted_for_handshakes_alone() {
        let mut doors = Neighbourhoods::new(limits());
        let now = Duration::from_secs(1);
        for number in 0..20 {
            assert_eq!(doors.knock(connection(number), Subnet::Near, now), Ok(()));
        }
        assert!(matches!(doors.knock(connection(20), Subnet::Near, now), Err(Refused::Rate(_))));
    }

    #[test]
    fn nothing_is_remembered_of_who_has_left() {
        let mut doors = Neighbourhoods::new(limits());
        for round in 0..1_000_u64 {
            let number = connection(usize::try_from(round).unwrap());
            assert_eq!(doors.knock(number, FAR, Duration::from_secs(round)), Ok(()));
            if round % 2 == 0 {
                doors.enter(number);
            }
            doors.leave(number);
            doors.leave(number);
        }
        assert!(doors.counts.is_empty() && doors.connections.is_empty() && doors.far.len() <= 1);
    }
}
