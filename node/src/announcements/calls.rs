//! What an executor makes of what it hears: by when it asks for work, unless others were faster.

use std::time::Duration;

use colony_protocol::announcement::{Announcement, Listener, WaitingWork};

/// A wave of work this executor may have a part in.
#[derive(Debug)]
struct Call {
    work: WaitingWork,
    /// When it was first heard of.
    heard: Duration,
    /// How long the executor holds back if it runs nothing, and if it runs something.
    idle: Duration,
    busy: Duration,
    /// Whether the executor has asked since.
    answered: bool,
}

/// The waves an executor knows of.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

impl Calls {
    /// Takes note of what waits now, which replaces what waited before. A wave heard of again keeps its time, so that
    /// those who hold back are not held back again; but where less of it is left, as many fewer are needed of each round
    /// that follows.
    pub(super) fn hear(&mut self, listener: &Listener, announcement: &Announcement, at: Duration) {
        let mut before = std::mem::take(&mut self.0);
        for work in announcement.waiting.iter().filter(|work| work.concerns(listener)) {
            let known =
                before.iter().position(|call| call.work.is_kind_of(work) && call.work.wave == work.wave);
            let delay = |busy| work.delay(listener, busy, announcement.pause).to_std();
            self.0.push(match known.map(|place| before.swap_remove(place)) {
                Some(call) if work.count >= call.work.count => call,
                Some(call) => Call {
                    work: work.clone(),
                    idle: call.idle.max(delay(false)),
                    busy: call.busy.max(delay(true)),
                    ..call
                },
                None => {
                    let (idle, busy) = (delay(false), delay(true));
                    Call { work: work.clone(), heard: at, idle, busy, answered: false }
                }
            });
        }
    }

    /// When to ask next.
    pub(super) fn next(&self, busy: bool) -> Option<Duration> {
        let open = self.0.iter().filter(|call| !call.answered);
        open.map(|call| call.heard.saturating_add(if busy { call.busy } else { call.idle })).min()
    }

    /// The executor asks now: for all it has heard of.
    pub(super) fn answer(&mut self) {
        for call in &mut self.0 {
            call.answered = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::{List, Text},
        identity::{Digest, Identity},
        time::{Span, Timestamp},
    };

    use super::*;

    const PAUSE: Duration = Duration::from_millis(100);

    fn listener(number: u64) -> Listener {
        let id = Identity::from_bytes(Digest::of(&[&number.to_le_bytes()]).0);
        Listener { id, name: Text::cut("e"), executor_type: Text::cut("cli"), row: None }
    }

    fn work(wave: u64, reach: u64) -> WaitingWork {
        WaitingWork { executor_type: Text::cut("cli"), count: 1, wave, reach, ..Default::default() }
    }

    fn announcement(waiting: Vec<WaitingWork>) -> Announcement {
        Announcement {
            colony: Identity::NOBODY,
            term: 1,
            sequence: 1,
            issued: Timestamp::ZERO,
            pause: Span::from_millis(100),
            waiting: List::new(waiting).unwrap(),
        }
    }

    fn heard(waiting: Vec<WaitingWork>) -> Calls {
        let mut calls = Calls::default();
        calls.hear(&listener(1), &announcement(waiting), Duration::ZERO);
        calls
    }

    #[test]
    fn who_is_called_asks_at_once_and_others_later() {
        assert_eq!(heard(vec![work(1, u64::MAX)]).next(false), Some(Duration::ZERO));
        assert_eq!(heard(vec![work(1, u64::MAX)]).next(true), Some(PAUSE));
        assert!(heard(vec![work(1, 1)]).next(false).unwrap() > PAUSE);
        assert_eq!(heard(vec![]).next(false), None);
        let elsewhere = WaitingWork { executor_type: Text::cut("other"), ..work(1, u64::MAX) };
        assert_eq!(heard(vec![elsewhere]).next(false), None);
    }

    #[test]
    fn whoever_asked_asks_again_only_for_the_next_wave() {
        let mut calls = heard(vec![work(1, u64::MAX)]);
        calls.answer();
        assert_eq!(calls.next(false), None);
        calls.hear(&listener(1), &announcement(vec![work(1, u64::MAX)]), PAUSE);
        assert_eq!(calls.next(false), None);
        calls.hear(&listener(1), &announcement(vec![work(2, u64::MAX)]), PAUSE);
        assert_eq!(calls.next(false), Some(PAUSE));
    }

    #[test]
    fn who_holds_back_is_neither_held_back_again_nor_asks_for_what_is_gone() {
        let mut calls = heard(vec![work(1, 1)]);
        let due = calls.next(false);
        calls.hear(&listener(1), &announcement(vec![WaitingWork { count: 9, ..work(1, 2) }]), PAUSE);
        assert_eq!(calls.next(false), due);
        calls.hear(&listener(1), &announcement(vec![]), PAUSE);
        assert_eq!(calls.next(false), None);
    }

    #[test]
    fn a_thousand_listeners_send_one() {
        let ids: Vec<u64> =
            (0..1_000).map(|n| colony_protocol::rendezvous::weight(7, &listener(n).id)).collect();
        let reach = colony_protocol::rendezvous::reach(ids, 1);
        let at_once = |number: &u64| {
            let mut calls = Calls::default();
            calls.hear(&listener(*number), &announcement(vec![work(7, reach)]), Duration::ZERO);
            calls.next(false) == Some(Duration::ZERO)
        };
        assert_eq!((0..1_000).filter(at_once).count(), 1);
    }

    #[test]
    fn the_last_of_many_is_not_asked_for_by_as_many_as_all_were() {
        let weight = |number: &u64| colony_protocol::rendezvous::weight(7, &listener(*number).id);
        let mut numbers: Vec<u64> = (0..1_000).collect();
        numbers.sort_by_key(weight);
        let reach = |count| colony_protocol::rendezvous::reach(numbers.iter().map(weight).collect(), count);
        let ten = WaitingWork { count: 10, ..work(7, reach(10)) };
        // Nine of those who were called were answered; the lightest is slow.
        let left = WaitingWork { count: 1, ..work(7, weight(&numbers[0])) };
        let others = || numbers.iter().skip(10);
        let soon = |number: &u64, words: &[&WaitingWork]| {
            let mut calls = Calls::default();
            for word in words {
                calls.hear(&listener(*number), &announcement(vec![(*word).clone()]), Duration::ZERO);
            }
            calls.next(false).is_some_and(|at| at <= PAUSE * 2)
        };
        let at_first = others().filter(|number| soon(number, &[&ten])).count();
        let then = others().filter(|number| soon(number, &[&ten, &left])).count();
        assert!(at_first >= 5 && then * 2 <= at_first, "{at_first}, then {then}");
        // Nobody is held back for ever.
        let all = others().all(|number| {
            let mut calls = Calls::default();
            calls.hear(&listener(*number), &announcement(vec![left.clone()]), Duration::ZERO);
            calls.next(false).is_some_and(|at| at < PAUSE * 12)
        });
        assert!(all);
    }
}
