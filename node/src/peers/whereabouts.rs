//! Where a member is, from what the membership says.

use colony_store::MemberInfo;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

use crate::net::peer_of;

/// A member's peer id and its addresses. `None` if its key is none. Addresses that cannot be read, or that name
/// somebody else, are left out: another version of this program may have written them.
pub(super) fn where_to(info: &MemberInfo) -> Option<(PeerId, Vec<Multiaddr>)> {
    let peer = peer_of(info.key.as_bytes())?;
    let addresses = info.addresses.iter().filter_map(|text| text.parse::<Multiaddr>().ok());
    let addresses = addresses.filter_map(|address| match address.iter().last() {
        Some(Protocol::P2p(named)) => (named == peer).then_some(address),
        _ => address.with_p2p(peer).ok(),
    });
    Some((peer, addresses.collect()))
}
