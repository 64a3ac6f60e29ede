//! From an entry of the log to calls of the core.
//!
//! What stands in the log was verified by the member that proposed it; here it is only decoded. An item that does not
//! decode is answered as malformed and skipped, on every replica alike: the log goes on.

use colony_protocol::{
    bounded::Text,
    colony::{Call, Colony, Outbox},
    command::Command,
    entry::{Batch, Item},
    envelope::{EnvelopeError, Signed},
    identity::Identity,
    refusal::Refusal,
    time::Timestamp,
};

use crate::Outcomes;

/// A batch, decoded before the colony is locked: decoding takes longer than applying.
pub(crate) struct Decoded {
    at: Timestamp,
    heard: Vec<Identity>,
    calls: Vec<Result<Call, Refusal>>,
}

impl Decoded {
    /// Decodes the items of a batch that was proposed in `term`.
    pub(crate) fn new(colony: &Identity, term: u64, batch: Batch) -> Self {
        let calls = batch.items.iter().map(|item| call(colony, term, item)).collect();
        Self { at: batch.at, heard: batch.heard, calls }
    }

    /// Applies the batch: time first, then the requests in their order.
    pub(crate) fn apply(self, colony: &mut Colony, out: &mut Outbox) -> Outcomes {
        colony.begin(self.at, &self.heard, out);
        Outcomes(self.calls.into_iter().map(|call| colony.apply(&call?, out)).collect())
    }
}

fn call(colony: &Identity, term: u64, item: &Item) -> Result<Call, Refusal> {
    let body = Signed::from_bytes(&item.signed)?.body_from_log()?;
    if body.colony != *colony {
        return Err(EnvelopeError::WrongColony.into());
    }
    let command =
        Command::decode(&body.payload).map_err(|error| Refusal::Malformed(Text::cut(&error.to_string())))?;
    if command.kind() != body.kind.as_str() {
        return Err(EnvelopeError::Kind.into());
    }
    Ok(Call { by: item.by, term, request: body.request, expires: body.expires, command })
}
