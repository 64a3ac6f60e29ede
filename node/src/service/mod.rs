//! From the bytes of a request to the bytes of its outcome.
//!
//! The network, the in-process transport and later doors all end here. A request is checked on the processor pool -
//! signature, colony, audience, time, kind - then a question is answered from applied state and a command is put in
//! order by the colony's coordinator: here, or at the member that has that office now (see `route`). One service may serve several colonies: the signed body says which is meant.
//!
//! Members and strangers share the pool: strangers' requests are looked at one after the other, so that a member's waits
//! behind one of them and not behind all that strangers may send.
//!
//! What may never happen: a payload looked at before its signature was checked; work on the task that calls; a request
//! without an answer.

mod admission;
mod check;
mod forward;
mod lone;
mod relay;
mod route;
mod signers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use colony_protocol::{
    bounded::Text,
    command::WAIT_MAX,
    envelope::EnvelopeError,
    identity::Identity,
    query::{ChannelsQuery, Query},
    refusal::Refusal,
    reply::{Outcome, Reply, Response},
    rpc,
};

use colony_store::MemberInfo;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub(crate) use lone::Lone;
pub(crate) use relay::Evidence;
pub use route::{Forwarder, Forwarding};
pub(crate) use signers::Signers;

use crate::{
    consensus::Consensus,
    coordinator::Coordinator,
    histogram::SharedHistogram,
    net::{Caller, Handler, Handling, PeerId},
    query::Desk,
    runtime::{Busy, Runtime},
};
use admission::Admission;
use check::Ask;
use forward::Forwarded;
use route::{Errand, Route};

/// Requests of strangers on the processor pool at once. A signature takes a seventh of a millisecond, so that one after
/// the other they are still looked at faster than strangers may ask; and the pool's other threads are for members.
const STRANGERS_CHECKED: usize = 1;

/// One colony as the service sees it.
#[derive(Debug, Clone)]
pub struct Colony {
    /// This node.
    pub node: Identity,
    /// Says who coordinates.
    pub consensus: Consensus,
    /// Carries requests to other members.
    pub forwarder: Arc<dyn Forwarder>,
    /// Whom this node believes while it knows no members.
    pub known: Arc<[(Identity, MemberInfo)]>,
    /// Set when this node takes no part in the colony any more.
    pub ended: Arc<OnceLock<Refusal>>,
    /// Puts commands in order.
    pub coordinator: Coordinator,
    /// Answers questions.
    pub desk: Arc<Desk>,
    /// How long work waited that was given out here.
    pub(crate) waits: Arc<SharedHistogram>,
}

impl Colony {
    /// Why this node takes no part in the colony any more.
    fn ended(&self) -> Option<Refusal> {
        self.ended.get().cloned()
    }

    /// Counts how long work waited that was given out just now for the first time. What waited for parents waited for
    /// something else.
    fn count_waits(&self, reply: &Reply) {
        let Reply::Assigned { processes, .. } = reply else { return };
        let first = processes.iter().filter(|process| process.token == 1 && process.parents.is_empty());
        self.waits
            .add(first.filter_map(|process| Some(process.started_at?.since(process.submitted_at).to_std())));
    }

    /// Whether somebody takes part in the colony, as far as is known here. A node that knows no members yet tells nobody
    /// apart.
    fn has(&self, who: &Identity) -> bool {
        self.desk.may_read(who) || self.consensus.member(who).is_some() || !self.consensus.has_members()
    }

    /// Answers a question from what is applied here; a watch first waits for news. Reading and encoding take time, up
    /// to a page of large rows: they are done on the pool.
    async fn answer(&self, by: &Identity, query: &Query, waited: Duration, runtime: &Runtime) -> Vec<u8> {
        let wait = query.wait().min(WAIT_MAX).to_std().saturating_sub(waited);
        let awaited = match query {
            Query::Watch { process, from, state, .. } => {
                self.desk.await_news(by, process, *from, *state, wait).await
            }
            Query::Channels(ChannelsQuery::Read { process, channel, from, .. }) => {
                self.desk.await_entries(by, process, channel, *from, wait).await
            }
            _ => Ok(()),
        };
        if let Err(refusal) = awaited {
            return encode(&Err(refusal));
        }
        let (desk, by, query) = (Arc::clone(&self.desk), *by, query.clone());
        let answered = runtime.compute(move || {
            let answer = desk.answer(&by, &query);
            encode(&answer.map(Response::Answer))
        });
        answered.await.unwrap_or_else(|busy| encode(&Err(busy.into())))
    }
}

/// Answers requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

/// What all clones share.
#[derive(Debug)]
struct Shared {
    /// This node: requests may name it as their audience.
    node: Identity,
    /// The colonies served, by id.
    colonies: RwLock<BTreeMap<Identity, Colony>>,
    /// Colonies that are about to be served.
    expected: RwLock<BTreeSet<Identity>>,
    /// Time and the processor pool.
    runtime: Runtime,
    /// Requests under way.
    requests: TaskTracker,
    /// Who signed lately.
    signers: Signers<PeerId>,
    /// How often who asked what.
    admission: Admission,
    /// The turns of strangers on the processor pool.
    turns: Semaphore,
}

impl Service {
    /// A service that knows no colony yet.
    #[must_use]
    pub fn new(node: Identity, runtime: Runtime) -> Self {
        let requests = TaskTracker::new();
        Self {
            shared: Arc::new(Shared {
                node,
                colonies: RwLock::default(),
                expected: RwLock::default(),
                runtime,
                requests,
                signers: Signers::default(),
                admission: Admission::default(),
                turns: Semaphore::new(STRANGERS_CHECKED),
            }),
        }
    }

    /// These colonies are about to be served, and no others: who asks for one meanwhile is told to come back, not that the
    /// request is for somebody else.
    pub fn expect(&self, ids: BTreeSet<Identity>) {
        *self.shared.expected.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    /// Serves a colony from now on.
    pub fn serve(&self, id: Identity, colony: Colony) {
        self.shared.colonies.write().unwrap_or_else(PoisonError::into_inner).insert(id, colony);
    }

    /// Serves a colony no more: requests that come from now on are told so.
    pub fn forget(&self, id: &Identity) {
        self.shared.colonies.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Serves no colony any more: requests that come from now on are told so. Completes when all that were under way
    /// are answered.
    pub async fn close(&self) {
        // In this order: whoever finds the colony gone also finds that the node stops.
        self.shared.requests.close();
        self.shared.colonies.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.requests.wait().await;
    }

    /// Carries out one request, which `from` delivered, here or at the member that coordinates.
    pub async fn answer(&self, from: Arc<Caller>, request: Vec<u8>) -> Vec<u8> {
        let _under_way = self.shared.requests.token();
        let arrived = self.shared.runtime.elapsed();
        let turn = if from.is_stranger() { self.shared.turns.acquire().await.ok() } else { None };
        let checked = self.check(move |service| {
            let signers = &service.shared.signers;
            let (by, opened) =
                check::open(request, |signature, digest| signers.recover(from.peer(), signature, digest))?;
            let colony = service.colony(&opened.body().colony)?;
            let Shared { node, runtime, admission, .. } = &*service.shared;
            let checked = check::body(by, opened, node, runtime.now())?;
            admission.admit(&from, &colony, &checked, runtime.elapsed())?;
            Ok((colony, checked))
        });
        let checked = checked.await;
        drop(turn);
        let (colony, checked) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return encode(&Err(refusal)),
        };
        let runtime = &self.shared.runtime;
        if let Ask::Stale(query) = &checked.ask {
            if let Some(refusal) = colony.ended() {
                return encode(&Err(refusal));
            }
            return colony.answer(&checked.item.by, query, Duration::ZERO, runtime).await;
        }
        let errand = Errand { checked, arrived, waited: Duration::ZERO, hops: route::HOPS };
        let outcome = Route::new(&colony, &errand, runtime).follow().await;
        // Who may pass a request on always finds an outcome.
        outcome.unwrap_or_else(|| encode(&Err(Refusal::Unavailable(Text::default()))))
    }

    /// Carries out a request that another member received and passed on.
    pub async fn forwarded(&self, id: Identity, from: Identity, bytes: Vec<u8>) -> Vec<u8> {
        let _under_way = self.shared.requests.token();
        let arrived = self.shared.runtime.elapsed();
        let checked = self.check(move |service| {
            let Forwarded { hops, waited, by, request } = forward::decode(bytes)?;
            let colony = service.colony(&id)?;
            let vouched = colony.consensus.is_voter(&from);
            let (by, opened) = if vouched { check::vouched(request, by)? } else { check::relayed(request)? };
            if opened.body().colony != id {
                return Err(EnvelopeError::WrongColony.into());
            }
            // Signed for any member, or for the one that received it.
            let checked = check::body(by, opened, &from, service.shared.runtime.now())?;
            Ok((colony, Errand { checked, arrived, waited, hops: hops.min(route::HOPS - 1) }))
        });
        let outcome = match checked.await {
            Ok((colony, errand)) => Route::new(&colony, &errand, &self.shared.runtime).follow().await,
            // A node that is stopping, or has no room, is one of many.
            Err(Refusal::Unavailable(_)) => None,
            Err(refusal) => Some(encode(&Err(refusal))),
        };
        forward::encode_answer(outcome)
    }

    /// Looks at a request on the pool: signatures cost.
    async fn check<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.is_open()?;
        let service = self.clone();
        self.shared.runtime.compute(move || look(&service)).await?
    }

    /// A node that has stopped says so before it does any work.
    fn is_open(&self) -> Result<(), Refusal> {
        if self.shared.requests.is_closed() {
            return Err(Refusal::Unavailable(Text::cut("the node is not serving")));
        }
        Ok(())
    }

    fn colony(&self, id: &Identity) -> Result<Colony, Refusal> {
        if let Some(colony) = self.colonies().get(id) {
            return Ok(colony.clone());
        }
        self.is_open()?;
        let expected = self.shared.expected.read().unwrap_or_else(PoisonError::into_inner);
        if expected.contains(id) {
            return Err(Refusal::Unavailable(Text::cut("the node is starting")));
        }
        Err(EnvelopeError::WrongColony.into())
    }

    fn colonies(&self) -> RwLockReadGuard<'_, BTreeMap<Identity, Colony>> {
        self.shared.colonies.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Service {
    fn handle(&self, from: Arc<Caller>, request: Vec<u8>) -> Handling {
        let service = self.clone();
        Box::pin(async move { service.answer(from, request).await })
    }

    fn is_member(&self, who: &Identity) -> bool {
        let starting = !self.shared.expected.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        starting || self.colonies().values().any(|colony| colony.has(who))
    }

    fn overloaded(&self) -> Vec<u8> {
        encode(&Err(Refusal::Busy(Text::cut("the node has no room for more requests"))))
    }
}

impl From<Busy> for Refusal {
    fn from(busy: Busy) -> Self {
        Self::Busy(Text::cut(&busy.to_string()))
    }
}

/// Encodes an outcome; one that is too large for a frame is replaced by a refusal that says so.
fn encode(outcome: &Outcome) -> Vec<u8> {
    match rpc::encode_outcome(outcome) {
        Ok(bytes) if bytes.len() <= rpc::OUTCOME_MAX => bytes,
        Ok(_) => {
            encode_refusal(&Refusal::invalid("limit", "the answer is too large for one frame; ask for less"))
        }
        Err(error) => encode_refusal(&Refusal::Malformed(Text::cut(&error.to_string()))),
    }
}

fn encode_refusal(refusal: &Refusal) -> Vec<u8> {
    // A refusal is bounded text: it always encodes.
    rpc::encode_outcome(&Err(refusal.clone())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
