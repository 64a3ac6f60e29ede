//! How much work an executor takes and how much of it runs at once.
//!
//! At most `parallel` programs run: that is a promise to the operator and never broken. More work than that may be
//! *claimed*. While programs are much shorter than a round trip to the colony, waiting for the next grant would leave
//! slots idle most of the time, so some work is taken ahead; for programs of human length none is. A wrong guess is
//! cheap: what found no slot within [`PATIENCE`] goes back to the queue, without having cost a try.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::command::BATCH_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much work is taken ahead, as time to run it: a few round trips within a site.
const AHEAD: Duration = Duration::from_millis(20);
/// Most processes taken ahead. Others wait for them if the guess is wrong.
const AHEAD_MAX: usize = 32;
/// How long work taken ahead waits for a slot: ten times what was expected.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// What share of the average the newest short program replaces.
const SHARE: u32 = 8;

/// The right to take one process from the colony.
pub(super) type Claim = OwnedSemaphorePermit;
/// The right to run one program.
pub(super) type Slot = OwnedSemaphorePermit;

/// Claims and slots of one executor.
#[derive(Debug)]
pub(super) struct Slots {
    claims: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    parallel: usize,
    pace: Mutex<Pace>,
}

/// How long programs take, and how many claims that allows beyond the slots.
#[derive(Debug)]
struct Pace {
    /// Average time of a program; long ones count at once, short ones little by little.
    average: Duration,
    /// Claims there are beyond the slots.
    ahead: usize,
}

impl Slots {
    /// Slots for `parallel` programs; nothing is taken ahead before some were seen to be short.
    pub(super) fn new(parallel: usize) -> Self {
        Self {
            claims: Arc::new(Semaphore::new(parallel)),
            slots: Arc::new(Semaphore::new(parallel)),
            parallel,
            pace: Mutex::new(Pace { average: AHEAD.saturating_mul(SHARE), ahead: 0 }),
        }
    }

    /// All claims that are free, at least one and at most a batch: waits for the first.
    pub(super) async fn claim(&self) -> Vec<Claim> {
        // It fails only if closed, which nobody does.
        let mut claims: Vec<Claim> = Arc::clone(&self.claims).acquire_owned().await.into_iter().collect();
        claims.extend(self.more(claims.len()));
        claims
    }

    /// All further claims that are free, with the `held` ones at most a batch.
    pub(super) fn more(&self, held: usize) -> Vec<Claim> {
        let free = || Arc::clone(&self.claims).try_acquire_owned().ok();
        std::iter::from_fn(free).take(BATCH_MAX.saturating_sub(held)).collect()
    }

    /// Waits for a slot; first come, first served.
    pub(super) async fn slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Returns the claim of a process that is done with, and learns how long its program took.
    pub(super) fn settle(&self, claim: Claim, took: Duration) {
        let mut pace = self.pace();
        let wanted = pace.learn(took, self.parallel);
        if wanted < pace.ahead {
            pace.ahead -= 1;
            claim.forget();
        } else {
            self.claims.add_permits(wanted - pace.ahead);
            pace.ahead = wanted;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// How much to take ahead after a program took this long.
    fn learn(&mut self, took: Duration, parallel: usize) -> usize {
        let eased = (self.average.saturating_mul(SHARE - 1).saturating_add(took)) / SHARE;
        self.average = eased.max(took);
        let rounds = AHEAD.as_micros() / self.average.as_micros().max(1);
        usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(parallel).min(AHEAD_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(2);
    const LONG: Duration = Duration::from_secs(3);

    async fn after(times: &[Duration]) -> usize {
        let slots = Slots::new(2);
        for took in times {
            let claim = slots.claim().await.pop().unwrap();
            slots.settle(claim, *took);
        }
        slots.claim().await.len()
    }

    #[tokio::test]
    async fn work_is_taken_ahead_once_programs_are_seen_to_be_short() {
        assert_eq!(after(&[]).await, 2);
        assert_eq!(after(&[SHORT; 4]).await, 2);
        assert!(after(&[SHORT; 100]).await > 10);
        assert_eq!(after(&[Duration::ZERO; 1000]).await, 2 + AHEAD_MAX);
    }

    #[tokio::test]
    async fn long_programs_take_nothing_ahead() {
        assert_eq!(after(&[LONG; 10]).await, 2);
        // Each that ends takes one claim away, until those of the slots are left.
        let surprise = [vec![SHORT; 100], vec![LONG; AHEAD_MAX]].concat();
        assert_eq!(after(&surprise).await, 2);
    }
}
