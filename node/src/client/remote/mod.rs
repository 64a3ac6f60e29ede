//! A client's connection to a colony over libp2p.
//!
//! [`Remote`] knows any number of nodes and talks to one of them, until this one is of no use; then another has its
//! turn, with the same signed bytes, so however many of them carry a request out, it is carried out once. A node that
//! is silent uses up a call; the caller's next call goes to another, so each has its share of the caller's patience.
//! For each node it talks to a task does the work, and ends when the last handle is dropped: the *connector* takes calls
//! in order, asks for a connection when there is none, and keeps one stream with many requests under way (or, if asked
//! to, opens a substream per request).
//!
//! Connections are those of the process' own place in the network, where it has one. A command has none; it makes a
//! small swarm for each node it talks to, with a key made up for it: requests carry their own signatures, so the key of
//! the connection proves nothing.

mod connector;
mod link;
mod nodes;
mod swarm;
mod way;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::{refusal::Refusal, rpc};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::oneshot;

use self::nodes::Nodes;
use super::{Answering, Transport, TransportError};
use crate::{
    net::{Network, calls},
    runtime::Runtime,
};

/// Most bytes of a refusal. Larger outcomes are not looked into.
const REFUSAL_MAX: usize = 1024;
/// Why nobody can be asked.
const NO_ADDRESS: &str = "no address is known";

/// Which of the two protocols carries the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One long-lived stream, many requests under way: the fast one.
    #[default]
    Stream,
    /// A substream per request: the simple one, for programs in other languages.
    PerRequest,
}

/// How nodes are reached.
#[derive(Debug, Clone)]
enum Means {
    /// Through a swarm of its own for each node.
    Own(Mode),
    /// Through the swarm that this process takes part in the network with.
    Shared(calls::Handle),
}

/// A client's connections to the nodes of a colony, one used at a time.
#[derive(Clone, Debug)]
pub struct Remote {
    nodes: Arc<Mutex<Nodes>>,
    means: Means,
    runtime: Runtime,
}

/// A request and who waits for its outcome.
#[derive(Debug)]
struct Call {
    request: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, TransportError>>,
}

impl Remote {
    /// A connection that is made when the first request is sent, and again whenever it broke. Addresses that end in
    /// the same peer id lead to one node; each address without one is a node of its own.
    #[must_use]
    pub fn connect(addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        Self::connect_with(addresses, Mode::default(), runtime)
    }

    /// The same with a chosen protocol.
    #[must_use]
    pub fn connect_with(addresses: Vec<Multiaddr>, mode: Mode, runtime: Runtime) -> Self {
        Self::by(Means::Own(mode), addresses, runtime)
    }

    /// The same over the connections of a place in the network, which it shares with whatever else goes over it.
    #[must_use]
    pub fn over(network: &Network, addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        Self::by(Means::Shared(network.calls().clone()), addresses, runtime)
    }

    /// Goes to the node that is `me`'s by lot, if there is a direct way to it: so the members of a colony are spread
    /// over its nodes, although all of them may have begun with the same one. Without a place in the network, nothing.
    pub async fn spread(&self, me: &PeerId) {
        let Means::Shared(calls) = &self.means else { return };
        let Some((peer, mut addresses)) = self.nodes().draw(me) else { return };
        addresses.retain(|address| !calls::is_relayed(address));
        let mut line = calls::Line::new(calls.clone(), addresses, self.runtime.clone());
        match line.connect().await {
            Ok(_) => self.nodes().turn_to(&peer),
            Err(error) => tracing::debug!(%peer, %error, "another node is asked than lots were drawn for"),
        }
    }

    fn by(means: Means, addresses: Vec<Multiaddr>, runtime: Runtime) -> Self {
        let remote = Self { nodes: Arc::default(), means, runtime };
        remote.learn(addresses);
        remote
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        // Nothing below can leave the list half changed.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Remote {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let remote = self.clone();
        Box::pin(async move {
            let end = remote.runtime.elapsed().saturating_add(timeout);
            let mut tried = BTreeSet::new();
            let mut heard = Heard::default();
            loop {
                let left = end.saturating_sub(remote.runtime.elapsed());
                // A long poll that was held is begun anew by its owner, who knows how long it is to last.
                let goes_on = tried.is_empty() || left > timeout / 2;
                let next =
                    if goes_on { remote.nodes().next(&tried, &remote.means, &remote.runtime) } else { None };
                let Some((place, way)) = next else { return heard.end() };
                tried.insert(place);
                let outcome = way.call(request.clone(), left).await;
                if is_useless(&outcome) {
                    // For all that follow, whatever becomes of this one.
                    remote.nodes().leave(place);
                }
                match outcome {
                    Ok(bytes) if !is_for_another(&bytes) => return Ok(bytes),
                    // All nodes that were tried share what the caller had, so that is how long it waited.
                    Err(TransportError::TimedOut(_)) => heard.take(Err(TransportError::TimedOut(timeout))),
                    outcome => heard.take(outcome),
                }
            }
        })
    }

    fn nodes(&self) -> usize {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn learn(&self, addresses: Vec<Multiaddr>) {
        self.nodes().learn(addresses);
    }
}

/// What the nodes of one call have said that is no answer to it.
#[derive(Debug, Default)]
struct Heard {
    /// Why nodes were not reached, each in its words.
    absent: Vec<String>,
    /// What says more than absence.
    loudest: Option<Result<Vec<u8>, TransportError>>,
}

impl Heard {
    /// One more node. A refusal says more than silence; of equals the later counts.
    fn take(&mut self, outcome: Result<Vec<u8>, TransportError>) {
        match (outcome, &self.loudest) {
            (Err(TransportError::Unreachable(why)), _) => self.absent.push(why),
            (Err(_), Some(Ok(_))) => {}
            (outcome, _) => self.loudest = Some(outcome),
        }
    }

    /// What is to be told of all of them.
    fn end(self) -> Result<Vec<u8>, TransportError> {
        let Self { absent, loudest } = self;
        let why = || if absent.is_empty() { NO_ADDRESS.to_owned() } else { absent.join("; ") };
        loudest.unwrap_or_else(|| Err(TransportError::Unreachable(why())))
    }
}

/// Whether an outcome says that this node cannot help the calls that follow either.
fn is_useless(outcome: &Result<Vec<u8>, TransportError>) -> bool {
    // A node that was sent away refuses in its own name; whether it did, who signed the request can tell.
    let denied = |bytes: &Vec<u8>| matches!(refusal(bytes), Some(Refusal::Denied { .. }));
    outcome.as_ref().map_or(true, |bytes| is_for_another(bytes) || denied(bytes))
}

/// Whether a node could not answer although another might, at once: it finds no coordinator, its disk has failed, its
/// clock is wrong, or it does not keep the colony any more.
fn is_for_another(outcome: &[u8]) -> bool {
    matches!(
        refusal(outcome),
        Some(Refusal::Unavailable(_) | Refusal::Storage(_) | Refusal::Envelope(_) | Refusal::Clock { .. })
    )
}

/// The refusal in an outcome.
fn refusal(outcome: &[u8]) -> Option<Refusal> {
    if outcome.len() > REFUSAL_MAX {
        return None;
    }
    rpc::decode_outcome(outcome).ok()?.err()
}

impl Call {
    /// Ends the call. The caller may have gone away; then nobody minds.
    fn end(self, outcome: Result<Vec<u8>, TransportError>) {
        self.answer.send(outcome).ok();
    }

    /// Whether anybody still waits.
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// The client's own tasks have ended: the runtime is shutting down.
fn gone() -> TransportError {
    TransportError::Broken("the client is shutting down".to_owned())
}

#[cfg(test)]
mod tests {
    use colony_protocol::bounded::Text;

    use super::*;
    use crate::runtime::Tokio;

    fn refused(refusal: Refusal) -> Vec<u8> {
        rpc::encode_outcome(&Err(refusal)).unwrap()
    }

    #[tokio::test]
    async fn where_nobody_is_known_nobody_is_reached() {
        let remote = Remote::connect(Vec::new(), Runtime::new(Tokio::new()));
        let outcome = remote.call(Vec::new(), Duration::from_secs(1)).await;
        assert!(matches!(outcome, Err(TransportError::Unreachable(why)) if why == NO_ADDRESS));
    }

    #[test]
    fn another_node_is_asked_only_for_what_it_may_know_better() {
        assert!(is_for_another(&refused(Refusal::Unavailable(Text::cut("no coordinator")))));
        assert!(is_for_another(&refused(Refusal::Envelope(Text::cut("another colony")))));
        assert!(!is_for_another(&refused(Refusal::Replayed)));
        assert!(!is_for_another(b"nonsense"));
    }

    #[test]
    fn an_answer_says_more_than_silence_and_silence_more_than_absence() {
        let absent = || Err(TransportError::Unreachable("nobody".to_owned()));
        let silent = || Err(TransportError::TimedOut(Duration::from_secs(1)));
        let answer = || Ok(refused(Refusal::Unavailable(Text::cut("no coordinator"))));
        let end = |outcomes: Vec<_>| {
            let mut heard = Heard::default();
            outcomes.into_iter().for_each(|outcome| heard.take(outcome));
            heard.end()
        };
        for outcomes in [vec![absent(), silent(), answer()], vec![answer(), silent(), absent()]] {
            assert!(end(outcomes).is_ok());
        }
        for outcomes in [vec![silent(), absent()], vec![absent(), silent()]] {
            assert!(matches!(end(outcomes), Err(TransportError::TimedOut(_))));
        }
        let told = end(vec![absent(), absent()]);
        assert!(matches!(told, Err(TransportError::Unreachable(why)) if why == "nobody; nobody"));
    }
}
