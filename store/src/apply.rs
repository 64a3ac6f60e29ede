//! From an entry of the log to calls of the core.
//!
//! What stands in the log was verified by the member that proposed it; here it is only decoded,
//! unless that member is this one, which has done so to verify it. An item that does not decode is answered as malformed and skipped, on every replica alike: the log goes on.

use colony_protocol::{
    colony::{Call, Colony, Outbox},
    entry::{Batch, Item},
    identity::Identity,
    refusal::Refusal,
    request::Contents,
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
    let Contents { request, expires, command, .. } = item.signed.contents(colony)?;
    Ok(Call { by: item.by, term, request, expires, command })
}
