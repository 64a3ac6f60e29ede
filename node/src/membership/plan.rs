//! Which single change brings the nodes that replicate a colony closer to those its members want.
//!
//! Two memberships exist. The colony's rules say which members are nodes and which of them should vote; that is what
//! people decide. The consensus engine knows who replicates and who votes; that is what counts for a majority. The
//! first changes in an instant, the second only in steps that each keep a majority working. [`plan`] is the whole
//! decision about the next step, as a pure function, so that every order of failures can be tried on it.
//!
//! Seats are 1, 3 or 5: an even number of voters survives no more failures than one less, so voters are added two at a
//! time, and a second voter waits as a learner. Removing somebody can leave an even number; then the next learner that
//! may vote makes it odd again.
//!
//! What may never happen: two changes at once; a voter that has not caught up; a change that leaves the voters without
//! a healthy majority; a disk voting under the name of another that was wiped; the last voter unseated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::time::Timestamp;
use colony_store::{MemberId, MemberInfo};

/// Most voters. Five survive two failures; more cost every command and gain little.
const SEATS_MAX: usize = 5;

/// Most entries a node may be behind and still count as caught up: what fits one message, so that it is level again
/// within a round trip, and what a busy coordinator has under way anyway.
const LAG_MAX: u64 = 64;

/// A member that shall replicate the colony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How it is reached, what it is called, and on which disk it keeps the colony.
    pub info: MemberInfo,
    /// Whether it shall vote when a seat is free.
    pub votes: bool,
    /// Since when it is a member: who came first is seated first.
    pub since: Timestamp,
}

/// Who replicates and who votes, as the consensus engine has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seats {
    /// The sets of voters that must each agree: one, or two while a change is half done.
    pub voters: Vec<BTreeSet<MemberId>>,
    /// Everybody who replicates, voters and learners.
    pub nodes: BTreeMap<MemberId, MemberInfo>,
    /// Whether the last change is committed and applied, by a coordinator that has applied an entry of its own term.
    pub settled: bool,
}

/// What is known of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Whether it is connected and replicates.
    pub alive: bool,
    /// For how long it has been so.
    pub since: Duration,
    /// By how many entries it is behind; `None` while that is not known.
    pub lag: Option<u64>,
}

/// What the decision depends on besides the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The coordinator, who decides: it is healthy, or nobody would ask.
    pub me: MemberId,
    /// How long a voter may be gone before a learner takes its seat.
    pub replace_after: Duration,
}

/// One change of the engine's membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Completes a change of voters that a former coordinator left half done.
    Complete {
        /// Who shall vote.
        voters: BTreeSet<MemberId>,
    },
    /// Takes a learner out.
    Drop {
        /// Who.
        node: MemberId,
        /// Why.
        why: Leaving,
    },
    /// Takes a member in as a learner.
    Add {
        /// Who.
        node: MemberId,
        /// How it is reached.
        info: MemberInfo,
    },
    /// Tells all nodes how one is reached and called now.
    Inform {
        /// Who.
        node: MemberId,
        /// What is new.
        info: MemberInfo,
    },
    /// Gives the votes to these, all of whom replicate already.
    Seat {
        /// Who shall vote.
        voters: BTreeSet<MemberId>,
        /// Why.
        why: Seating,
    },
}

/// Why a node stops replicating or voting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It is no member any more, or none that replicates.
    NoMember,
    /// It is a member that shall not vote any more.
    Demoted,
    /// It keeps the colony on another disk than the one that was admitted.
    OtherDisk,
}

/// Why the votes are given anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seating {
    /// A voter may vote no more; perhaps a learner takes its place.
    Unseat(MemberId, Leaving),
    /// A voter has been gone for too long; a learner takes its place, or an even number becomes odd.
    Replace(MemberId),
    /// Learners become voters.
    Grow,
}

/// The next step towards what is wanted; `None` if there is nothing to do, or nothing that can be done safely now.
#[must_use]
pub fn plan(
    wanted: &BTreeMap<MemberId, Wanted>,
    seats: &Seats,
    health: &BTreeMap<MemberId, Health>,
    rules: Rules,
) -> Option<Step> {
    if !seats.settled {
        return None;
    }
    let look = Look { wanted, seats, health, rules };
    // Without a majority nothing can be committed, and what is only proposed would be in the way later.
    if !seats.voters.iter().all(|voters| look.is_majority(voters, |id| look.is_alive(id))) {
        return None;
    }
    let voters = match seats.voters.as_slice() {
        [voters] if voters.contains(&rules.me) => voters,
        [_, goal] => return Some(Step::Complete { voters: goal.clone() }),
        // A coordinator without a vote is about to step down.
        _ => return None,
    };
    look.drop_learner(voters)
        .or_else(|| look.unseat(voters))
        .or_else(|| look.inform())
        .or_else(|| look.add())
        .or_else(|| look.replace(voters))
        .or_else(|| look.grow(voters))
}

/// Everything the decision is made from.
#[derive(Clone, Copy)]
struct Look<'a> {
    wanted: &'a BTreeMap<MemberId, Wanted>,
    seats: &'a Seats,
    health: &'a BTreeMap<MemberId, Health>,
    rules: Rules,
}

impl Look<'_> {
    /// Takes out one learner that shall not replicate, or not from that disk.
    fn drop_learner(&self, voters: &BTreeSet<MemberId>) -> Option<Step> {
        let mut learners = self.seats.nodes.keys().filter(|node| !voters.contains(node));
        learners.find_map(|node| match self.leaving(node)? {
            Leaving::Demoted => None,
            why => Some(Step::Drop { node: *node, why }),
        })
    }

    /// Takes the vote from one who may not have it any more. Whoever is gone goes first, since that only adds to what
    /// the others can survive; the coordinator goes last, since it has to step down for it.
    fn unseat(&self, voters: &BTreeSet<MemberId>) -> Option<Step> {
        let mut goers: Vec<(MemberId, Leaving)> =
            voters.iter().filter_map(|voter| Some((*voter, self.leaving(voter)?))).collect();
        goers.sort_by_key(|(voter, _)| (*voter == self.rules.me, self.is_healthy(voter), *voter));
        let (others, me): (Vec<_>, Vec<_>) =
            goers.into_iter().partition(|(voter, _)| *voter != self.rules.me);
        let turn = if others.is_empty() { me } else { others };
        turn.into_iter().find_map(|(voter, why)| {
            let voters = self.without(voters, voter, true)?;
            Some(Step::Seat { voters, why: Seating::Unseat(voter, why) })
        })
    }

    /// Passes on a changed address or name.
    fn inform(&self) -> Option<Step> {
        self.seats.nodes.iter().find_map(|(node, known)| {
            let info = &self.wanted.get(node)?.info;
            // Another disk is another replica: it is taken out and in again, never renamed into the old one's place.
            let changed = info != known && info.store == known.store;
            changed.then(|| Step::Inform { node: *node, info: info.clone() })
        })
    }

    /// Takes in one member that shall replicate, reachable or not: it becomes reachable by being taken in.
    fn add(&self) -> Option<Step> {
        let (node, wanted) = self.wanted.iter().find(|(node, _)| !self.seats.nodes.contains_key(node))?;
        Some(Step::Add { node: *node, info: wanted.info.clone() })
    }

    /// Gives the seat of a voter that has been gone for too long to somebody who is there.
    fn replace(&self, voters: &BTreeSet<MemberId>) -> Option<Step> {
        voters.iter().filter(|voter| self.is_lost(voter)).find_map(|voter| {
            // Without a substitute an odd number stays: fewer seats would survive less once the voter is back.
            let voters = self.without(voters, *voter, voters.len().is_multiple_of(2))?;
            Some(Step::Seat { voters, why: Seating::Replace(*voter) })
        })
    }

    /// Fills the seats up to the next odd number, if there are learners for all of them.
    fn grow(&self, voters: &BTreeSet<MemberId>) -> Option<Step> {
        let goal = if voters.len().is_multiple_of(2) { voters.len() + 1 } else { voters.len() + 2 };
        let new: Vec<MemberId> = self.candidates().into_iter().take(goal - voters.len()).collect();
        let grown: BTreeSet<MemberId> = voters.iter().copied().chain(new).collect();
        let fits = grown.len() == goal && goal <= SEATS_MAX;
        (fits && self.is_safe(&grown)).then_some(Step::Seat { voters: grown, why: Seating::Grow })
    }

    /// The voters with a learner in the place of one of them; else, if that is allowed, without it.
    fn without(
        &self,
        voters: &BTreeSet<MemberId>,
        gone: MemberId,
        may_shrink: bool,
    ) -> Option<BTreeSet<MemberId>> {
        let rest: BTreeSet<MemberId> = voters.iter().copied().filter(|voter| *voter != gone).collect();
        let substituted = self.candidates().first().map(|substitute| {
            let mut substituted = rest.clone();
            substituted.insert(*substitute);
            substituted
        });
        let shrunk = may_shrink.then_some(rest);
        [substituted, shrunk].into_iter().flatten().find(|voters| self.is_safe(voters))
    }

    /// Learners that may vote at once, the longest-serving first.
    fn candidates(&self) -> Vec<MemberId> {
        let voters = self.seats.voters.iter().flatten().collect::<BTreeSet<_>>();
        let mut candidates: Vec<(Timestamp, MemberId)> = self
            .seats
            .nodes
            .keys()
            .filter(|node| !voters.contains(node) && self.leaving(node).is_none() && self.is_healthy(node))
            .filter_map(|node| Some((self.wanted.get(node)?.since, *node)))
            .collect();
        candidates.sort_unstable();
        candidates.into_iter().map(|(_, node)| node).collect()
    }

    /// Why a node may not vote, or not even replicate; `None` if it may do both.
    fn leaving(&self, node: &MemberId) -> Option<Leaving> {
        let Some(wanted) = self.wanted.get(node) else { return Some(Leaving::NoMember) };
        let known = self.seats.nodes.get(node);
        if known.is_none_or(|known| known.store != wanted.info.store) {
            return Some(Leaving::OtherDisk);
        }
        (!wanted.votes).then_some(Leaving::Demoted)
    }

    /// Whether these voters could go on working, and survive as much as their number promises as soon as all are back.
    fn is_safe(&self, voters: &BTreeSet<MemberId>) -> bool {
        self.is_majority(voters, |id| self.is_healthy(id))
    }

    fn is_majority(&self, voters: &BTreeSet<MemberId>, holds: impl Fn(&MemberId) -> bool) -> bool {
        voters.iter().filter(|id| holds(id)).count() > voters.len() / 2
    }

    fn is_alive(&self, id: &MemberId) -> bool {
        *id == self.rules.me || self.health.get(id).is_some_and(|health| health.alive)
    }

    /// Alive and level with the coordinator.
    fn is_healthy(&self, id: &MemberId) -> bool {
        let level = |health: &Health| health.alive && health.lag.is_some_and(|lag| lag <= LAG_MAX);
        *id == self.rules.me || self.health.get(id).is_some_and(level)
    }

    fn is_lost(&self, id: &MemberId) -> bool {
        let gone = |health: &Health| !health.alive && health.since >= self.rules.replace_after;
        *id != self.rules.me && self.health.get(id).is_some_and(gone)
    }
}

#[cfg(test)]
mod churn;
#[cfg(test)]
mod tests;
