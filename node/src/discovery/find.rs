//! Finding a colony by its id.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use colony_protocol::{
    charter::{Charter, CharterError, Proven, SignedCharter},
    identity::Identity,
    time::Timestamp,
};
use libp2p::{Multiaddr, PeerId};

use super::{Discovery, Inner};
use crate::{
    net::{discovery::Finding, key_of, peer_of},
    node::KnownPeer,
    runtime::Runtime,
};

/// How long a search goes on, unless the colony is found. A node that has just started has to meet somebody first.
const PATIENCE: Duration = Duration::from_secs(30);
/// After the first charter: a newer one may be on its way.
const NEWER: Duration = Duration::from_millis(750);
/// Before a search that found nothing is begun again: meanwhile the table may have grown.
const AGAIN: Duration = Duration::from_secs(1);
/// Before a node that knows nobody looks whether that has changed.
const LOOK: Duration = Duration::from_millis(100);
/// Servers kept of one search.
const SERVERS: usize = 16;

/// A colony that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says of itself; proven.
    pub charter: Charter,
    /// Its voters, and where they are.
    pub nodes: Vec<KnownPeer>,
    /// Others that say they serve it. Nothing proves that: tell them nothing that a stranger may not know.
    pub servers: Vec<KnownPeer>,
}

/// Why a colony was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is nobody to ask.
    #[error(
        "no peer of the network answers: {bootstrap} bootstrap addresses and {remembered} remembered peers were tried"
    )]
    Alone {
        /// Bootstrap addresses it was told.
        bootstrap: usize,
        /// Peers it remembered.
        remembered: usize,
    },
    /// Nobody who was asked has its charter.
    #[error(
        "the colony was not found: none of {peers} known peers, nor of those that they named, has its charter"
    )]
    NotFound {
        /// Peers in the table.
        peers: usize,
    },
    /// What was found was not the colony's word.
    #[error("the colony was not found: what peers gave for its charter is no good")]
    Refused(#[source] CharterError),
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
}

/// A search under way.
struct Search<'a>(&'a Inner);

impl<'a> Search<'a> {
    fn begin(inner: &'a Inner) -> Self {
        inner.searches.fetch_add(1, Ordering::Relaxed);
        inner.search.notify_one();
        Self(inner)
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        self.0.searches.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Discovery {
    /// Finds a colony: its newest charter that anybody has, and its nodes. Takes half a minute if it is nowhere.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(&self, colony: Identity) -> Result<Found, FindError> {
        let _under_way = Search::begin(&self.inner);
        let searching = self.inner.stop.run_until_cancelled(self.search(colony));
        searching.await.unwrap_or(Err(FindError::Stopping))
    }

    async fn search(&self, colony: Identity) -> Result<Found, FindError> {
        let runtime = &self.inner.runtime;
        let begun = runtime.elapsed();
        let is_late = || runtime.elapsed().saturating_sub(begun) >= PATIENCE;
        loop {
            let peers = self.health().await.peers_in_table;
            if peers > 0 {
                let why = match self.search_once(colony).await.finish(peers) {
                    Ok(found) => return Ok(found),
                    Err(why) => why,
                };
                if is_late() {
                    return Err(why);
                }
                runtime.sleep(AGAIN).await;
            } else if is_late() || self.handle().is_closed() || self.has_nobody_to_ask() {
                let bootstrap = self.inner.settings.bootstrap.len();
                return Err(FindError::Alone { bootstrap, remembered: self.remembered() });
            } else {
                runtime.sleep(LOOK).await;
            }
        }
    }

    /// Whether there is no address at which anybody could be met. Somebody may still come by, but who can tell when.
    fn has_nobody_to_ask(&self) -> bool {
        self.inner.is_ready.is_cancelled()
            && self.inner.settings.bootstrap.is_empty()
            && self.remembered() == 0
    }

    async fn search_once(&self, colony: Identity) -> Harvest {
        let runtime = &self.inner.runtime;
        let mut findings = self.handle().find(colony).await;
        let mut harvest = Harvest::default();
        let mut until = None;
        loop {
            let finding = match until {
                None => findings.recv().await,
                Some(until) => {
                    let left = Duration::saturating_sub(until, runtime.elapsed());
                    runtime.timeout(left, findings.recv()).await.flatten()
                }
            };
            match finding {
                None => return harvest,
                Some(Finding::Server(peer, addresses)) => harvest.server(peer, addresses),
                Some(Finding::Charter(bytes)) => {
                    harvest.charter(prove(bytes, colony, runtime).await);
                    if harvest.newest.is_some() && until.is_none() {
                        until = Some(runtime.elapsed().saturating_add(NEWER));
                    }
                }
            }
        }
    }
}

/// Whether bytes that a stranger gave are the colony's word. `None` if there is no processor for it now.
async fn prove(bytes: Vec<u8>, colony: Identity, runtime: &Runtime) -> Option<Result<Proven, CharterError>> {
    let now = runtime.now();
    runtime.compute(move || judge(&bytes, &colony, now)).await.ok()
}

fn judge(bytes: &[u8], colony: &Identity, now: Timestamp) -> Result<Proven, CharterError> {
    let proven = SignedCharter::from_bytes(bytes)?.verify()?;
    proven.charter.check(colony, now)?;
    Ok(proven)
}

/// What a search has brought so far.
#[derive(Debug, Default)]
struct Harvest {
    newest: Option<Proven>,
    refused: Option<CharterError>,
    servers: BTreeMap<PeerId, Vec<Multiaddr>>,
}

impl Harvest {
    fn charter(&mut self, judged: Option<Result<Proven, CharterError>>) {
        match judged {
            Some(Ok(proven)) if self.newest.as_ref().is_none_or(|newest| proven.supersedes(newest)) => {
                self.newest = Some(proven);
            }
            Some(Err(why)) => self.refused = Some(why),
            Some(Ok(_)) | None => {}
        }
    }

    fn server(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if self.servers.len() < SERVERS || self.servers.contains_key(&peer) {
            self.servers.insert(peer, addresses);
        }
    }

    /// What was found in all. A voter's address that only the table knows helps too: its key is checked when it is met.
    fn finish(mut self, peers: usize) -> Result<Found, FindError> {
        let Some(Proven { charter, .. }) = self.newest else {
            return Err(self.refused.map_or(FindError::NotFound { peers }, FindError::Refused));
        };
        let nodes = charter.voters.iter().map(|voter| {
            let mut addresses: Vec<Multiaddr> =
                voter.addresses.iter().filter_map(|address| address.parse().ok()).collect();
            let more = peer_of(voter.key.as_bytes()).and_then(|peer| self.servers.remove(&peer));
            addresses.extend(more.unwrap_or_default());
            KnownPeer { key: voter.key, addresses }
        });
        let nodes = nodes.collect();
        let servers = self.servers.into_iter();
        let servers =
            servers.filter_map(|(peer, addresses)| Some(KnownPeer { key: key_of(&peer)?, addresses }));
        Ok(Found { charter, nodes, servers: servers.collect() })
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::{List, Text},
        charter::{CharterNode, Delegation, SignedDelegation},
        identity::SecretKey,
        model::member::MemberKey,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn key(name: &str) -> SecretKey {
        SecretKey::derive(name.as_bytes())
    }

    fn charter(sequence: u64) -> Vec<u8> {
        let owner = key("owner");
        let colony = owner.identity();
        let speakers = List::new(vec![key("voter").identity()]).unwrap();
        let delegation = Delegation { colony, sequence: 1, issued: NOW, speakers };
        let delegation = SignedDelegation::sign(&delegation, &owner).unwrap();
        let node = CharterNode {
            key: MemberKey::of(&key("voter")),
            addresses: List::new(vec![Text::cut("/ip4/192.0.2.1/tcp/1")]).unwrap(),
        };
        let voters = List::new(vec![node]).unwrap();
        let charter = Charter { colony, name: Text::cut("dev"), sequence, issued: NOW, voters };
        SignedCharter::sign(&charter, &delegation, &key("voter")).unwrap().to_bytes().unwrap()
    }

    fn peer(name: &str) -> PeerId {
        peer_of(&key(name).public_key()).unwrap()
    }

    #[test]
    fn the_newest_charter_that_proves_itself_is_what_is_found() {
        let colony = key("owner").identity();
        let mut harvest = Harvest::default();
        let mut forged = charter(9);
        *forged.last_mut().unwrap() ^= 1;
        for bytes in [charter(2), charter(3), charter(1), forged, b"poison".to_vec()] {
            harvest.charter(Some(judge(&bytes, &colony, NOW)));
        }
        let address: Multiaddr = "/ip4/192.0.2.2/tcp/2".parse().unwrap();
        harvest.server(peer("voter"), vec![address.clone()]);
        harvest.server(peer("other"), vec![address.clone()]);
        let found = harvest.finish(1).unwrap();
        assert_eq!(found.charter.sequence, 3);
        let addresses = vec!["/ip4/192.0.2.1/tcp/1".parse().unwrap(), address.clone()];
        assert_eq!(found.nodes, [KnownPeer { key: MemberKey::of(&key("voter")), addresses }]);
        assert_eq!(
            found.servers,
            [KnownPeer { key: MemberKey::of(&key("other")), addresses: vec![address] }]
        );
    }

    #[test]
    fn what_proves_nothing_finds_nothing() {
        assert_eq!(Harvest::default().finish(4), Err(FindError::NotFound { peers: 4 }));
        let mut harvest = Harvest::default();
        harvest.charter(Some(judge(&charter(1), &key("other").identity(), NOW)));
        assert_eq!(harvest.finish(4), Err(FindError::Refused(CharterError::WrongColony)));
        // Servers alone are only people who say so.
        let mut harvest = Harvest::default();
        harvest.server(peer("other"), Vec::new());
        assert_eq!(harvest.finish(4), Err(FindError::NotFound { peers: 4 }));
    }

    #[test]
    fn liars_cannot_make_a_search_grow() {
        let mut harvest = Harvest::default();
        for _ in 0..1000 {
            harvest.server(PeerId::random(), Vec::new());
        }
        assert_eq!(harvest.servers.len(), SERVERS);
    }
}
