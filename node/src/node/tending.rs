//! When the members send this node away, it takes no part in the colony any more.
//!
//! A node that votes goes on until its vote is taken away, since taking it away may need it. It learns that from the
//! log, like everybody. One that was away then, or whose disk is not the one that was let in, is spoken to by nobody;
//! so whoever has not heard a coordinator for long asks the others what has become of it, again and again.
//!
//! What may never happen: a node that ends its part because of something it only passes through. A new replica replays
//! the colony's history, in which it may have been sent away and let in again; so it looks a second time. And one that
//! starts with a state in which it was sent away, or was let in on another disk, may have come with a new ticket since and
//! been stopped in the middle of the replay; so it asks before it believes that.

use std::time::Duration;

use colony_protocol::{
    bounded::Text,
    identity::Identity,
    model::member::{Member, MemberState},
    refusal::Refusal,
};
use colony_store::{ColonyView, MemberInfo};
use tokio::sync::watch;

use super::{
    colleague::{Heard, Told},
    replica::Replica,
};
use crate::{
    consensus::{Standing, Timing},
    membership::{
        disk::check_disk,
        probe::{Probe, Verdict},
    },
    peers::Peers,
    runtime::Runtime,
};

/// Before a node believes that it was sent away: a replay is past it by then, and a coordinator that was sent away has
/// told the others that this is final.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// How often a node that hears nothing asks, at first.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// The longest such pause: a colony without a majority has other troubles than questions.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);

/// The task of one replica.
pub(super) struct Tending {
    /// What it tends.
    pub(super) replica: Replica,
    /// Its rows.
    pub(super) view: ColonyView,
    /// The connections.
    pub(super) peers: Peers,
    /// This node.
    pub(super) me: Identity,
    /// When a coordinator was last heard.
    pub(super) heard: Heard,
    /// Whom this node was told about.
    pub(super) told: Told,
    /// Asks the others.
    pub(super) probe: Probe,
    /// How far the members are from each other.
    pub(super) timing: Timing,
    /// Time.
    pub(super) runtime: Runtime,
}

impl Tending {
    /// Runs until the engine ends.
    pub(super) async fn run(self, mut news: watch::Receiver<u64>) {
        let mut standing = self.replica.consensus.standing();
        let mut roles = self.replica.consensus.roles();
        // What it was sent away from before this start may be over.
        let mut returns = self.farewell().is_some();
        let (mut pause, mut asked) = (ASK_AGAIN, self.runtime.elapsed());
        if !self.is_on_its_disk()
            && let Some(Verdict::Goes(why)) = self.ask(&mut standing).await
        {
            return self.end(&why.to_string()).await;
        }
        loop {
            news.mark_unchanged();
            roles.mark_unchanged();
            if standing.borrow_and_update().ended.is_some() {
                return;
            }
            match self.farewell() {
                Some(_) if !returns => {
                    self.runtime.sleep(SECOND_LOOK).await;
                    let Some(why) = self.farewell() else { continue };
                    if !matches!(self.ask(&mut standing).await, Some(Verdict::Stays(_))) {
                        return self.end(&format!("{why}; ask another of its nodes")).await;
                    }
                    returns = true;
                }
                Some(_) => {}
                None => returns = false,
            }
            let since = self.runtime.elapsed().saturating_sub(asked);
            let wait = if self.is_forlorn() { pause.saturating_sub(since) } else { self.patience() };
            tokio::select! {
                biased;
                changed = news.changed() => if changed.is_err() { return },
                changed = standing.changed() => if changed.is_err() { return },
                changed = roles.changed() => if changed.is_err() { return },
                () = self.runtime.sleep(wait) => {}
            }
            if !self.is_forlorn() {
                pause = ASK_AGAIN;
                continue;
            }
            // Counted from the last time, not from the last news: one who is not heard calls one election after the other,
            // and each is news.
            if self.runtime.elapsed().saturating_sub(asked) < pause {
                continue;
            }
            pause = match self.ask(&mut standing).await {
                Some(Verdict::Goes(why)) => return self.end(&why.to_string()).await,
                // There is a coordinator, and it should be heard soon.
                Some(Verdict::Stays(_)) => ASK_AGAIN,
                None => pause.saturating_mul(2).min(ASK_AGAIN_MAX),
            };
            asked = self.runtime.elapsed();
        }
    }

    /// How this node's membership ended, if it has, and its vote is gone too.
    fn farewell(&self) -> Option<&'static str> {
        let row = self.row().filter(|row| !row.is_active_node())?;
        self.replica.consensus.is_unseated().then_some(match row.state {
            MemberState::Left => "this node has left the colony",
            MemberState::Removed => "this node was removed from the colony",
            MemberState::Expired => "this node's membership has expired",
            MemberState::Active => "this node keeps no replica of the colony any more",
        })
    }

    /// Whether this node's own state has nothing against its disk.
    fn is_on_its_disk(&self) -> bool {
        self.view.colony().is_ok_and(|colony| check_disk(&colony, &self.me, self.probe.store).is_ok())
    }

    /// Whether no coordinator has spoken to this node for long, and it is none itself.
    fn is_forlorn(&self) -> bool {
        let coordinator = self.replica.consensus.standing().borrow().coordinator;
        coordinator != Some(self.me) && self.heard.silence() >= self.patience()
    }

    /// Long enough for an election, and for another if that fails.
    fn patience(&self) -> Duration {
        self.timing.election_max().saturating_mul(5)
    }

    /// Asks all who may know, unless the engine ends meanwhile.
    async fn ask(&self, standing: &mut watch::Receiver<Standing>) -> Option<Verdict> {
        let nodes = self.colleagues();
        let verdict = tokio::select! {
            biased;
            _ = standing.wait_for(|standing| standing.ended.is_some()) => None,
            verdict = self.probe.ask(&nodes) => verdict,
        };
        if let Some(Verdict::Stays(roll)) = &verdict {
            self.told.learn(roll.clone());
        }
        verdict
    }

    /// Those who replicate, or whom this node was told about when it joined.
    fn colleagues(&self) -> Vec<(Identity, MemberInfo)> {
        let mut nodes = self.replica.consensus.members();
        nodes.extend(self.replica.known.iter().cloned());
        nodes
    }

    /// What the colony knows of this node.
    fn row(&self) -> Option<Member> {
        self.view.colony().ok()?.member_by_id(&self.me).cloned()
    }

    /// Takes no part any more.
    async fn end(&self, why: &str) {
        tracing::warn!(colony = %self.replica.colony, "{why}");
        let refusal = Refusal::Denied { by: self.me, why: Text::cut(why) };
        // Set once.
        self.replica.ended.set(refusal).ok();
        self.replica.stop().await;
        self.peers.forget(&self.replica.colony);
    }
}
