//! The task that keeps a node in touch with the network: it meets peers until it knows some, looks around now and then,
//! writes down who is there, and says whether others may ask this node.

use std::{sync::Arc, time::Duration};

use super::{Inner, file};
use crate::net::discovery::address::{Scope, is_circuit, scope};

/// Before a node that knows nobody tries again, at first.
const LONELY: Duration = Duration::from_secs(1);
/// The longest such pause: a laptop that wakes up is back soon after.
const LONELY_MAX: Duration = Duration::from_secs(30);
/// How often a node that knows somebody looks at its table. Costs no message.
const LOOK: Duration = Duration::from_secs(5);
/// How often it asks others who else there is.
const REFRESH: Duration = Duration::from_secs(300);
/// With fewer peers in its table than this it asks those it began with, too.
const FEW: usize = 3;
/// Between two attempts of that.
const FEW_AGAIN: Duration = Duration::from_secs(30);
/// Remembered peers met at one attempt.
const MEET: usize = 8;
/// The least time between two writes, unless the node stops.
const WRITE: Duration = Duration::from_secs(30);

/// When each thing was last done, by [`crate::runtime::Runtime::elapsed`].
#[derive(Debug, Default)]
struct Clock {
    met: Option<Duration>,
    refreshed: Option<Duration>,
    written: Option<Duration>,
    attempts: u32,
    serves: Option<bool>,
}

/// Runs until told to stop, or until the network is gone.
pub(super) async fn run(inner: Arc<Inner>) {
    if let Some(path) = inner.settings.memory.clone() {
        *inner.book() = file::read(path, &inner.runtime).await;
    }
    inner.is_ready.cancel();
    let mut clock = Clock::default();
    let mut unwritten = false;
    while !inner.network.discovery().is_closed() {
        let (peers, has_new) = inner.take_note().await;
        unwritten |= has_new;
        if inner.is_awake() {
            inner.look(peers, &mut clock).await;
        }
        if unwritten && is_due(clock.written, WRITE, inner.runtime.elapsed()) {
            clock.written = Some(inner.runtime.elapsed());
            unwritten = false;
            inner.write().await;
        }
        let pause = if peers == 0 && inner.is_awake() { back_off(clock.attempts) } else { LOOK };
        tokio::select! {
            biased;
            () = inner.stop.cancelled() => break,
            () = inner.search.notified(), if inner.settings.guest => {}
            () = inner.runtime.sleep(pause) => {}
        }
    }
    inner.take_note().await;
    inner.write().await;
}

impl Inner {
    /// Enters into the book who is in the table: how many, and whether any of it is new.
    async fn take_note(&self) -> (usize, bool) {
        let table = self.network.discovery().table().await;
        let now = self.runtime.now();
        let mut has_new = false;
        for (peer, addresses) in &table {
            has_new |= self.book().saw(*peer, addresses, now);
        }
        (table.len(), has_new)
    }

    async fn look(&self, peers: usize, clock: &mut Clock) {
        let handle = self.network.discovery();
        let now = self.runtime.elapsed();
        let reached = self.network.reach().watch().borrow().public;
        let serves = serves(self.settings.lab, reached, !self.settings.guest && self.listens_to_the_world());
        if clock.serves != Some(serves) {
            handle.serve(serves).await;
            clock.serves = Some(serves);
        }
        if peers == 0 || (peers < FEW && is_due(clock.met, FEW_AGAIN, now)) {
            let mut addresses = self.settings.bootstrap.clone();
            let skip = usize::try_from(clock.attempts).unwrap_or_default().saturating_mul(MEET);
            addresses.extend(self.book().addresses(skip, MEET));
            clock.met = Some(now);
            clock.attempts = clock.attempts.saturating_add(1);
            if !addresses.is_empty() {
                handle.meet(addresses).await;
            }
        }
        if peers > 0 {
            clock.attempts = 0;
            if is_due(clock.refreshed, REFRESH, now) {
                clock.refreshed = Some(now);
                handle.refresh().await;
            }
        }
    }

    fn listens_to_the_world(&self) -> bool {
        let addresses = self.network.addresses();
        addresses.iter().any(|address| scope(address) == Scope::World && !is_circuit(address))
    }

    async fn write(&self) {
        let book = self.book().clone();
        if let Some(path) = self.settings.memory.clone().filter(|_| book.len() > 0) {
            file::write(path, &book, &self.runtime).await;
        }
    }
}

/// Whether others may ask this node: where all are near; where others were found to reach it; and where it listens at an
/// address for the world, as long as nobody has found otherwise.
const fn serves(lab: bool, reached: Option<bool>, listens_to_the_world: bool) -> bool {
    match (lab, reached) {
        (true, _) => true,
        (false, Some(reached)) => reached,
        (false, None) => listens_to_the_world,
    }
}

fn is_due(last: Option<Duration>, every: Duration, now: Duration) -> bool {
    last.is_none_or(|last| now.saturating_sub(last) >= every)
}

fn back_off(attempts: u32) -> Duration {
    LONELY.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(8))).min(LONELY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_that_others_reach_is_asked() {
        for (lab, reached, world, expected) in [
            (true, Some(false), false, true),
            (false, Some(true), false, true),
            (false, Some(false), true, false),
            (false, None, true, true),
            (false, None, false, false),
        ] {
            assert_eq!(serves(lab, reached, world), expected);
        }
    }

    #[test]
    fn a_lonely_node_tries_ever_less_often_but_never_gives_up() {
        assert_eq!(back_off(1), LONELY);
        assert_eq!(back_off(3), LONELY * 4);
        assert_eq!(back_off(u32::MAX), LONELY_MAX);
    }
}
