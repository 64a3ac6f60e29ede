//! Where a group stands, as far as this node knows: which term it is, and who coordinates.
//!
//! The engine tells a lot, with every entry. What others wait for changes rarely, so one task per group distils it and
//! wakes them only then.
//!
//! An elected coordinator that is cut off from its quorum is not told so by anybody. It goes on believing in itself
//! until it hears of a later term; nothing it proposes is ever acknowledged meanwhile. So that those who wait for it go
//! elsewhere, it counts as nobody once no quorum has answered it for longer than an election takes.

use std::time::Duration;

use colony_protocol::{identity::Identity, mutant};
use openraft::{CommittedLeaderId, ServerState};
use tokio::sync::watch;

use super::{Metrics, ProposeError, Timing, fatal_error};
use crate::runtime::Runtime;

/// Where a group stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The latest term this node knows.
    pub term: u64,
    /// Who was elected in it, unless it is this node and has lost its quorum.
    pub coordinator: Option<Identity>,
    /// This node coordinates, and has applied an entry of its own term: its state holds everything that was
    /// acknowledged in earlier ones.
    pub leads: bool,
    /// Why the engine ended, if it has.
    pub ended: Option<ProposeError>,
}

/// The task that distils.
pub(super) struct Distiller {
    me: Identity,
    timing: Timing,
    runtime: Runtime,
    /// Since when this node is the elected one, on the steady clock.
    elected: Option<(u64, Duration)>,
}

impl Distiller {
    pub(super) const fn new(me: Identity, timing: Timing, runtime: Runtime) -> Self {
        Self { me, timing, runtime, elected: None }
    }

    /// Runs until the engine ends or nobody wants to know any more.
    pub(super) async fn run(mut self, mut metrics: watch::Receiver<Metrics>, told: watch::Sender<Standing>) {
        loop {
            let now = self.distil(&metrics.borrow_and_update());
            let ended = now.ended.is_some();
            told.send_if_modified(|standing| {
                let changed = *standing != now;
                *standing = now;
                changed
            });
            if ended {
                return;
            }
            tokio::select! {
                biased;
                changed = metrics.changed() => if changed.is_err() {
                    told.send_modify(|standing| *standing = self.stopped(standing.term));
                    return;
                },
                () = told.closed() => return,
            }
        }
    }

    fn distil(&mut self, metrics: &Metrics) -> Standing {
        if let Err(fatal) = &metrics.running_state {
            return Standing { ended: Some(fatal_error(fatal)), ..self.stopped(metrics.current_term) };
        }
        let elected = metrics.current_leader.map(|member| member.0);
        let mine = elected == Some(self.me) && metrics.state == ServerState::Leader;
        let term = metrics.current_term;
        if elected != Some(self.me) {
            self.elected = None;
            return Standing { term, coordinator: elected, leads: false, ended: None };
        }
        if !mine || self.is_cut_off(metrics) {
            return Standing { term, coordinator: None, leads: false, ended: None };
        }
        // Of this very coordinator: the engine lets a second one be elected in the same term, who must not take the
        // first one's entries for its own.
        let office = CommittedLeaderId::new(term, metrics.id);
        let leads = mutant::is("lead-before-it-is-known-what-was")
            || metrics.last_applied.is_some_and(|applied| applied.leader_id == office);
        Standing { term, coordinator: elected, leads, ended: None }
    }

    /// True if no quorum has answered this coordinator for longer than an election takes.
    fn is_cut_off(&mut self, metrics: &Metrics) -> bool {
        let now = self.runtime.elapsed();
        let since = match self.elected {
            Some((term, since)) if term == metrics.current_term => since,
            _ => {
                self.elected = Some((metrics.current_term, now));
                now
            }
        };
        let silence =
            metrics.millis_since_quorum_ack.map_or_else(|| now.saturating_sub(since), Duration::from_millis);
        silence > self.timing.quorum_silence_max()
    }

    const fn stopped(&self, term: u64) -> Standing {
        Standing { term, coordinator: None, leads: false, ended: Some(ProposeError::Stopped) }
    }
}

#[cfg(test)]
mod tests {
    use colony_store::MemberId;
    use openraft::LogId;

    use super::*;
    use crate::runtime::Tokio;

    fn identity(name: &str) -> Identity {
        colony_protocol::identity::SecretKey::derive(name.as_bytes()).identity()
    }

    fn distiller() -> Distiller {
        Distiller::new(identity("me"), Timing::Local, Runtime::new(Tokio::new()))
    }

    fn metrics(leader: &str, term: u64, applied: u64, silence: Option<u64>) -> Metrics {
        let mut metrics = Metrics::new_initial(MemberId(identity("me")));
        let leader = MemberId(identity(leader));
        metrics.current_leader = Some(leader);
        metrics.state = if leader == metrics.id { ServerState::Leader } else { ServerState::Follower };
        metrics.current_term = term;
        metrics.last_applied = Some(LogId::new(CommittedLeaderId::new(applied, leader), 9));
        metrics.millis_since_quorum_ack = silence;
        metrics
    }

    #[tokio::test]
    async fn a_coordinator_leads_when_an_entry_of_its_own_term_is_applied() {
        let mut distiller = distiller();
        let early = distiller.distil(&metrics("me", 3, 2, Some(0)));
        assert_eq!((early.coordinator, early.leads), (Some(identity("me")), false));
        let ready = distiller.distil(&metrics("me", 3, 3, Some(0)));
        assert!(ready.leads);
    }

    #[tokio::test]
    async fn an_entry_of_another_coordinator_of_the_same_term_is_not_its_own() {
        let mut metrics = metrics("me", 3, 3, Some(0));
        let other = MemberId(identity("other"));
        metrics.last_applied = Some(LogId::new(CommittedLeaderId::new(3, other), 9));
        assert!(!distiller().distil(&metrics).leads);
    }

    #[tokio::test]
    async fn a_coordinator_without_a_quorum_counts_as_nobody() {
        let mut distiller = distiller();
        let lost = distiller.distil(&metrics("me", 3, 3, Some(60_000)));
        assert_eq!((lost.coordinator, lost.leads), (None, false));
        let found = distiller.distil(&metrics("me", 3, 3, Some(10)));
        assert!(found.leads);
    }

    #[tokio::test]
    async fn another_coordinator_is_told_as_it_is_known() {
        let other = distiller().distil(&metrics("other", 4, 4, None));
        assert_eq!(other.coordinator, Some(identity("other")));
        assert!(!other.leads);
    }
}
