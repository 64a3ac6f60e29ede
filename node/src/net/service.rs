//! From a frame to its answer, for both protocols: admits requests within their limits and calls the [`Handler`].

use std::{future::Future, sync::Arc};

use colony_protocol::rpc::OUTCOME_MAX;
use libp2p::PeerId;
use tokio_util::sync::CancellationToken;

use super::{
    Handler,
    budget::{Budget, Charge},
    limits::NetLimits,
    quota::Quota,
};
use crate::runtime::Runtime;

/// What the swarm and every stream share.
pub(super) struct Service {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) runtime: Runtime,
    pub(super) limits: NetLimits,
    /// Memory of request bytes.
    pub(super) budget: Arc<Budget>,
    /// Long-lived streams.
    pub(super) streams: Arc<Quota>,
    /// Requests under way.
    pub(super) requests: Arc<Quota>,
    /// Set when no more requests are accepted.
    pub(super) closing: CancellationToken,
}

impl Service {
    pub(super) fn new(handler: Arc<dyn Handler>, limits: NetLimits, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            budget: Budget::new(limits.request_bytes),
            streams: Quota::new(limits.streams_per_peer, limits.streams),
            requests: Quota::new(limits.requests_per_peer, limits.requests),
            closing: CancellationToken::new(),
            handler,
            runtime,
            limits,
        })
    }

    /// Accepts a request, or gives the answer that there is no room for it.
    pub(super) fn accept(
        self: &Arc<Self>,
        from: PeerId,
        bytes: Option<Vec<u8>>,
        charge: Charge,
    ) -> Result<impl Future<Output = Vec<u8>> + Send + use<>, Vec<u8>> {
        let admitted = bytes.zip(self.requests.admit(from)).filter(|_| !self.closing.is_cancelled());
        let Some((bytes, ticket)) = admitted else {
            return Err(self.handler.overloaded());
        };
        let service = Arc::clone(self);
        Ok(async move {
            let outcome = service.handler.handle(from, bytes).await;
            drop((charge, ticket));
            if outcome.len() > OUTCOME_MAX {
                tracing::error!(bytes = outcome.len(), "an outcome is too large to send");
                return service.handler.overloaded();
            }
            outcome
        })
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.streams.held() == 0 && self.requests.held() == 0
    }
}
