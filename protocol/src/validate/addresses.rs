//! Addresses of a node: multiaddresses, of which the rules know only how they end.

use crate::{model::member::Address, refusal::Refusal};

/// Checks that each address names its peer: whoever dials it must know whom it expects to find.
///
/// # Errors
/// [`Refusal::Invalid`] with the place of the first that does not.
pub fn addresses(addresses: &[Address]) -> Result<(), Refusal> {
    for (place, address) in addresses.iter().enumerate() {
        if !names_its_peer(address) {
            let why = format!("`{address}` is no multiaddress that ends in `/p2p/` and a peer id");
            return Err(Refusal::invalid(&format!("addresses[{place}]"), why));
        }
    }
    Ok(())
}

fn names_its_peer(address: &str) -> bool {
    let peer = address.strip_prefix('/').and_then(|_| address.rsplit_once("/p2p/")).map(|(_, peer)| peer);
    peer.is_some_and(|peer| !peer.is_empty() && peer.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded::Text;

    #[test]
    fn an_address_begins_with_a_slash_and_ends_in_a_peer() {
        let check = |text: &str| addresses(&[Text::cut("/p2p/Qm"), Text::cut(text)]);
        for good in
            ["/ip4/192.0.2.1/tcp/4001/p2p/16Uiu2", "/ip4/1.2.3.4/udp/1/quic-v1/p2p/Qm1/p2p-circuit/p2p/Qm2"]
        {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [
            "",
            "/",
            "/p2p/",
            "ip4/1.2.3.4/p2p/Qm",
            "/ip4/1.2.3.4/tcp/1",
            "/ip4/1.2.3.4/p2p/Qm/tcp/1",
            "/p2p/Q m",
        ] {
            let refused = check(bad);
            assert!(
                matches!(&refused, Err(Refusal::Invalid { field, .. }) if &**field == "addresses[1]"),
                "{bad}"
            );
        }
    }
}
