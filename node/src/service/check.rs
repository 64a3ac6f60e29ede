//! The checks between the bytes of a stranger and a request that is acted upon, in the order in which they cost.

use std::sync::Arc;

use colony_protocol::{
    command::Command,
    entry::Item,
    envelope::{EnvelopeError, RequestId},
    identity::{Digest, Identity, IdentityError, Signature},
    query::{self, Query},
    refusal::Refusal,
    request::{Opened, Request},
    rpc::REQUEST_MAX,
    time::Timestamp,
};

/// A request that may be acted upon.
#[derive(Debug)]
pub(super) struct Checked {
    /// Who asks, and the bytes as they came.
    pub(super) item: Item,
    /// The idempotency key.
    pub(super) request: RequestId,
    /// When it stops being valid.
    pub(super) expires: Timestamp,
    /// What is asked.
    pub(super) ask: Ask,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// A change.
    Command(Arc<Command>),
    /// A question that the coordinator answers.
    Query(Query),
    /// A question that this node answers as it knows.
    Stale(Query),
}

/// Checks size and signature: who asks, and the body that was signed. `recover` says who made a signature.
pub(super) fn open(
    request: Vec<u8>,
    recover: impl FnOnce(&Signature, &Digest) -> Result<Identity, IdentityError>,
) -> Result<(Identity, Opened), Refusal> {
    if request.len() > REQUEST_MAX {
        return Err(EnvelopeError::TooLarge.into());
    }
    Ok(Opened::verify_by(request, recover)?)
}

/// Checks a request that a member passed on whose word is not taken, except for a body that it made of a foreign text.
pub(super) fn relayed(request: Vec<u8>) -> Result<(Identity, Opened), Refusal> {
    if request.len() > REQUEST_MAX {
        return Err(EnvelopeError::TooLarge.into());
    }
    Ok(Opened::verify_relayed(request)?)
}

/// Reads a request that another voter has checked, and says who signed it by that voter's word. Voters trust each
/// other: what one of them proposes the others apply without another look at its signatures, so a lie told here could
/// as well be told there. It saves the coordinator, which is what bounds the colony, a signature's work per request.
pub(super) fn vouched(request: Vec<u8>, by: Identity) -> Result<(Identity, Opened), Refusal> {
    Ok((by, Opened::vouched(request)?))
}

/// Checks for whom and until when it was signed, and that the payload is of the kind that was signed.
pub(super) fn body(
    by: Identity,
    opened: Opened,
    node: &Identity,
    now: Timestamp,
) -> Result<Checked, Refusal> {
    let body = opened.body();
    body.check(&body.colony, node, now)?;
    let (request, expires) = (body.request, body.expires);
    let (signed, ask) = decode(opened)?;
    // Anybody can make up a ticket; here, on the pool, that costs nobody else anything.
    if let Ask::Command(command) = &ask
        && let Command::Join { ticket, .. } = &**command
    {
        ticket.verify()?;
    }
    Ok(Checked { item: Item { by, signed: Arc::new(signed) }, request, expires, ask })
}

fn decode(opened: Opened) -> Result<(Request, Ask), EnvelopeError> {
    let body = opened.body();
    let ask = match body.kind.as_str() {
        query::KIND => Ask::Query(Query::decode(&body.payload)?),
        query::STALE_KIND => Ask::Stale(Query::decode(&body.payload)?),
        _ => {
            let (request, command) = opened.read()?;
            return Ok((request, Ask::Command(command)));
        }
    };
    Ok((opened.seal()?, ask))
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::{Bytes, List, Text},
        envelope::{Body, LIFETIME_MAX, SIGNED_MAX, Signed},
        identity::SecretKey,
        time::Span,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn colony() -> Identity {
        SecretKey::derive(b"owner").identity()
    }

    fn node() -> Identity {
        SecretKey::derive(b"node").identity()
    }

    fn a_body() -> Body {
        Body {
            colony: colony(),
            kind: Text::cut("pause"),
            audience: colony(),
            request: RequestId::from_bytes([1; 16]),
            issued: NOW,
            expires: NOW.after(Span::from_secs(10)),
            grants: List::default(),
            payload: Bytes::new(Command::Pause.encode().unwrap()).unwrap(),
        }
    }

    fn check(body: &Body) -> Result<Checked, Refusal> {
        let request = Signed::sign(body, &SecretKey::derive(b"member")).unwrap().to_bytes().unwrap();
        let (by, opened) = open(request, Signature::recover)?;
        super::body(by, opened, &node(), NOW)
    }

    #[test]
    fn a_good_request_says_who_asked_what() {
        let checked = check(&a_body()).unwrap();
        assert_eq!(checked.item.by, SecretKey::derive(b"member").identity());
        assert!(matches!(checked.ask, Ask::Command(command) if *command == Command::Pause));
    }

    #[test]
    fn a_payload_of_another_kind_than_signed_is_refused() {
        let body = Body { kind: Text::cut("resume"), ..a_body() };
        assert!(matches!(check(&body), Err(Refusal::Envelope(_))));
        // A command never passes for a question either.
        let body = Body { kind: Text::cut("query"), ..a_body() };
        assert!(matches!(check(&body), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn the_audience_is_the_colony_or_this_node() {
        check(&Body { audience: node(), ..a_body() }).unwrap();
        let other = SecretKey::derive(b"other").identity();
        assert!(matches!(check(&Body { audience: other, ..a_body() }), Err(Refusal::Envelope(_))));
    }

    #[test]
    fn time_is_checked_on_both_sides() {
        let old = Body {
            issued: NOW.before(Span::from_secs(100)),
            expires: NOW.before(Span::from_secs(1)),
            ..a_body()
        };
        assert!(matches!(check(&old), Err(Refusal::Clock { now: NOW, .. })));
        let early = NOW.after(Span::from_secs(3_600));
        let early = Body { issued: early, expires: early.after(Span::from_secs(1)), ..a_body() };
        assert!(matches!(check(&early), Err(Refusal::Clock { now: NOW, .. })));
        let long = Body { expires: NOW.after(LIFETIME_MAX).after(Span::from_secs(1)), ..a_body() };
        assert!(matches!(check(&long), Err(Refusal::Envelope(_))));
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        assert!(open(Vec::new(), Signature::recover).is_err());
        assert!(open(vec![0xff; 200], Signature::recover).is_err());
        assert!(open(vec![0; SIGNED_MAX + 1], Signature::recover).is_err());
    }
}
