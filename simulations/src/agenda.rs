//! What happens next. Events of the same moment happen in the order in which they were planned.

use std::{cmp::Ordering, collections::BinaryHeap};

use colony_protocol::time::{Span, Timestamp};

/// Planned events, by time.
#[derive(Debug)]
pub struct Agenda<E> {
    now: Timestamp,
    planned: u64,
    events: BinaryHeap<Planned<E>>,
}

#[derive(Debug)]
struct Planned<E> {
    at: Timestamp,
    number: u64,
    event: E,
}

impl<E> Ord for Planned<E> {
    /// The heap gives the greatest first: the earliest, and of those the first planned.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Planned<E> {}

impl<E> Agenda<E> {
    /// Nothing planned; the clock shows `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self { now: start, planned: 0, events: BinaryHeap::new() }
    }

    /// The moment of the last event taken.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Plans an event.
    pub fn after(&mut self, span: Span, event: E) {
        self.at(self.now.after(span), event);
    }

    /// Plans an event; what should have happened in the past happens now.
    pub fn at(&mut self, moment: Timestamp, event: E) {
        self.planned = self.planned.saturating_add(1);
        self.events.push(Planned { at: moment.max(self.now), number: self.planned, event });
    }

    /// Takes the next event and moves the clock to it.
    pub fn take(&mut self) -> Option<E> {
        let Planned { at, event, .. } = self.events.pop()?;
        self.now = at;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_decides_then_the_order_of_planning() {
        let mut agenda = Agenda::new(Timestamp::ZERO);
        agenda.after(Span::from_secs(2), "later");
        agenda.after(Span::from_secs(1), "first");
        agenda.after(Span::from_secs(1), "second");
        assert_eq!(
            [agenda.take(), agenda.take(), agenda.take()],
            [Some("first"), Some("second"), Some("later")]
        );
        assert_eq!((agenda.now(), agenda.take()), (Timestamp::from_micros(2_000_000), None));
    }
}
