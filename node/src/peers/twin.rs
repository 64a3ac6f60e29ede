//! Two processes with one key: a home was copied, and both copies run.
//!
//! A process says with its hello which run of the node it is, a number made up at its start. While one run of a node is
//! heard, another one is not let in: a process that was restarted is let in as soon as the old one is silent, which is at
//! once if its machine still runs. A run that is heard although another one said hello a while ago is alive beside it, and
//! that is the proof that there are two; the second is told so.
//!
//! What may never happen: two runs of a node heard at the same time by one of its peers, who would count the vote of each.

use std::time::Duration;

/// Stands for the number of a run in the hello of one who says: you are the second.
pub(super) const SECOND: u64 = u64::MAX;

/// Another run that said hello while one is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rival {
    run: u64,
    /// When it said so first.
    since: Duration,
    /// Whether somebody was told that it is the second.
    told: bool,
}

/// What to do about a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may be what it says.
    Good,
    /// Whether the run before it is alive is not known yet.
    Unclear,
    /// The run before it is alive. Says whether that is news.
    Second { is_news: bool },
}

/// Judges the hello of run `newcomer` while run `current`, if any, counts as alive and was `heard` last. `settle` is longer
/// than a word that was on its way may take.
pub(super) fn judge(
    current: Option<(u64, Duration)>,
    rival: &mut Option<Rival>,
    newcomer: u64,
    now: Duration,
    settle: Duration,
) -> Claim {
    let Some((_, heard)) = current.filter(|(run, _)| *run != newcomer) else {
        *rival = None;
        return Claim::Good;
    };
    let known = rival.filter(|rival| rival.run == newcomer);
    let rival = rival.insert(known.unwrap_or(Rival { run: newcomer, since: now, told: false }));
    if heard <= rival.since.saturating_add(settle) {
        return Claim::Unclear;
    }
    Claim::Second { is_news: !std::mem::replace(&mut rival.told, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_restarted_process_is_let_in_when_the_old_one_is_silent() {
        let mut rival = None;
        assert_eq!(judge(None, &mut rival, 1, at(0), SETTLE), Claim::Good);
        // The same run may come again whenever it likes.
        assert_eq!(judge(Some((1, at(5))), &mut rival, 1, at(9), SETTLE), Claim::Good);
        // The machine lost its power: nothing says so, and nothing is heard any more, but what was on its way.
        assert_eq!(judge(Some((1, at(10))), &mut rival, 2, at(20), SETTLE), Claim::Unclear);
        assert_eq!(judge(Some((1, at(90))), &mut rival, 2, at(900), SETTLE), Claim::Unclear);
        assert_eq!(judge(None, &mut rival, 2, at(1_000), SETTLE), Claim::Good);
        assert_eq!(rival, None);
    }

    #[test]
    fn a_copy_is_found_out_by_the_original_that_is_heard_on() {
        let mut rival = None;
        assert_eq!(judge(Some((1, at(10))), &mut rival, 2, at(20), SETTLE), Claim::Unclear);
        assert_eq!(
            judge(Some((1, at(300))), &mut rival, 2, at(310), SETTLE),
            Claim::Second { is_news: true }
        );
        assert_eq!(
            judge(Some((1, at(305))), &mut rival, 2, at(310), SETTLE),
            Claim::Second { is_news: false }
        );
        // Another one has to be found out anew.
        assert_eq!(judge(Some((1, at(320))), &mut rival, 3, at(320), SETTLE), Claim::Unclear);
    }
}
