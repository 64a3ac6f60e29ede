//! What the room is asked, and what it answers.

use std::time::Duration;

use colony_protocol::identity::Identity;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use super::judge::Verdict;

/// Peers, and where they are.
pub(super) type Known = Vec<(PeerId, Vec<Multiaddr>)>;

/// What the room is asked to do.
#[derive(Debug)]
pub(in crate::net) enum Order {
    /// Meet these; who speaks our protocol enters the table.
    Meet(Vec<Multiaddr>),
    /// Answer the questions of others, or only ask.
    Serve(bool),
    /// Tell the network that this node serves a colony.
    Provide(Identity),
    /// Tell it no more.
    Withdraw(Identity),
    /// Give a charter to those whose place it is to keep it. The answer says how many did.
    Publish { colony: Identity, charter: Vec<u8>, stored: oneshot::Sender<usize> },
    /// Find a colony.
    Find { colony: Identity, findings: mpsc::Sender<Finding> },
    /// Look around: who is near in the key space, and who is new.
    Refresh,
    /// What others wanted kept was looked at.
    Judged(Box<Verdict>),
    /// Who is in the table.
    Table(oneshot::Sender<Known>),
    /// How well all this works.
    Health(oneshot::Sender<DhtHealth>),
}

/// Something that the network told about a colony. Nothing of it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Bytes that claim to be its charter.
    Charter(Vec<u8>),
    /// Somebody who says it serves the colony, and where it is.
    Server(PeerId, Vec<Multiaddr>),
}

/// Whether a node answers in the table or only asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DhtMode {
    /// It asks: others may not reach it, or nobody knows yet.
    #[default]
    Client,
    /// It answers too.
    Server,
}

impl DhtMode {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// How well a node finds others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DhtHealth {
    /// Whether it answers or only asks.
    pub mode: DhtMode,
    /// Peers it would ask.
    pub peers_in_table: usize,
    /// In how many distances from itself it knows anybody.
    pub buckets: usize,
    /// The last query that ended.
    pub last_query: Option<LastQuery>,
    /// Colonies that it tells others it serves.
    pub providers_published: usize,
    /// Charters it keeps for the network.
    pub charters_kept: usize,
    /// What peers offered that was not taken: forged, too old, too much, or of no use here.
    pub refused: u64,
}

/// A query that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastQuery {
    /// What for.
    pub what: &'static str,
    /// Whether it brought anything.
    pub succeeded: bool,
    /// How long it took.
    pub took: Duration,
    /// When it ended, by [`crate::runtime::Runtime::elapsed`].
    pub ended: Duration,
}
