//! A client within the node's own process: no socket, the same bytes.

use std::{fmt, sync::Arc, time::Duration};

use super::{Answering, Transport, TransportError};
use crate::{
    net::{Caller, Handler, PeerId},
    runtime::Runtime,
};

/// Calls a [`Handler`] directly.
#[derive(Clone)]
pub struct Local {
    handler: Arc<dyn Handler>,
    from: Arc<Caller>,
    runtime: Runtime,
}

impl Local {
    /// A transport to `handler`; its requests seem to come from the peer `from`.
    #[must_use]
    pub fn new(handler: Arc<dyn Handler>, from: PeerId, runtime: Runtime) -> Self {
        Self { handler, from: Caller::insider(from), runtime }
    }
}

impl Transport for Local {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let handling = self.handler.handle(Arc::clone(&self.from), request);
        let runtime = self.runtime.clone();
        Box::pin(
            async move { runtime.timeout(timeout, handling).await.ok_or(TransportError::TimedOut(timeout)) },
        )
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("from", &self.from.peer()).finish_non_exhaustive()
    }
}
