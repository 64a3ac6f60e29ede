//! Executors that asked for work when there was none, each until its wait is over.
//!
//! The coordinator parks an ask here and looks again when work of its type becomes ready. Asks of one type are looked
//! at in the order they came. An ask that is sent again takes the place of its first copy, so a caller that lost its
//! connection never holds two places.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::{
    bounded::Text, envelope::RequestId, identity::Identity, model::Name, refusal::Refusal,
};

use super::inbox::Order;

/// Most parked asks of one colony. Ten thousand executors may wait at one coordinator; each costs about 1 KiB.
const WAITERS_MAX: usize = 10_000;

/// An executor that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    /// The ask.
    pub(super) order: Order,
    /// The executor's type: only work of this type wakes it.
    pub(super) executor_type: Name,
    /// When its wait is over, on the node's steady clock.
    pub(super) until: Duration,
    /// How often in a row it came back from the log with nothing.
    pub(super) races: u8,
}

/// Names a waiter; grows, so it is also the order of arrival.
pub(super) type Ticket = u64;

/// All executors that wait.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// By order of arrival.
    waiting: BTreeMap<Ticket, Waiter>,
    /// The same by type.
    by_type: BTreeMap<Name, BTreeSet<Ticket>>,
    /// The same by end of wait.
    by_end: BTreeSet<(Duration, Ticket)>,
    /// The same by who asked, for repeated asks.
    by_request: BTreeMap<(Identity, RequestId), Ticket>,
    /// The last ticket given out.
    last: Ticket,
}

impl Waiters {
    /// Parks an ask. One that came back from a lost race keeps its ticket and so its place.
    pub(super) fn park(&mut self, waiter: Waiter, ticket: Option<Ticket>) {
        let key = (waiter.order.item.by, waiter.order.request);
        if let Some(first) = self.by_request.get(&key).copied().and_then(|first| self.remove(first)) {
            first
                .order
                .caller
                .answer(Err(Refusal::Unavailable(Text::cut("the request was sent again")).into()));
        }
        if self.waiting.len() >= WAITERS_MAX {
            waiter
                .order
                .caller
                .answer(Err(Refusal::Busy(Text::cut("too many executors wait for work")).into()));
            return;
        }
        let ticket = ticket.unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        self.by_type.entry(waiter.executor_type.clone()).or_default().insert(ticket);
        self.by_end.insert((waiter.until, ticket));
        self.by_request.insert(key, ticket);
        self.waiting.insert(ticket, waiter);
    }

    /// Takes a waiter out.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiting.remove(&ticket)?;
        if let Some(tickets) = self.by_type.get_mut(&waiter.executor_type) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_type.remove(&waiter.executor_type);
            }
        }
        self.by_end.remove(&(waiter.until, ticket));
        self.by_request.remove(&(waiter.order.item.by, waiter.order.request));
        Some(waiter)
    }

    /// One waiter.
    pub(super) fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        self.waiting.get(&ticket)
    }

    /// The first of a type that came after `after`.
    pub(super) fn next_of_type(&self, executor_type: &Name, after: Ticket) -> Option<Ticket> {
        let from = after.saturating_add(1);
        self.by_type.get(executor_type).and_then(|tickets| tickets.range(from..).next().copied())
    }

    /// The types somebody waits for.
    pub(super) fn types(&self) -> impl Iterator<Item = &Name> {
        self.by_type.keys()
    }

    /// Takes out a waiter whose wait is over.
    pub(super) fn pop_over(&mut self, now: Duration) -> Option<Waiter> {
        let (until, ticket) = self.by_end.first().copied()?;
        if until > now { None } else { self.remove(ticket) }
    }

    /// When the next wait is over.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// Forgets those whose callers went away.
    pub(super) fn drop_gone(&mut self) {
        let gone: Vec<Ticket> = self
            .waiting
            .iter()
            .filter(|(_, waiter)| waiter.order.caller.is_gone())
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in gone {
            self.remove(ticket);
        }
    }

    /// Takes all out, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiter> + use<> {
        std::mem::take(self).waiting.into_values()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use colony_protocol::{
        command::{Assign, Command},
        entry::Item,
        time::Timestamp,
    };
    use tokio::sync::oneshot;

    use super::*;
    use crate::coordinator::inbox::{Answer, Class, Inbox, Ordered, Unanswered};

    fn waiter(request: u8, executor_type: &str, until: u64) -> (Waiter, oneshot::Receiver<Answer>) {
        let inbox = Inbox::default();
        let item = Item { by: Identity::NOBODY, signed: Arc::default() };
        let request = RequestId::from_bytes([request; 16]);
        let ask = Command::Assign(Assign::default());
        let answer = inbox
            .push(Ordered { item, request, expires: Timestamp::ZERO, waited: Duration::ZERO, command: &ask })
            .unwrap();
        let order = inbox.take(Class::Assign, usize::MAX).unwrap();
        let until = Duration::from_secs(until);
        (Waiter { order, executor_type: Name::cut(executor_type), until, races: 0 }, answer)
    }

    fn in_order(waiters: &Waiters, executor_type: &str) -> Vec<Ticket> {
        let executor_type = Name::cut(executor_type);
        let mut tickets = Vec::new();
        while let Some(next) = waiters.next_of_type(&executor_type, tickets.last().copied().unwrap_or(0)) {
            tickets.push(next);
        }
        tickets
    }

    #[test]
    fn those_of_a_type_stand_in_the_order_they_came() {
        let mut waiters = Waiters::default();
        let mut answers = Vec::new();
        for (request, executor_type) in [(1, "cli"), (2, "gpu"), (3, "cli")] {
            let (waiter, answer) = waiter(request, executor_type, 9);
            waiters.park(waiter, None);
            answers.push(answer);
        }
        assert_eq!(in_order(&waiters, "cli"), vec![1, 3]);
        assert_eq!(in_order(&waiters, "gpu"), vec![2]);

        // One that lost a race gets its old place back.
        let first = waiters.remove(1).unwrap();
        assert_eq!(in_order(&waiters, "cli"), vec![3]);
        waiters.park(first, Some(1));
        assert_eq!(in_order(&waiters, "cli"), vec![1, 3]);
    }

    #[test]
    fn waits_end_in_their_own_order() {
        let mut waiters = Waiters::default();
        let (late, _late) = waiter(1, "cli", 20);
        let (soon, _soon) = waiter(2, "cli", 10);
        waiters.park(late, None);
        waiters.park(soon, None);
        assert_eq!(waiters.next_end(), Some(Duration::from_secs(10)));
        assert!(waiters.pop_over(Duration::from_secs(9)).is_none());
        assert!(waiters.pop_over(Duration::from_secs(10)).is_some());
        assert!(waiters.pop_over(Duration::from_secs(10)).is_none());
        assert_eq!(waiters.next_end(), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_repeated_ask_takes_the_place_of_its_first_copy() {
        let mut waiters = Waiters::default();
        let (first, mut first_answer) = waiter(1, "cli", 10);
        let (again, mut again_answer) = waiter(1, "cli", 10);
        waiters.park(first, None);
        waiters.park(again, None);
        assert!(matches!(first_answer.try_recv(), Ok(Err(Unanswered::Refused(Refusal::Unavailable(_))))));
        assert!(again_answer.try_recv().is_err());
        assert_eq!(waiters.drain().count(), 1);
    }

    #[test]
    fn callers_that_went_away_are_forgotten_without_a_trace() {
        let mut waiters = Waiters::default();
        let (waiter, answer) = waiter(1, "cli", 10);
        waiters.park(waiter, None);
        drop(answer);
        waiters.drop_gone();
        assert_eq!(waiters.types().count(), 0);
        assert_eq!(waiters.next_end(), None);
        assert!(waiters.by_request.is_empty());
    }
}
