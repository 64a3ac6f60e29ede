//! What is answered to requests by somebody who keeps no colony's state.

use std::{future::ready, sync::Arc};

use colony_protocol::{bounded::Text, identity::Identity, refusal::Refusal, rpc};

use crate::net::{Caller, Handler, Handling};

/// Refuses everything, in a way that sends askers elsewhere.
#[derive(Debug)]
pub(super) struct Deaf;

impl Deaf {
    fn refusal() -> Vec<u8> {
        let refusal = Refusal::Unavailable(Text::cut("this member keeps no colony's state; ask a node"));
        // A refusal is bounded text: it always encodes.
        rpc::encode_outcome(&Err(refusal)).unwrap_or_default()
    }
}

impl Handler for Deaf {
    fn handle(&self, _from: Arc<Caller>, _request: Vec<u8>) -> Handling {
        Box::pin(ready(Self::refusal()))
    }

    /// Whom it is connected with it chose itself: it keeps no state that would tell.
    fn is_member(&self, _who: &Identity) -> bool {
        true
    }

    fn overloaded(&self) -> Vec<u8> {
        Self::refusal()
    }
}
