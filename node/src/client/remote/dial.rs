//! In which order addresses are tried, and who won.
//!
//! The likeliest and cheapest first, each next one after a head start or at once when one failed; the first connection
//! made is kept. Pure: the swarm's task dials and tells what happened.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr::Protocol, swarm::ConnectionId};

use crate::net::transport::is_quic;

/// How long an address is alone in the race before the next one starts: about one round trip on a continent.
pub(super) const HEAD_START: Duration = Duration::from_millis(150);

/// Attempts to reach any of some addresses.
#[derive(Debug)]
pub(super) struct Race {
    ahead: VecDeque<Multiaddr>,
    running: BTreeMap<ConnectionId, Multiaddr>,
    failures: Vec<String>,
}

impl Race {
    /// A race of addresses; nobody has started.
    pub(super) fn new(addresses: &[Multiaddr]) -> Self {
        let mut ahead = addresses.to_vec();
        // TCP before QUIC: its handshake is ten times cheaper, and on one stream it is the faster of the two.
        ahead.sort_by_key(|address| (!is_loopback(address), is_quic(address)));
        ahead.dedup();
        Self { ahead: ahead.into(), running: BTreeMap::new(), failures: Vec::new() }
    }

    /// Who starts next.
    pub(super) fn next(&mut self) -> Option<Multiaddr> {
        self.ahead.pop_front()
    }

    /// Whether somebody has not started.
    pub(super) fn has_next(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// An attempt has begun.
    pub(super) fn started(&mut self, id: ConnectionId, address: Multiaddr) {
        self.running.insert(id, address);
    }

    /// An attempt has failed.
    pub(super) fn failed(&mut self, id: ConnectionId, why: &str) {
        if let Some(address) = self.running.remove(&id) {
            self.refused(&address, why);
        }
    }

    /// An attempt could not even begin.
    pub(super) fn refused(&mut self, address: &Multiaddr, why: &str) {
        self.failures.push(format!("{address}: {why}"));
    }

    /// Whether nobody runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Why nobody arrived, in one line.
    pub(super) fn failures(&self) -> String {
        if self.failures.is_empty() { "no address is known".to_owned() } else { self.failures.join("; ") }
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_cheap_addresses_start_first() {
        let far: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let quic: Multiaddr = "/ip4/127.0.0.1/udp/1/quic-v1".parse().unwrap();
        let tcp: Multiaddr = "/ip6/::1/tcp/1".parse().unwrap();
        let mut race = Race::new(&[far.clone(), quic.clone(), tcp.clone(), tcp.clone()]);
        assert_eq!(
            [race.next(), race.next(), race.next(), race.next()],
            [Some(tcp), Some(quic), Some(far), None]
        );
        assert_eq!(race.failures(), "no address is known");
    }
}
