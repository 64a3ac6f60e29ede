//! What is answered to requests by somebody who keeps no colony's state.

use std::future::ready;

use colony_protocol::{bounded::Text, refusal::Refusal, rpc};

use crate::net::{Handler, Handling, PeerId};

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
    fn handle(&self, _from: PeerId, _request: Vec<u8>) -> Handling {
        Box::pin(ready(Self::refusal()))
    }

    fn overloaded(&self) -> Vec<u8> {
        Self::refusal()
    }
}
