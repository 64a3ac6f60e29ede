//! A way to a colony through whichever of its nodes answers.
//!
//! For those who are not members yet, or not any more: they know addresses and nothing else. The nodes are asked one
//! after the other, with the same signed bytes, so however many of them carry a request out, it is carried out once.

use std::{collections::BTreeMap, time::Duration};

use colony_protocol::{refusal::Refusal, rpc};
use libp2p::multiaddr::Protocol;

use crate::{
    client::{Answering, Remote, Transport, TransportError},
    net::{Multiaddr, PeerId},
    runtime::Runtime,
};

/// The least time one node gets: a connection over half the world, a round of messages to a majority, and some.
const SHARE_MIN: Duration = Duration::from_secs(4);

/// Connections to several nodes of one colony, made when they are needed.
#[derive(Debug, Clone)]
pub struct AnyNode {
    nodes: Vec<Remote>,
    runtime: Runtime,
}

impl AnyNode {
    /// A way through the nodes at these addresses. Addresses that end in the same peer id lead to one node.
    #[must_use]
    pub fn at(addresses: impl IntoIterator<Item = Multiaddr>, runtime: &Runtime) -> Self {
        let mut nodes: Vec<(Option<PeerId>, Vec<Multiaddr>)> = Vec::new();
        let mut places: BTreeMap<PeerId, usize> = BTreeMap::new();
        for address in addresses {
            let peer = peer_in(&address);
            let place = peer.and_then(|peer| places.get(&peer).copied());
            match place.and_then(|place| nodes.get_mut(place)) {
                Some((_, known)) => known.push(address),
                None => {
                    places.extend(peer.map(|peer| (peer, nodes.len())));
                    nodes.push((peer, vec![address]));
                }
            }
        }
        let connect = |(_, addresses)| Remote::connect(addresses, runtime.clone());
        Self { nodes: nodes.into_iter().map(connect).collect(), runtime: runtime.clone() }
    }

    /// How many nodes there are to ask.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Transport for AnyNode {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let Self { nodes, runtime } = self.clone();
        Box::pin(async move {
            let share = timeout.checked_div(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
            let share = share.unwrap_or(timeout).max(SHARE_MIN);
            let end = runtime.elapsed().saturating_add(timeout);
            let mut outcome = Err(TransportError::Unreachable("no address of a node is known".to_owned()));
            for node in nodes {
                let left = end.saturating_sub(runtime.elapsed());
                if left.is_zero() {
                    break;
                }
                outcome = better(outcome, node.call(request.clone(), share.min(left)).await);
                if outcome.as_ref().is_ok_and(|bytes| !is_for_another(bytes)) {
                    break;
                }
            }
            outcome
        })
    }
}

/// Which of two outcomes says more: an answer more than none, a broken call more than nobody there.
fn better(
    one: Result<Vec<u8>, TransportError>,
    other: Result<Vec<u8>, TransportError>,
) -> Result<Vec<u8>, TransportError> {
    match (&one, &other) {
        (Ok(_), Err(_)) => one,
        (
            Err(TransportError::TimedOut(_) | TransportError::Broken(_)),
            Err(TransportError::Unreachable(_)),
        ) => one,
        _ => other,
    }
}

/// Whether a node could not answer although another might: it has no coordinator, no room, a broken disk, or does not
/// keep this colony any more.
fn is_for_another(outcome: &[u8]) -> bool {
    matches!(
        rpc::decode_outcome(outcome),
        Ok(Err(Refusal::Unavailable(_)
            | Refusal::Busy(_)
            | Refusal::Storage(_)
            | Refusal::Envelope(_)
            | Refusal::Clock { .. }))
    )
}

/// The peer that an address ends in.
fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::bounded::Text;

    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test]
    async fn addresses_of_one_peer_lead_to_one_node() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let addresses = [
            format!("/ip4/192.0.2.1/tcp/1/p2p/{one}"),
            format!("/ip4/192.0.2.2/tcp/1/p2p/{other}"),
            format!("/ip4/192.0.2.1/udp/1/quic-v1/p2p/{one}"),
            "/ip4/192.0.2.3/tcp/1".to_owned(),
        ];
        let runtime = Runtime::new(Tokio::new());
        let nodes = AnyNode::at(addresses.iter().map(|address| address.parse().unwrap()), &runtime);
        assert_eq!(nodes.len(), 3);
        assert!(AnyNode::at([], &runtime).is_empty());
    }

    #[tokio::test]
    async fn where_nobody_is_known_nobody_is_reached() {
        let runtime = Runtime::new(Tokio::new());
        let outcome = AnyNode::at([], &runtime).call(Vec::new(), SHARE_MIN).await;
        assert!(matches!(outcome, Err(TransportError::Unreachable(_))));
    }

    #[test]
    fn another_node_is_asked_only_for_what_it_may_know_better() {
        let refused = |refusal| rpc::encode_outcome(&Err(refusal)).unwrap();
        assert!(is_for_another(&refused(Refusal::Unavailable(Text::cut("no coordinator")))));
        assert!(is_for_another(&refused(Refusal::Envelope(Text::cut("another colony")))));
        assert!(!is_for_another(&refused(Refusal::Replayed)));
        assert!(!is_for_another(b"nonsense"));
    }

    #[test]
    fn an_answer_says_more_than_silence_and_silence_more_than_absence() {
        let absent = || Err(TransportError::Unreachable("nobody".to_owned()));
        let silent = || Err(TransportError::TimedOut(SHARE_MIN));
        assert!(better(Ok(Vec::new()), absent()).is_ok());
        assert!(better(absent(), Ok(Vec::new())).is_ok());
        for outcome in [better(silent(), absent()), better(absent(), silent())] {
            assert!(matches!(outcome, Err(TransportError::TimedOut(_))));
        }
    }
}
