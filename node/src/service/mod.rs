//! From the bytes of a request to the bytes of its outcome.
//!
//! The network, the in-process transport and later doors all end here. A request is checked on the processor pool -
//! signature, colony, audience, time, kind - then a question is answered from applied state and a command is put in
//! order by the colony's coordinator. One service may serve several colonies: the signed body says which is meant.
//!
//! What may never happen: a payload looked at before its signature was checked; work on the task that calls; a request
//! without an answer.

mod check;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use colony_protocol::{
    bounded::Text,
    envelope::EnvelopeError,
    identity::Identity,
    query::Query,
    refusal::Refusal,
    reply::{Outcome, Response},
    rpc,
};

use tokio_util::task::TaskTracker;

use crate::{
    coordinator::Coordinator,
    net::{Handler, Handling, PeerId},
    query::Desk,
    runtime::{Busy, Runtime},
};
use check::{Ask, Checked};

/// One colony as the service sees it.
#[derive(Debug, Clone)]
pub struct Colony {
    /// Puts commands in order.
    pub coordinator: Coordinator,
    /// Answers questions.
    pub desk: Arc<Desk>,
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
    /// Time and the processor pool.
    runtime: Runtime,
    /// Requests under way.
    requests: TaskTracker,
}

impl Service {
    /// A service that knows no colony yet.
    #[must_use]
    pub fn new(node: Identity, runtime: Runtime) -> Self {
        let requests = TaskTracker::new();
        Self { shared: Arc::new(Shared { node, colonies: RwLock::default(), runtime, requests }) }
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
        self.shared.colonies.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.requests.close();
        self.shared.requests.wait().await;
    }

    /// Carries out one request.
    pub async fn answer(&self, request: Vec<u8>) -> Vec<u8> {
        let _under_way = self.shared.requests.token();
        match self.check(request).await {
            Err(refusal) => encode(&Err(refusal)),
            Ok((colony, checked)) => self.carry_out(&colony, checked).await,
        }
    }

    async fn check(&self, request: Vec<u8>) -> Result<(Colony, Checked), Refusal> {
        self.is_open()?;
        let service = self.clone();
        self.shared
            .runtime
            .compute(move || {
                let (by, body) = check::open(&request)?;
                let colony = service.colony(&body.colony)?;
                let checked =
                    check::body(request, by, body, &service.shared.node, service.shared.runtime.now())?;
                Ok((colony, checked))
            })
            .await?
    }

    /// A node that has stopped says so before it does any work.
    fn is_open(&self) -> Result<(), Refusal> {
        if self.shared.requests.is_closed() {
            return Err(Refusal::Unavailable(Text::cut("the node is not serving")));
        }
        Ok(())
    }

    fn colony(&self, id: &Identity) -> Result<Colony, Refusal> {
        self.colonies().get(id).cloned().ok_or_else(|| EnvelopeError::WrongColony.into())
    }

    fn colonies(&self) -> RwLockReadGuard<'_, BTreeMap<Identity, Colony>> {
        self.shared.colonies.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry_out(&self, colony: &Colony, checked: Checked) -> Vec<u8> {
        match checked.ask {
            Ask::Command(command) => {
                let Checked { item, request, expires, .. } = checked;
                let outcome = colony.coordinator.carry_out(item, request, expires, &command).await;
                encode(&outcome.map(Response::Reply))
            }
            Ask::Query(query) => self.answer_query(colony, checked.item.by, query).await,
        }
    }

    /// Answers a question. Reading and encoding take time, up to a page of large rows: they are done on the pool.
    async fn answer_query(&self, colony: &Colony, by: Identity, query: Query) -> Vec<u8> {
        if let Query::Watch { process, from, state, wait } = &query
            && let Err(refusal) = colony.desk.await_news(&by, process, *from, *state, *wait).await
        {
            return encode(&Err(refusal));
        }
        let desk = Arc::clone(&colony.desk);
        let answered = self.shared.runtime.compute(move || {
            let answer = desk.answer(&by, &query);
            encode(&answer.map(Response::Answer))
        });
        answered.await.unwrap_or_else(|busy| encode(&Err(busy.into())))
    }
}

impl Handler for Service {
    fn handle(&self, _from: PeerId, request: Vec<u8>) -> Handling {
        let service = self.clone();
        Box::pin(async move { service.answer(request).await })
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
