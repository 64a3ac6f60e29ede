//! From a frame to its answer, for both protocols: admits requests within their limits and calls the [`Handler`].
//!
//! A stranger's request has to find room among those of all strangers too, until a member is known to stand behind it.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use colony_protocol::rpc::OUTCOME_MAX;
use tokio_util::sync::CancellationToken;

use super::{
    Handler, Handling,
    bounds::{Caller, Class, Standings, gcra::Cell, rates::Rates},
    budget::{Budget, Charge},
    limits::NetLimits,
    quota::{Quota, Ticket},
};
use crate::runtime::Runtime;

/// The share of the memory for requests that those on substreams of their own have: nothing tells there, while a request
/// is read, whose it is.
const SUBSTREAMS: usize = 2;

/// What the swarm and every stream share.
pub(super) struct Service {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) runtime: Runtime,
    pub(super) limits: NetLimits,
    /// Memory of request bytes on streams.
    pub(super) budget: Arc<Budget>,
    /// Memory of request bytes on substreams of their own.
    pub(super) single: Arc<Budget>,
    /// Memory of strangers' request bytes on streams.
    pub(super) small: Arc<Budget>,
    /// Who is connected.
    pub(super) standings: Arc<Standings>,
    /// How often peers did what.
    pub(super) rates: Rates<libp2p::PeerId>,
    /// Long-lived streams.
    pub(super) streams: Arc<Quota>,
    /// Requests under way.
    pub(super) requests: Arc<Quota>,
    /// Requests under way of strangers.
    strangers: Arc<Quota>,
    /// How often strangers asked.
    asked: Mutex<Cell>,
    /// Set when no more requests are accepted.
    pub(super) closing: CancellationToken,
}

impl Service {
    pub(super) fn new(handler: Arc<dyn Handler>, limits: NetLimits, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            budget: Budget::new(limits.request_bytes - limits.request_bytes / SUBSTREAMS),
            single: Budget::new(limits.request_bytes / SUBSTREAMS),
            small: Budget::new(limits.bytes_of_strangers),
            standings: Arc::default(),
            rates: Rates::default(),
            streams: Quota::new(limits.streams_per_peer, limits.streams),
            requests: Quota::new(limits.requests_per_peer, limits.requests),
            strangers: Quota::new(limits.requests_per_stranger, limits.requests_of_strangers),
            asked: Mutex::default(),
            closing: CancellationToken::new(),
            handler,
            runtime,
            limits,
        })
    }

    /// Accepts a request, or gives the answer that there is no room for it.
    pub(super) fn accept(
        self: &Arc<Self>,
        from: &Arc<Caller>,
        bytes: Option<Vec<u8>>,
        charge: Charge,
    ) -> Result<impl Future<Output = Vec<u8>> + Send + use<>, Vec<u8>> {
        let admitted = bytes.zip(self.admit(from)).filter(|_| !self.closing.is_cancelled());
        let Some((bytes, (ticket, strange))) = admitted else {
            return Err(self.handler.overloaded());
        };
        let (service, from) = (Arc::clone(self), Arc::clone(from));
        Ok(async move {
            let handling = service.handler.handle(Arc::clone(&from), bytes);
            let outcome = attend(handling, &from, strange).await;
            drop((charge, ticket));
            if outcome.len() > OUTCOME_MAX {
                tracing::error!(bytes = outcome.len(), "an outcome is too large to send");
                return service.handler.overloaded();
            }
            outcome
        })
    }

    /// A place among all requests, and for a stranger one among those of strangers.
    fn admit(&self, from: &Caller) -> Option<(Ticket, Option<Ticket>)> {
        let strange = if from.is_stranger() {
            let ticket = self.strangers.admit(from.peer())?;
            // Nothing that can panic runs under this lock.
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.take(self.runtime.elapsed(), self.limits.rate_of_strangers).ok()?;
            Some(ticket)
        } else {
            None
        };
        Some((self.requests.admit(from.peer())?, strange))
    }

    /// A place among the streams of a peer.
    pub(super) fn admit_stream(&self, from: &Caller) -> Option<Ticket> {
        self.rates.take(from.peer(), Class::Stream, self.runtime.elapsed()).ok()?;
        self.streams.admit(from.peer())
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.streams.held() == 0 && self.requests.held() == 0
    }
}

/// Waits for an outcome, and gives up the place among strangers when a member turns out to stand behind the request: it may
/// be one that waits for minutes.
async fn attend(handling: Handling, from: &Caller, strange: Option<Ticket>) -> Vec<u8> {
    let mut handling = pin!(handling);
    if let Some(ticket) = strange {
        tokio::select! {
            biased;
            outcome = &mut handling => return outcome,
            () = from.vouched() => drop(ticket),
        }
    }
    handling.await
}
