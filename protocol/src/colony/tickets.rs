//! Used tickets: how often each was used, until it expires and is refused for its age.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    bounded::Text,
    refusal::Refusal,
    ticket::{Ticket, TicketError},
    time::{Span, Timestamp},
};

/// Most used tickets remembered, about 20 MB: one for each member there may be, all joined within the life of a ticket.
const TICKETS_MAX: usize = 100_000;

/// What the row of a used ticket holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UsedTicket {
    #[serde(with = "serde_bytes")]
    pub(super) id: [u8; 16],
    /// How many joined with it.
    pub(super) uses: u32,
    /// The latest end of all tickets signed with this id.
    pub(super) expires: Timestamp,
}

impl UsedTicket {
    /// A ticket still counts at the very moment it expires, so it is forgotten one microsecond later.
    fn forgotten_at(&self) -> Timestamp {
        self.expires.after(Span::from_micros(1))
    }
}

/// Tickets that were used and have not expired.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    used: BTreeMap<[u8; 16], UsedTicket>,
    ends: BTreeSet<(Timestamp, [u8; 16])>,
}

impl Tickets {
    pub(super) fn get(&self, id: &[u8; 16]) -> Option<&UsedTicket> {
        self.used.get(id)
    }

    /// Whether one more may join with this ticket, and whether that could be remembered.
    pub(super) fn check(&self, ticket: &Ticket) -> Result<(), Refusal> {
        let used = self.get(&ticket.id);
        if used.map_or(0, |used| used.uses) >= ticket.uses {
            return Err(TicketError::UsedUp { uses: ticket.uses }.into());
        }
        if used.is_none() && self.used.len() >= TICKETS_MAX {
            return Err(Refusal::Busy(Text::cut(
                "too many tickets are in use; try again when some have expired",
            )));
        }
        Ok(())
    }

    /// Counts one use.
    pub(super) fn count(&mut self, ticket: &Ticket) {
        let (uses, expires) =
            self.get(&ticket.id).map_or((0, ticket.expires), |used| (used.uses, used.expires));
        self.put(UsedTicket {
            id: ticket.id,
            uses: uses.saturating_add(1),
            expires: expires.max(ticket.expires),
        });
    }

    pub(super) fn put(&mut self, used: UsedTicket) {
        self.forget(&used.id);
        self.ends.insert((used.forgotten_at(), used.id));
        self.used.insert(used.id, used);
    }

    pub(super) fn forget(&mut self, id: &[u8; 16]) {
        if let Some(used) = self.used.remove(id) {
            self.ends.remove(&(used.forgotten_at(), *id));
        }
    }

    /// The next moment at which a ticket need not be remembered any more.
    pub(super) fn next_end(&self) -> Option<(Timestamp, [u8; 16])> {
        self.ends.first().copied()
    }
}
