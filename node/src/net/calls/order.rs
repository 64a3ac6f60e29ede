//! In which order the addresses of a node are tried. Pure.

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::net::transport::is_quic;

/// The likeliest and cheapest first, each once.
pub(super) fn in_order(addresses: &[Multiaddr]) -> Vec<Multiaddr> {
    let mut all = addresses.to_vec();
    // TCP before QUIC: its handshake is ten times cheaper, and on one stream it is the faster of the two. A relay only
    // where nothing else works: somebody else pays for it.
    all.sort_by_cached_key(|address| {
        (is_relayed(address), !is_loopback(address), is_quic(address), address.to_string())
    });
    all.dedup();
    all
}

/// Whether an address leads through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
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
    use libp2p::PeerId;

    use super::*;

    #[test]
    fn near_and_cheap_addresses_come_first_and_relays_last() {
        let far: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        let quic: Multiaddr = "/ip4/127.0.0.1/udp/1/quic-v1".parse().unwrap();
        let tcp: Multiaddr = "/ip6/::1/tcp/1".parse().unwrap();
        let relayed = tcp.clone().with(Protocol::P2p(PeerId::random())).with(Protocol::P2pCircuit);
        let given = [relayed.clone(), far.clone(), tcp.clone(), quic.clone(), tcp.clone()];
        assert_eq!(in_order(&given), [tcp, quic, far, relayed]);
    }
}
