//! Whether an announcement is believed and passed on. Decided from what is known, without a clock or a network.
//!
//! Forged ones are held against whoever passed them on, so they must be told apart from those that are only late: two
//! honest members may know different terms, voters and times. What could be that is ignored, never rejected.

use colony_protocol::{
    announcement::{Announcement, AnnouncementError, FRESH_FOR},
    identity::Identity,
    time::Timestamp,
};

use crate::net::gossip::Verdict;

/// How many terms ahead of ours an announcement may be: elections that we have not heard of yet. It keeps a voter that
/// has gone mad from silencing its successors for good.
const TERMS_AHEAD: u64 = 64;

/// What somebody is in a colony, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Office {
    /// One of those who may coordinate.
    Voter,
    /// Perhaps one: what is known may be out of date.
    Unclear,
    /// Certainly none.
    Stranger,
}

/// What this node remembers of one colony's announcements.
#[derive(Debug)]
pub(super) struct Memory {
    colony: Identity,
    newest: Option<Newest>,
}

#[derive(Debug)]
struct Newest {
    rank: (u64, u64),
    issued: Timestamp,
}

impl Memory {
    pub(super) const fn new(colony: Identity) -> Self {
        Self { colony, newest: None }
    }

    /// Judges an announcement whose signature is that of somebody with this office. `term` is the latest that this node
    /// knows of, if it knows any.
    pub(super) fn judge(
        &self,
        office: Office,
        announcement: &Announcement,
        term: Option<u64>,
        now: Timestamp,
    ) -> Verdict {
        match announcement.check(&self.colony, now) {
            Err(AnnouncementError::WrongColony) => return Verdict::Reject,
            _ if office == Office::Stranger => return Verdict::Reject,
            Err(_) => return Verdict::Ignore,
            Ok(()) if office == Office::Unclear => return Verdict::Ignore,
            Ok(()) => {}
        }
        let terms = |known: u64| known..=known.saturating_add(TERMS_AHEAD);
        if term.is_some_and(|known| !terms(known).contains(&announcement.term)) {
            return Verdict::Ignore;
        }
        if self.newest(now).is_some_and(|newest| rank(announcement) <= newest) {
            return Verdict::Ignore;
        }
        Verdict::Accept
    }

    /// Remembers an accepted announcement.
    pub(super) fn note(&mut self, announcement: &Announcement) {
        self.newest = Some(Newest { rank: rank(announcement), issued: announcement.issued });
    }

    /// The newest announcement that still matters: once it is too old to be heard again, nothing older can be either.
    fn newest(&self, now: Timestamp) -> Option<(u64, u64)> {
        let newest = self.newest.as_ref()?;
        (now.since(newest.issued) <= FRESH_FOR).then_some(newest.rank)
    }
}

const fn rank(announcement: &Announcement) -> (u64, u64) {
    (announcement.term, announcement.sequence)
}

#[cfg(test)]
mod tests {
    use colony_protocol::{bounded::List, envelope::SKEW_MAX, time::Span};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
    const COLONY: Identity = Identity::from_bytes([1; 32]);
    const TICK: Span = Span::from_micros(1);

    fn announcement(term: u64, sequence: u64) -> Announcement {
        let pause = Span::from_millis(100);
        Announcement { colony: COLONY, term, sequence, issued: NOW, pause, waiting: List::default() }
    }

    fn heard(term: u64, sequence: u64) -> Memory {
        let mut memory = Memory::new(COLONY);
        memory.note(&announcement(term, sequence));
        memory
    }

    fn judge(memory: &Memory, announcement: &Announcement) -> Verdict {
        memory.judge(Office::Voter, announcement, Some(5), NOW)
    }

    #[test]
    fn a_voters_fresh_word_is_accepted_once() {
        let mut memory = Memory::new(COLONY);
        let word = announcement(5, 1);
        assert_eq!(judge(&memory, &word), Verdict::Accept);
        memory.note(&word);
        assert_eq!(judge(&memory, &word), Verdict::Ignore);
        assert_eq!(judge(&memory, &announcement(5, 2)), Verdict::Accept);
    }

    #[test]
    fn a_strangers_word_is_rejected_and_an_unclear_one_goes_no_further() {
        let memory = Memory::new(COLONY);
        let judge = |office, now| memory.judge(office, &announcement(5, 1), Some(5), now);
        assert_eq!(judge(Office::Stranger, NOW), Verdict::Reject);
        assert_eq!(judge(Office::Unclear, NOW), Verdict::Ignore);
        // Late as well: still a stranger's.
        assert_eq!(judge(Office::Stranger, NOW.after(Span::from_secs(3_600))), Verdict::Reject);
    }

    #[test]
    fn a_word_about_another_colony_is_rejected() {
        let other = Announcement { colony: Identity::from_bytes([2; 32]), ..announcement(5, 1) };
        assert_eq!(judge(&Memory::new(COLONY), &other), Verdict::Reject);
    }

    #[test]
    fn a_word_too_old_or_from_the_future_is_ignored() {
        let memory = Memory::new(COLONY);
        let at = |now| memory.judge(Office::Voter, &announcement(5, 1), Some(5), now);
        assert_eq!(at(NOW.after(FRESH_FOR)), Verdict::Accept);
        assert_eq!(at(NOW.after(FRESH_FOR).after(TICK)), Verdict::Ignore);
        assert_eq!(at(NOW.before(SKEW_MAX)), Verdict::Accept);
        assert_eq!(at(NOW.before(SKEW_MAX).before(TICK)), Verdict::Ignore);
    }

    #[test]
    fn a_deposed_coordinator_is_heard_no_more() {
        let memory = heard(5, 9);
        assert_eq!(judge(&memory, &announcement(6, 0)), Verdict::Accept);
        let memory = heard(6, 0);
        assert_eq!(judge(&memory, &announcement(5, 10)), Verdict::Ignore);
        // Also by a node that has heard nothing, but knows the term.
        assert_eq!(judge(&Memory::new(COLONY), &announcement(4, 1)), Verdict::Ignore);
    }

    #[test]
    fn nobody_silences_the_others_by_a_term_that_cannot_be() {
        let memory = Memory::new(COLONY);
        assert_eq!(judge(&memory, &announcement(u64::MAX, 1)), Verdict::Ignore);
        assert_eq!(judge(&memory, &announcement(5 + TERMS_AHEAD, 1)), Verdict::Accept);
        // Who knows no terms believes it as long as it is fresh, and no longer.
        let memory = heard(u64::MAX, u64::MAX);
        let next = Announcement { issued: NOW.after(FRESH_FOR), ..announcement(5, 1) };
        assert_eq!(memory.judge(Office::Voter, &next, None, NOW.after(FRESH_FOR)), Verdict::Ignore);
        let later = NOW.after(FRESH_FOR).after(TICK);
        assert_eq!(memory.judge(Office::Voter, &next, None, later), Verdict::Accept);
    }
}
