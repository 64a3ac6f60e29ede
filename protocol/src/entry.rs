//! What one entry of the replicated log holds: a batch of verified requests and the moment they are applied at.
//!
//! The original signed bytes stand in the entry, so history can be verified offline by anybody who has the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{identity::Identity, request::Request, time::Timestamp};

/// Most requests folded into one entry. Measured with the batcher: more brings nothing, and the apply of one entry
/// must stay short.
pub const ITEMS_MAX: usize = 1024;

/// One entry's payload. An empty batch lets time pass, so that deadlines fire.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The moment, by the coordinator's clock, never before the last entry's moment.
    pub at: Timestamp,
    /// Executors the coordinator heard since the last entry without a command of theirs entering the log: their leases
    /// are renewed as of `at`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Identity>,
    /// The requests, in the order they are applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

/// A verified request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Who signed it, as the proposing member found out.
    pub by: Identity,
    /// The bytes of a [`crate::envelope::Signed`], as they were received.
    pub signed: Arc<Request>,
}
