//! When the coordinator has something to say: decided from what waits and what it said last.
//!
//! It speaks at once after a silence and then at most ten times a second. It says all that waits, so each word replaces
//! the one before; and it speaks only if that wakes somebody who is needed, or keeps somebody from asking in vain: when
//! there is new work, when less than half of it is left, when it is gone.

use std::time::Duration;

use super::WaitingWork;

/// Between two announcements. An executor that hears of work a tenth of a second late is still faster than a person.
pub const GAP: Duration = Duration::from_millis(100);

/// What the publisher remembers.
#[derive(Debug, Default)]
pub struct Publisher {
    /// What it said last.
    said: Vec<WaitingWork>,
    /// When.
    spoke: Option<Duration>,
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
    #[must_use]
    pub fn look(&self, now: Duration, waiting: &[WaitingWork]) -> Speak {
        if !self.is_news(waiting) {
            return Speak::Never;
        }
        match self.spoke.map(|spoke| spoke.saturating_add(GAP)) {
            Some(next) if next > now => Speak::At(next),
            _ => Speak::Now,
        }
    }

    /// It was said.
    pub fn said(&mut self, now: Duration, waiting: Vec<WaitingWork>) {
        self.spoke = Some(now);
        self.said = waiting;
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
        assert_eq!(publisher.look(at(6), &[work("cli", 2, 2)]), Speak::At(at(105)));
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
        assert_eq!(words, 10);
    }

    #[test]
    fn what_is_being_taken_is_said_by_halves_and_at_the_end() {
        let mut publisher = Publisher::default();
        publisher.said(at(0), vec![work("cli", 100, 100)]);
        let look = |publisher: &Publisher, count| publisher.look(at(500), &[work("cli", count, 100)]);
        assert_eq!(look(&publisher, 99), Speak::Never);
        assert_eq!(look(&publisher, 50), Speak::Now);
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
}
