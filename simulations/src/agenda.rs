//! What happens next. Events of the same moment happen in the order in which they were planned.

use std::collections::BTreeMap;

use colony_protocol::time::{Span, Timestamp};

/// Planned events, by time.
#[derive(Debug)]
pub struct Agenda<E> {
    now: Timestamp,
    planned: u64,
    events: BTreeMap<(Timestamp, u64), E>,
}

impl<E> Agenda<E> {
    /// Nothing planned; the clock shows `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self { now: start, planned: 0, events: BTreeMap::new() }
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
        self.events.insert((moment.max(self.now), self.planned), event);
    }

    /// Takes the next event and moves the clock to it.
    pub fn take(&mut self) -> Option<E> {
        let ((moment, _), event) = self.events.pop_first()?;
        self.now = moment;
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
