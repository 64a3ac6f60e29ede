//! New keys for those who have one.
//!
//! Who is asked for is always the caller: the old key signs, and from the entry on only the new one counts. What the
//! caller holds and is goes over to it.

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

/// A new key for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ChangeKey {
    /// The calling user's.
    User(Identity),
    /// The calling executor's. Its leases go over to the new key with the same tokens.
    Executor(Identity),
    /// The colony owner's. The colony keeps its id, which the first owner's key gave it.
    Owner(Identity),
    /// Whom `node` takes for its server's owner, in ColonyOS's sense. Whom it took before may say it; at first that is
    /// the node itself.
    Server {
        /// The node.
        node: Identity,
        /// The new owner of its server.
        owner: Identity,
    },
}

impl ChangeKey {
    /// The word for it in an envelope.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "change-user-key",
            Self::Executor(_) => "change-executor-key",
            Self::Owner(_) => "change-owner-key",
            Self::Server { .. } => "change-server-owner",
        }
    }
}
