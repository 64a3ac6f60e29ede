//! One entry in the making: what the coordinator puts into it, and whom to answer when it is applied.

use colony_protocol::entry::{Batch, ITEMS_MAX, Item};

use super::{
    inbox::{Caller, Order},
    waiters::{Ticket, Waiter},
};

/// Most bytes of requests in one entry. An entry is one write and one message: at 4 MiB it takes a slow disk or a home
/// uplink tens of milliseconds, during which nothing else is decided.
const ENTRY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One entry in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What enters the log.
    pub(super) batch: Batch,
    /// Whom to answer, in the order of the items.
    pub(super) parties: Vec<Party>,
    /// Bytes of the items.
    bytes: usize,
}

/// Somebody with an item in an entry.
#[derive(Debug)]
pub(super) enum Party {
    /// A caller that gets whatever comes out.
    Caller(Caller),
    /// An executor that waits on if nothing comes out.
    Hunter(Box<Hunter>),
}

/// An executor for which work was found, until the entry says that it got it.
#[derive(Debug)]
pub(super) struct Hunter {
    /// The executor.
    pub(super) waiter: Waiter,
    /// Its place among the parked, if it was parked.
    pub(super) ticket: Option<Ticket>,
    /// The processes found, promised to nobody else meanwhile.
    pub(super) reserved: Vec<u64>,
}

impl Draft {
    /// How many more bytes fit; nothing fits a full entry.
    pub(super) fn room(&self) -> usize {
        if self.batch.items.len() >= ITEMS_MAX { 0 } else { ENTRY_BYTES_MAX.saturating_sub(self.bytes) }
    }

    /// Adds a command.
    pub(super) fn add(&mut self, order: Order) {
        self.push(order.item, Party::Caller(order.caller));
    }

    /// Adds an executor's ask. The executor keeps a copy, to be parked again if it comes back with nothing.
    pub(super) fn add_hunter(&mut self, hunter: Hunter) {
        let item = hunter.waiter.order.item.clone();
        self.push(item, Party::Hunter(Box::new(hunter)));
    }

    /// True if no command is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.items.is_empty()
    }

    fn push(&mut self, item: Item, party: Party) {
        self.bytes = self.bytes.saturating_add(item.signed.bytes().len());
        self.batch.items.push(item);
        self.parties.push(party);
    }
}
