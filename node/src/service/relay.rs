//! Requests that came in another form than the native one, through a door of this node.
//!
//! The door has found out who asks and what. Here it becomes an errand like any other: a command with the foreign text
//! beside it, in a body that this node made; or a question, which only members of the quorum, who believe each other, pass
//! on without a signature. A node that is no voter asks in its own name, after it has looked whether the caller may.

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::Command,
    entry::Item,
    envelope::{Body, EnvelopeError, Foreign, LIFETIME_MAX, RequestId, Signed},
    identity::{Digest, Identity, SIGNATURE_LEN, SecretKey, Signature},
    query::{self, Query},
    refusal::Refusal,
    reply::Outcome,
    request::Request,
    rpc,
};

use super::{
    Colony, Errand, Route, Service,
    check::{Ask, Checked},
    route,
};

/// What a client signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// Who signed it.
    pub(crate) by: Identity,
    /// The text.
    pub(crate) text: &'a str,
    /// Its hash.
    pub(crate) digest: Digest,
    /// The signature.
    pub(crate) signature: Signature,
}

/// A request that is ready to go.
#[derive(Debug)]
pub(crate) struct Relayed {
    colony: Colony,
    checked: Checked,
}

impl Service {
    /// The colonies that are served.
    pub(crate) fn served(&self) -> Vec<Colony> {
        self.colonies().values().cloned().collect()
    }

    /// Makes a command ready to go. Counts it for its signer.
    pub(crate) fn relay(
        &self,
        colony: &Colony,
        command: Command,
        evidence: Evidence<'_>,
    ) -> Result<Relayed, Refusal> {
        let Evidence { by, text, digest, signature } = evidence;
        let body = self.body(colony, command.kind(), command.encode().map_err(EnvelopeError::from)?)?;
        let (signed, command) = Request::relay(&body, command, (text, digest), signature)?;
        self.ready(colony, &body, by, signed, Ask::Command(command))
    }

    /// Makes a question ready to go. Counts it for its signer.
    pub(crate) fn relay_query(
        &self,
        colony: &Colony,
        by: Identity,
        query: Query,
        key: &SecretKey,
    ) -> Result<Relayed, Refusal> {
        let body = self.body(colony, query::KIND, query.encode().map_err(EnvelopeError::from)?)?;
        let votes = colony.consensus.is_voter(&colony.node);
        let signed = if votes {
            // Believed by the other voters, as everything is that this node says.
            Signed::relay(&body, Foreign::Digest(Bytes::default()), Signature([0; SIGNATURE_LEN]))?
        } else {
            if !matches!(query, Query::Status) {
                colony.desk.may_ask(&by, &query)?;
            }
            Signed::sign(&body, key)?
        };
        let by = if votes { by } else { key.identity() };
        let bytes = Bytes::new(signed.to_bytes()?).map_err(|_| EnvelopeError::TooLarge)?;
        self.ready(colony, &body, by, Request::new(bytes), Ask::Query(query))
    }

    /// Carries a request out, here or at the member that coordinates.
    pub(crate) async fn follow(&self, relayed: Relayed) -> Outcome {
        let _under_way = self.shared.requests.token();
        let Relayed { colony, checked } = relayed;
        let arrived = self.shared.runtime.elapsed();
        let errand = Errand { checked, arrived, waited: Duration::ZERO, hops: route::HOPS };
        let outcome = Route::new(&colony, &errand, &self.shared.runtime).follow().await;
        let bytes = outcome.ok_or_else(|| Refusal::Unavailable(Text::default()))?;
        rpc::decode_outcome(&bytes).map_err(|error| Refusal::Malformed(Text::cut(&error.to_string())))?
    }

    fn body(&self, colony: &Colony, kind: &str, payload: Vec<u8>) -> Result<Body, Refusal> {
        self.is_open()?;
        let issued = self.shared.runtime.now();
        let id = colony.desk.id()?;
        Ok(Body {
            colony: id,
            kind: Text::cut(kind),
            audience: id,
            // Made once for each request that came in: a coordinator that is asked twice on the way does it once.
            request: RequestId::from_bytes(self.shared.runtime.random()),
            issued,
            expires: issued.after(LIFETIME_MAX),
            grants: List::default(),
            payload: Bytes::new(payload).map_err(|_| EnvelopeError::TooLarge)?,
        })
    }

    fn ready(
        &self,
        colony: &Colony,
        body: &Body,
        by: Identity,
        signed: Request,
        ask: Ask,
    ) -> Result<Relayed, Refusal> {
        let checked = Checked {
            item: Item { by, signed: Arc::new(signed) },
            request: body.request,
            expires: body.expires,
            ask,
        };
        self.shared.admission.admit_signer(&checked, self.shared.runtime.elapsed())?;
        Ok(Relayed { colony: colony.clone(), checked })
    }
}
