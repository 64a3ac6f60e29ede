//! Queries under way, and who waits for what they bring.

use std::time::Duration;

use colony_protocol::charter::CHARTER_MAX;
use libp2p::{
    Multiaddr, PeerId,
    kad::{
        GetClosestPeersError, GetClosestPeersOk, GetProvidersOk, GetRecordOk, PutRecordError, QueryId,
        QueryResult,
    },
};
use tokio::sync::{mpsc, oneshot};

use super::orders::{Finding, LastQuery};

/// Queries at a time. Each search takes two, and a few more for those whose addresses are not known.
pub(super) const QUERIES: usize = 128;
/// So many charters of one colony are enough to choose the newest of: they come over paths that share no peer.
const ENOUGH: usize = 6;
/// Servers of one colony that are told; the rest are liars, or the colony is well served.
const SERVERS: usize = 16;

/// What a query is for.
#[derive(Debug)]
pub(super) enum Aim {
    /// The charter of a colony.
    Charter { findings: mpsc::Sender<Finding>, found: usize },
    /// Who serves a colony.
    Servers { findings: mpsc::Sender<Finding>, found: Vec<PeerId> },
    /// Where one of them is.
    Where { findings: mpsc::Sender<Finding>, peer: PeerId },
    /// Giving a charter to those whose place it is to keep it.
    Publish(Option<oneshot::Sender<usize>>),
    /// Telling others that this node serves a colony.
    Provide,
    /// Looking around.
    Refresh,
}

impl Aim {
    const fn word(&self) -> &'static str {
        match self {
            Self::Charter { .. } => "find a charter",
            Self::Servers { .. } => "find a colony's nodes",
            Self::Where { .. } => "find a node's addresses",
            Self::Publish(_) => "publish a charter",
            Self::Provide => "say what is served",
            Self::Refresh => "look around",
        }
    }
}

/// What is to be done after a query has progressed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Wait,
    /// The query has brought enough.
    Finish,
    /// These serve the colony.
    Servers(Vec<PeerId>),
}

/// All queries under way that this room began.
#[derive(Debug, Default)]
pub(super) struct Queries {
    running: Vec<(QueryId, Aim)>,
    pub(super) last: Option<LastQuery>,
}

impl Queries {
    /// Whether there is room for one more search.
    pub(super) const fn has_room(&self) -> bool {
        self.running.len() < QUERIES
    }

    pub(super) fn begin(&mut self, id: QueryId, aim: Aim) {
        self.running.push((id, aim));
    }

    /// Who waits for what a search brings.
    pub(super) fn findings(&self, id: QueryId) -> Option<mpsc::Sender<Finding>> {
        self.running.iter().find(|(known, _)| *known == id).and_then(|(_, aim)| match aim {
            Aim::Charter { findings, .. } | Aim::Servers { findings, .. } | Aim::Where { findings, .. } => {
                Some(findings.clone())
            }
            Aim::Publish(_) | Aim::Provide | Aim::Refresh => None,
        })
    }

    /// Takes what a query has brought.
    pub(super) fn progressed(&mut self, id: QueryId, result: QueryResult) -> Next {
        let Some((_, aim)) = self.running.iter_mut().find(|(known, _)| *known == id) else {
            return Next::Wait;
        };
        match (aim, result) {
            (
                Aim::Charter { findings, found },
                QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(brought))),
            ) => {
                let charter = brought.record.value;
                if charter.len() <= CHARTER_MAX {
                    *found = found.saturating_add(1);
                    // Whoever searches and is slow has enough to choose from.
                    findings.try_send(Finding::Charter(charter)).ok();
                }
                if *found >= ENOUGH || findings.is_closed() { Next::Finish } else { Next::Wait }
            }
            (
                Aim::Servers { found, .. },
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
            ) => {
                let mut new: Vec<PeerId> =
                    providers.into_iter().filter(|peer| !found.contains(peer)).collect();
                new.sort_unstable();
                new.truncate(SERVERS.saturating_sub(found.len()));
                found.extend(&new);
                Next::Servers(new)
            }
            (Aim::Where { findings, peer }, QueryResult::GetClosestPeers(result)) => {
                let peers = match result {
                    Ok(GetClosestPeersOk { peers, .. })
                    | Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                let found = peers.into_iter().find(|info| info.peer_id == *peer);
                let addresses: Vec<Multiaddr> = found.map(|info| info.addrs).unwrap_or_default();
                if !addresses.is_empty() {
                    findings.try_send(Finding::Server(*peer, addresses)).ok();
                }
                Next::Wait
            }
            (Aim::Publish(stored), QueryResult::PutRecord(result)) => {
                if let Some(stored) = stored.take() {
                    // Nobody may wait for it any more.
                    stored.send(kept(&result)).ok();
                }
                Next::Wait
            }
            _ => Next::Wait,
        }
    }

    /// A query has ended.
    pub(super) fn ended(&mut self, id: QueryId, succeeded: bool, took: Duration, now: Duration) {
        let Some(place) = self.running.iter().position(|(known, _)| *known == id) else { return };
        let (_, aim) = self.running.swap_remove(place);
        let succeeded = match &aim {
            Aim::Charter { found, .. } => *found > 0,
            Aim::Servers { found, .. } => !found.is_empty(),
            Aim::Where { .. } | Aim::Publish(_) | Aim::Provide | Aim::Refresh => succeeded,
        };
        self.last = Some(LastQuery { what: aim.word(), succeeded, took, ended: now });
    }
}

/// How many took a charter that was published.
fn kept(result: &libp2p::kad::PutRecordResult) -> usize {
    match result {
        Ok(_) => libp2p::kad::K_VALUE.get(),
        Err(PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. }) => {
            success.len()
        }
    }
}
