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
    /// those who hold back are not held back again.
    pub(super) fn hear(&mut self, listener: &Listener, announcement: &Announcement, at: Duration) {
        let mut before = std::mem::take(&mut self.0);
        for work in announcement.waiting.iter().filter(|work| work.concerns(listener)) {
            let known =
                before.iter().position(|call| call.work.is_kind_of(work) && call.work.wave == work.wave);
            let call = known.map(|place| before.swap_remove(place)).unwrap_or_else(|| {
                let delay = |busy| work.delay(listener, busy, announcement.pause).to_std();
                Call { work: work.clone(), heard: at, idle: delay(false), busy: delay(true), answered: false }
            });
            self.0.push(call);
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
}
