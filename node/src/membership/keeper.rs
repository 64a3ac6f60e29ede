//! The task that keeps a colony's nodes in order: one for each colony on each node.
//!
//! Everywhere it says with whom this node stays connected, and watches who is there. On the coordinator it also asks
//! [`plan`](super::plan::plan) for the next step and carries it out: one at a time, each committed and applied before
//! the next, with an election's length of quiet in between, since replication starts anew with every change.
//!
//! What may never happen: a change begun by a node that no longer coordinates; two changes at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use colony_protocol::identity::Identity;
use colony_store::{ColonyView, MemberId, MemberInfo};
use libp2p::Multiaddr;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    announce::announce,
    health::{Sight, Tracker},
    plan::{Rules, Seats, Step, Wanted, plan},
    seating, words,
};
use crate::{
    client::Client,
    consensus::{ChangeError, Consensus, Metrics, Timing, Unseated},
    coordinator::Events,
    peers::Peers,
    runtime::Runtime,
};

/// How often a coordinator looks whether a learner has caught up or a voter has been gone for too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same shortly after something changed: a new member waits for the next step.
const LOOK_SOON: Duration = Duration::from_millis(200);
/// How long after a change the next one is likely.
const BUSY_FOR: Duration = Duration::from_secs(10);
/// How often a node looks that does not coordinate, or that is the colony's only one: all that concerns it is told to it.
const LOOK_SELDOM: Duration = Duration::from_secs(10);
/// How long one change may take to be committed. A coordinator that lost its majority is told to look again.
const CHANGE_PATIENCE: Duration = Duration::from_secs(10);

/// What the task works with.
#[derive(Debug)]
pub struct Parts {
    /// This node.
    pub me: Identity,
    /// The colony.
    pub colony: Identity,
    /// Its applied state.
    pub view: ColonyView,
    /// Its Raft group.
    pub consensus: Consensus,
    /// News from applied entries.
    pub events: Arc<Events>,
    /// The other nodes.
    pub peers: Peers,
    /// Whom a new member stays connected with until it knows the group.
    pub known: Vec<(Identity, MemberInfo)>,
    /// Signs as this node.
    pub client: Client,
    /// Where this node is reached.
    pub addresses: watch::Receiver<Vec<Multiaddr>>,
    /// How far the members are from each other.
    pub timing: Timing,
    /// How long a voter may be gone before a learner takes its seat.
    pub replace_after: Duration,
}

/// A handle to the task.
#[derive(Debug, Clone)]
pub struct Keeper {
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Keeper {
    /// Starts the task.
    #[must_use]
    pub fn start(parts: Parts, runtime: &Runtime) -> Self {
        let keeper = Self { stop: CancellationToken::new(), stopped: CancellationToken::new() };
        let stopped = keeper.stopped.clone().drop_guard();
        let announcing = announce(
            parts.client.clone(),
            parts.view.clone(),
            parts.me,
            parts.addresses.clone(),
            runtime.clone(),
        );
        let task = Task {
            me: MemberId(parts.me),
            parts,
            tracker: Tracker::default(),
            kept: None,
            last: None,
            busy_until: Duration::ZERO,
            runtime: runtime.clone(),
        };
        let both = futures::future::join(announcing, task.run());
        let stop = keeper.stop.clone();
        runtime.spawn("membership", async move {
            stop.run_until_cancelled_owned(both).await;
            drop(stopped);
        });
        keeper
    }

    /// Begins nothing more, and completes when the task has ended. A change under way is left to the engine.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

/// Both memberships and who is connected: when none of them changed there is no hurry.
type Situation = (BTreeMap<MemberId, Wanted>, Seats, Arc<BTreeSet<Identity>>);

/// What the task remembers.
struct Task {
    me: MemberId,
    parts: Parts,
    tracker: Tracker,
    /// Whom this node was last told to stay connected with.
    kept: Option<Vec<(Identity, MemberInfo)>>,
    /// What was found at the last look.
    last: Option<Situation>,
    /// Until when the next change is likely.
    busy_until: Duration,
    runtime: Runtime,
}

impl Task {
    async fn run(mut self) {
        let mut roles = self.parts.consensus.roles();
        let mut reachable = self.parts.peers.reachable();
        let events = Arc::clone(&self.parts.events);
        loop {
            roles.borrow_and_update();
            reachable.borrow_and_update();
            if let Some(step) = self.look() {
                self.carry_out(step).await;
                self.runtime.sleep(self.parts.timing.election_max()).await;
                continue;
            }
            tokio::select! {
                biased;
                changed = roles.changed() => if changed.is_err() { return },
                changed = reachable.changed() => if changed.is_err() { return },
                () = events.membership() => {}
                () = self.runtime.sleep(self.pace()) => {}
            }
        }
    }

    /// Looks at everything once: connects whom it must, and says what is to be done, if it is this node's to do.
    fn look(&mut self) -> Option<Step> {
        let metrics = self.parts.consensus.metrics().borrow().clone();
        let seats = seating::seats(&metrics);
        self.keep(&seats);
        let reachable = self.parts.peers.reachable().borrow().clone();
        let coordinates = metrics.state.is_leader() && metrics.running_state.is_ok();
        let matched = coordinates.then(|| matched(&metrics));
        let now = self.runtime.elapsed();
        let health = self.tracker.observe(Sight {
            now,
            nodes: &seating::others(&seats, self.me),
            reachable: &reachable,
            last: metrics.last_log_index.unwrap_or(0),
            matched: matched.as_ref(),
        });
        if !coordinates {
            self.last = None;
            return None;
        }
        // A state that cannot be trusted decides nothing.
        let wanted = seating::wanted(&*self.parts.view.colony().ok()?);
        let rules = Rules { me: self.me, replace_after: self.parts.replace_after };
        let step = plan(&wanted, &seats, &health, rules);
        let situation = (wanted, seats, reachable);
        if self.last.as_ref() != Some(&situation) {
            self.busy_until = now.saturating_add(BUSY_FOR);
            self.last = Some(situation);
        }
        step
    }

    /// Says with whom to stay connected, when that has changed.
    fn keep(&mut self, seats: &Seats) {
        let colleagues = seating::colleagues(seats, self.me, &self.parts.known);
        if self.kept.as_ref() != Some(&colleagues) {
            self.parts.peers.keep(self.parts.colony, colleagues.clone());
            self.kept = Some(colleagues);
        }
    }

    fn pace(&self) -> Duration {
        match &self.last {
            None => LOOK_SELDOM,
            Some((wanted, seats, _)) if is_alone(wanted, seats, self.me) => LOOK_SELDOM,
            Some(_) if self.runtime.elapsed() < self.busy_until => LOOK_SOON,
            Some(_) => LOOK_EVERY,
        }
    }

    /// Makes a change and waits until it is final, unless this node is deposed meanwhile.
    async fn carry_out(&self, step: Step) {
        tracing::info!(colony = %self.parts.colony, "{}", words::of(&step, |node| self.name_of(node)));
        let made = tokio::select! {
            biased;
            made = self.runtime.timeout(CHANGE_PATIENCE, self.change(step)) => made,
            () = self.deposed() => None,
        };
        match made {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::info!(%error, "the change of members was not made; looking again"),
            None => tracing::info!("the change of members was not seen through; looking again"),
        }
    }

    async fn change(&self, step: Step) -> Result<(), ChangeError> {
        let consensus = &self.parts.consensus;
        match step {
            Step::Complete { voters } | Step::Seat { voters, .. } => {
                let stays = voters.contains(&self.me);
                let unseated = if stays { Unseated::Stays } else { Unseated::Goes };
                consensus.set_voters(voters, unseated).await
            }
            Step::Drop { node, .. } => consensus.drop_learner(node).await,
            Step::Add { node, info } => consensus.add_learner(node, info).await,
            Step::Inform { node, info } => consensus.set_info(node, info).await,
        }
    }

    /// Completes when this node does not coordinate.
    async fn deposed(&self) {
        let mut roles = self.parts.consensus.roles();
        // An engine that left its group goes on naming itself; its state says that it leads no more. An error says that
        // it has ended.
        roles.wait_for(|roles| !roles.state.is_leader()).await.ok();
    }

    /// What people call a node.
    fn name_of(&self, node: &MemberId) -> String {
        let colony = self.parts.view.colony().ok();
        let member = colony.as_ref().and_then(|colony| colony.member_by_id(&node.0));
        member.map_or_else(|| node.to_string(), |member| member.name.to_string())
    }
}

/// Whether this node is all there is, and nobody else is wanted: then only a new member changes anything, and that wakes
/// the task. Most colonies of a node that serves many are like this.
fn is_alone(wanted: &BTreeMap<MemberId, Wanted>, seats: &Seats, me: MemberId) -> bool {
    let only_me = |node: &MemberId| *node == me;
    seats.settled && wanted.keys().all(only_me) && seats.nodes.keys().all(only_me)
}

/// What each node is known to have.
fn matched(metrics: &Metrics) -> BTreeMap<MemberId, Option<u64>> {
    let replication = metrics.replication.iter().flatten();
    replication.map(|(node, matched)| (*node, matched.map(|log_id| log_id.index))).collect()
}

#[cfg(test)]
mod tests {
    use colony_protocol::identity::SecretKey;

    use super::*;

    fn member(name: &[u8]) -> MemberId {
        MemberId(SecretKey::derive(name).identity())
    }

    #[test]
    fn a_node_is_alone_only_while_nobody_else_replicates_or_is_wanted() {
        let (me, other) = (member(b"me"), member(b"other"));
        let info = MemberInfo::default();
        let alone = Seats {
            voters: vec![BTreeSet::from([me])],
            nodes: BTreeMap::from([(me, info.clone())]),
            settled: true,
        };
        assert!(is_alone(&BTreeMap::new(), &alone, me));

        // A change that is not final has a next step.
        let unsettled = Seats { settled: false, ..alone.clone() };
        assert!(!is_alone(&BTreeMap::new(), &unsettled, me));

        // Who replicates must be watched, even if nobody wants it any more.
        let two = Seats { nodes: BTreeMap::from([(me, info.clone()), (other, info)]), ..alone };
        assert!(!is_alone(&BTreeMap::new(), &two, me));
    }
}
