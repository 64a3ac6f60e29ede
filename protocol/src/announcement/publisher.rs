//! When the coordinator has something to say: decided from what waits and what it said last.
//!
//! It speaks at once after a silence, and once more at once so that what was taken is said too, and then at most ten times
//! a second. It says all that waits, so each word replaces the one before; and it speaks only if that wakes somebody who
//! is needed, or keeps somebody from asking in vain: when there is new work, when less than half of it is left, when it
//! is gone.
//!
//! How long those hold back who were not called follows from how long those took lately who were: on a slow network, or
//! a busy machine, others would ask before they could have heard that the work is taken.

use std::time::Duration;

use super::WaitingWork;

/// Between two announcements. An executor that hears of work a tenth of a second late is still faster than a person.
pub const GAP: Duration = Duration::from_millis(100);

/// Words after a silence that need not wait for each other: that there is work, and that it is taken.
const AT_ONCE: u32 = 2;
/// A call that was not answered for so long was not answered: somebody came by.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How much of the longest answer lately is forgotten with each quicker one: an eighth.
const FORGET: u32 = 8;

/// What the publisher remembers.
#[derive(Debug, Default)]
pub struct Publisher {
    /// What it said last.
    said: Vec<WaitingWork>,
    /// When.
    spoke: Option<Duration>,
    /// When it would next have a turn if it had never spoken early.
    turn: Duration,
    /// Whether somebody has taken of what it said last.
    answered: bool,
    /// How long the slowest took lately to take of what was said.
    answer: Duration,
}

/// Whether to speak.
#[derive(Debug, PartialEq, Eq)]
pub enum Speak {
    /// Say what waits.
    Now,
    /// Look again then: it is too early.
    At(Duration),
    /// There is nothing new to say.
    Never,
}

impl Publisher {
    /// Whether what waits is worth saying.
    pub fn look(&mut self, now: Duration, waiting: &[WaitingWork]) -> Speak {
        self.measure(now, waiting);
        if !self.is_news(waiting) {
            return Speak::Never;
        }
        let next = self.turn.saturating_sub(GAP.saturating_mul(AT_ONCE - 1));
        if next > now { Speak::At(next) } else { Speak::Now }
    }

    /// It was said.
    pub fn said(&mut self, now: Duration, waiting: Vec<WaitingWork>) {
        self.spoke = Some(now);
        self.turn = self.turn.max(now).saturating_add(GAP);
        self.answered = false;
        self.said = waiting;
    }

    /// How long those who are not called hold back: `least`, or as long as an answer takes and is told in turn.
    #[must_use]
    pub fn pause(&self, least: Duration) -> Duration {
        least.max(self.answer.saturating_mul(2))
    }

    /// Notes how long it took until somebody took of what was said.
    fn measure(&mut self, now: Duration, waiting: &[WaitingWork]) {
        let Some(spoke) = self.spoke.filter(|_| !self.answered) else { return };
        let left = |said: &WaitingWork| {
            waiting.iter().find(|work| work.is_kind_of(said)).map_or(0, |work| work.count)
        };
        if !self.said.iter().any(|said| left(said) < said.count) {
            return;
        }
        self.answered = true;
        let took = now.saturating_sub(spoke);
        if took <= ANSWER_MAX {
            self.answer = took.max(self.answer.saturating_sub(self.answer / FORGET));
        }
    }

    /// Forgets what was said: others heard it from somebody else, or not at all.
    pub fn forget(&mut self) {
        self.said.clear();
    }

    fn is_news(&self, waiting: &[WaitingWork]) -> bool {
        let is_new = |work: &WaitingWork| match self.said.iter().find(|said| said.is_kind_of(work)) {
            Some(said) => work.wave > said.wave || work.count <= said.count / 2,
            None => true,
        };
        let is_gone = |said: &WaitingWork| !waiting.iter().any(|work| work.is_kind_of(said));
        waiting.iter().any(is_new) || self.said.iter().any(is_gone)
    }
}

#[cfg(test)]
mod tests {
    use crate::bounded::Text;

    use super::*;

    fn work(executor_type: &str, count: u64, wave: u64) -> WaitingWork {
        WaitingWork { executor_type: Text::cut(executor_type), count, wave, ..Default::default() }
    }

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_word_goes_out_at_once_and_the_next_waits_for_its_turn() {
        let mut publisher = Publisher::default();
        assert_eq!(publisher.look(at(0), &[]), Speak::Never);
        assert_eq!(publisher.look(at(5), &[work("cli", 1, 1)]), Speak::Now);
        publisher.said(at(5), vec![work("cli", 1, 1)]);
        // That it is taken, or that there is more, is said at once too; what follows waits.
        assert_eq!(publisher.look(at(6), &[]), Speak::Now);
        publisher.said(at(6), vec![]);
        assert_eq!(publisher.look(at(7), &[work("cli", 2, 2)]), Speak::At(at(105)));
        assert_eq!(publisher.look(at(105), &[work("cli", 9, 9)]), Speak::Now);
    }

    #[test]
    fn a_burst_of_submissions_is_a_few_words() {
        let mut publisher = Publisher::default();
        let mut words = 0;
        for millis in 0..1_000 {
            let waiting = [work("cli", millis + 1, millis + 1)];
            if publisher.look(at(millis), &waiting) == Speak::Now {
                publisher.said(at(millis), waiting.to_vec());
                words += 1;
            }
        }
        assert_eq!(words, 11);
    }

    #[test]
    fn what_is_being_taken_is_said_by_halves_and_at_the_end() {
        let mut publisher = Publisher::default();
        publisher.said(at(0), vec![work("cli", 100, 100)]);
        let mut look = |count| publisher.look(at(500), &[work("cli", count, 100)]);
        assert_eq!((look(99), look(50)), (Speak::Never, Speak::Now));
        assert_eq!(publisher.look(at(500), &[]), Speak::Now);
        publisher.said(at(500), Vec::new());
        assert_eq!(publisher.look(at(1_000), &[]), Speak::Never);
    }

    #[test]
    fn kinds_are_told_apart_by_what_they_want() {
        let mut publisher = Publisher::default();
        let small = work("cli", 1, 1);
        publisher.said(at(0), vec![small.clone()]);
        let large = WaitingWork { memory: 1, ..small.clone() };
        assert_eq!(publisher.look(at(200), &[small.clone(), large]), Speak::Now);
        assert_eq!(publisher.look(at(200), &[WaitingWork { reach: 7, ..small }]), Speak::Never);
    }

    #[test]
    fn who_takes_the_office_up_again_says_everything_again() {
        let mut publisher = Publisher::default();
        publisher.said(at(0), vec![work("cli", 1, 1)]);
        publisher.forget();
        assert_eq!(publisher.look(at(200), &[work("cli", 1, 1)]), Speak::Now);
    }

    #[test]
    fn where_answers_take_long_the_others_hold_back_longer_and_not_for_ever() {
        let (mut publisher, least) = (Publisher::default(), at(200));
        assert_eq!(publisher.pause(least), least);
        let mut answered = |after: u64| {
            publisher.said(at(1_000), vec![work("cli", 2, 2)]);
            publisher.look(at(1_000 + after), &[work("cli", 2, 2)]);
            publisher.look(at(1_000 + after), &[work("cli", 1, 2)]);
            publisher.look(at(1_900), &[]);
            publisher.pause(least)
        };
        assert_eq!(answered(30), least);
        assert_eq!(answered(300), at(600), "and what is taken later of the same word does not count");
        assert_eq!(answered(1_001), at(600), "nobody answered that call");
        let quicker: Vec<_> = (0..20).map(|_| answered(30)).collect();
        assert!(quicker.is_sorted_by(|a, b| a >= b) && quicker.last() == Some(&least), "{quicker:?}");
    }
}
