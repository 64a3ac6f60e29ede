//! A request on its way from the member that received it to the coordinator, as bytes between two members.
//!
//! In front of the request stands how often it may still be passed on, how long it has waited, and who signed it, as
//! the sender found out. The answer is the outcome, or that the receiver does not coordinate.

use std::time::Duration;

use colony_protocol::{bounded::Text, envelope::EnvelopeError, identity::Identity, refusal::Refusal};

/// The first byte, so that the form may change.
const VERSION: u8 = 1;
/// Version, hops, time waited, signer.
const HEADER: usize = 1 + 1 + 4 + 32;
/// The answer carries the outcome.
const OUTCOME: u8 = 0;
/// The answer is that somebody else coordinates.
const NOT_HERE: u8 = 1;

/// A request passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// How often the receiver may pass it on.
    pub(super) hops: u8,
    /// How long it has waited before.
    pub(super) waited: Duration,
    /// Who signed it, by the sender's word.
    pub(super) by: Identity,
    /// The signed request.
    pub(super) request: Vec<u8>,
}

/// Bytes of a request to be passed on.
pub(super) fn encode(hops: u8, waited: Duration, by: &Identity, request: &[u8]) -> Vec<u8> {
    let millis = u32::try_from(waited.as_millis()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER.saturating_add(request.len()));
    bytes.push(VERSION);
    bytes.push(hops);
    bytes.extend_from_slice(&millis.to_le_bytes());
    bytes.extend_from_slice(by.as_bytes());
    bytes.extend_from_slice(request);
    bytes
}

/// Reads them.
pub(super) fn decode(mut bytes: Vec<u8>) -> Result<Forwarded, Refusal> {
    let malformed = || Refusal::Malformed(Text::cut("this is no forwarded request"));
    let header = bytes.first_chunk::<HEADER>().ok_or_else(malformed)?;
    let [VERSION, hops, a, b, c, d, by @ ..] = *header else { return Err(malformed()) };
    let waited = Duration::from_millis(u32::from_le_bytes([a, b, c, d]).into());
    let request = bytes.split_off(HEADER);
    if request.len() > colony_protocol::rpc::REQUEST_MAX {
        return Err(EnvelopeError::TooLarge.into());
    }
    Ok(Forwarded { hops, waited, by: Identity::from_bytes(by), request })
}

/// Bytes of an answer; `None` says that somebody else coordinates.
pub(super) fn encode_answer(outcome: Option<Vec<u8>>) -> Vec<u8> {
    match outcome {
        Some(mut outcome) => {
            outcome.insert(0, OUTCOME);
            outcome
        }
        None => vec![NOT_HERE],
    }
}

/// The outcome in an answer, if there is one.
pub(super) fn decode_answer(mut answer: Vec<u8>) -> Option<Vec<u8>> {
    if answer.first() != Some(&OUTCOME) {
        return None;
    }
    answer.remove(0);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        let by = Identity::from_bytes([7; 32]);
        let bytes = encode(1, Duration::from_millis(70_000), &by, b"request");
        let sent = Forwarded { hops: 1, waited: Duration::from_secs(70), by, request: b"request".to_vec() };
        assert_eq!(decode(bytes), Ok(sent));
    }

    #[test]
    fn bytes_that_are_no_forwarded_request_are_refused() {
        assert!(decode(Vec::new()).is_err());
        assert!(decode(vec![VERSION; HEADER - 1]).is_err());
        assert!(decode(vec![9; HEADER]).is_err());
        assert!(decode(vec![VERSION; HEADER + colony_protocol::rpc::REQUEST_MAX + 1]).is_err());
    }

    #[test]
    fn an_answer_is_an_outcome_or_nothing() {
        assert_eq!(decode_answer(encode_answer(Some(vec![1, 2]))), Some(vec![1, 2]));
        assert_eq!(decode_answer(encode_answer(None)), None);
        assert_eq!(decode_answer(Vec::new()), None);
    }
}
