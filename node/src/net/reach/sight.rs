//! What is known about how this node reaches others and is reached by them: facts, no decisions.
//!
//! The swarm's task keeps it, and whoever decides looks at it: at the state of things, not at events, so that nothing is
//! missed by looking late. Times are those of [`crate::runtime::Runtime::elapsed`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Where this node listens itself.
    pub own: BTreeSet<Multiaddr>,
    /// The relays that were asked for a place, and how that stands.
    pub relays: BTreeMap<PeerId, Standing>,
    /// Connected peers that have said what they speak: whether they relay.
    pub offers: BTreeMap<PeerId, bool>,
    /// Peers that are connected through a relay.
    pub relayed: BTreeMap<PeerId, Relayed>,
    /// Peers with a connection over QUIC from the port this node listens at: they see where a hole can be punched to.
    pub quic: BTreeSet<PeerId>,
    /// Own addresses that others have reached, or that somebody vouches for.
    pub confirmed: BTreeSet<Multiaddr>,
    /// Own addresses that others have tried in vain.
    pub refuted: BTreeSet<Multiaddr>,
    /// How others see this node, and who does.
    pub observed: BTreeMap<Multiaddr, BTreeSet<PeerId>>,
    /// What is known of the address translator before this node.
    pub nat: NatKind,
    /// How often a hole was to be punched.
    pub punches: Punches,
}

/// How often a hole was to be punched, and was. Never succeeding is a fault that nothing else shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Punches {
    /// Attempts that have ended.
    pub tried: u32,
    /// Those that made a direct connection.
    pub made: u32,
}

/// How a place at a relay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It was asked for, at this time. `held` if there was one already, which is being asserted.
    Asking {
        /// When.
        since: Duration,
        /// What is held meanwhile.
        held: Option<Held>,
    },
    /// The relay keeps a place.
    Held(Held),
    /// There is none.
    Lost {
        /// When that was learned.
        at: Duration,
        /// Why.
        why: String,
    },
}

/// A place at a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Since when, without interruption.
    pub since: Duration,
    /// When the relay last said so.
    pub asserted: Duration,
    /// Where this node is reached through it.
    pub addresses: Vec<Multiaddr>,
}

/// A peer that is connected through a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// Since when.
    pub since: Duration,
    /// The connections through relays.
    pub connections: BTreeSet<ConnectionId>,
    /// Where it says it can be dialled from everywhere.
    pub addresses: Vec<Multiaddr>,
    /// Since when there is a connection without a relay too.
    pub direct: Option<Duration>,
}

impl Standing {
    /// The place that is held, also while it is being asserted.
    #[must_use]
    pub const fn held(&self) -> Option<&Held> {
        match self {
            Self::Held(held) | Self::Asking { held: Some(held), .. } => Some(held),
            Self::Asking { held: None, .. } | Self::Lost { .. } => None,
        }
    }
}

/// What the address translator before this node does, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NatKind {
    /// Nothing is known.
    #[default]
    Unknown,
    /// There is none: others see this node at an address of its own.
    None,
    /// All others see the same address and port: a hole can be punched.
    Cone,
    /// Each other sees another port: a hole is punched only towards nodes without such a translator.
    Symmetric,
}

impl NatKind {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Cone => "cone",
            Self::Symmetric => "symmetric",
        }
    }
}

/// A place at a relay, as others are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The relay.
    pub relay: PeerId,
    /// Where this node is reached through it.
    pub addresses: Vec<Multiaddr>,
    /// Since when.
    pub since: Duration,
    /// When the relay last said so.
    pub asserted: Duration,
}

/// How this node is reached, in short.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Whether everybody can dial it. `None` while nobody has tried.
    pub public: Option<bool>,
    /// How others see it.
    pub observed: Vec<Multiaddr>,
    /// Its places at relays.
    pub reservations: Vec<Reservation>,
    /// The address translator before it.
    pub nat: NatKind,
    /// How often it tried to punch a hole.
    pub punches: Punches,
}

impl Sight {
    /// Whether everybody can dial this node. `None` while nobody has tried.
    #[must_use]
    pub fn public(&self) -> Option<bool> {
        if !self.confirmed.is_empty() {
            Some(true)
        } else if self.refuted.is_empty() {
            None
        } else {
            Some(false)
        }
    }

    /// The same in short.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let reservations = self.relays.iter().filter_map(|(relay, standing)| {
            let Held { since, asserted, addresses } = standing.held()?.clone();
            Some(Reservation { relay: *relay, addresses, since, asserted })
        });
        Reach {
            public: self.public(),
            observed: self.observed.keys().cloned().collect(),
            reservations: reservations.collect(),
            nat: self.nat,
            punches: self.punches,
        }
    }
}
