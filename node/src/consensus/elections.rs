//! Elections only with a quorum at hand.
//!
//! The engine has no trial vote: a member that calls an election it cannot win raises the term all the same, and when
//! it meets the others again that term deposes a coordinator that worked. So a member may call elections only while it
//! has live connections to a quorum. When it gets its quorum back it first listens for as long as a coordinator may
//! take to be heard; only then may it call one.
//!
//! Nor may one that only passes through a membership in which it votes. A node that was sent away and let in again on an
//! empty disk replays a history in which it voted on the disk before; by that membership it would stand for election
//! against a coordinator that it does not even know yet, again and again, and no coordinator would last. Each
//! membership names the disks of its voters, so it can tell.
//!
//! A coordinator that dies costs nothing here: the connections to the others stay, and they are a quorum.
//!
//! A member that coordinates a colony of its own, with nobody else in it, has no election to fear and nobody to tell
//! that it lives. Its engine's clock is stopped: with a hundred such colonies on a node it is what costs most.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colony_protocol::{identity::Identity, model::member::StoreId, mutant};
use colony_store::{MemberId, MemberInfo};
use openraft::Membership;
use tokio::sync::watch;

use super::Consensus;
use crate::runtime::Runtime;

/// Nothing to wait for but news.
const IDLE: Duration = Duration::from_secs(3600);

/// Identities with a live connection now.
pub type Reachable = watch::Receiver<Arc<BTreeSet<Identity>>>;

/// Allows and forbids elections until the engine or the connections end.
pub(super) async fn watch_over(
    consensus: Consensus,
    store: StoreId,
    mut reachable: Reachable,
    runtime: Runtime,
) {
    let mut metrics = consensus.raft.server_metrics();
    let mut listening = Listening::default();
    loop {
        let now = runtime.elapsed();
        let (quorum, alone, undisturbed) = {
            let metrics = metrics.borrow_and_update();
            let membership = metrics.membership_config.membership();
            let leads = metrics.current_leader == Some(consensus.me);
            let configs: Vec<BTreeSet<Identity>> = membership
                .get_joint_config()
                .iter()
                .map(|voters| voters.iter().map(|member| member.0).collect())
                .collect();
            let me = consensus.me.0;
            let reachable = reachable.borrow_and_update().clone();
            let alone = is_alone(&configs, me);
            let undisturbed = leads && alone && membership.nodes().count() == 1;
            let seated = is_seated(membership, consensus.me, store);
            (seated && has_quorum(&configs, me, &reachable), seated && alone, undisturbed)
        };
        consensus.run_clock(!undisturbed);
        let pause = listening.look(quorum, alone, now, consensus.timing.election_max());
        consensus.allow_elections(pause.is_none());
        tokio::select! {
            biased;
            changed = metrics.changed() => if changed.is_err() { return },
            changed = reachable.changed() => if changed.is_err() { return },
            () = runtime.sleep(pause.unwrap_or(IDLE)) => {}
        }
    }
}

/// Since when a quorum is at hand.
#[derive(Debug, Default)]
struct Listening {
    since: Option<Duration>,
}

impl Listening {
    /// How long elections must still wait; `None` if they may be called.
    fn look(&mut self, quorum: bool, alone: bool, now: Duration, listen: Duration) -> Option<Duration> {
        if alone {
            return None;
        }
        if !quorum {
            self.since = None;
            return Some(IDLE);
        }
        let since = *self.since.get_or_insert(now);
        let left = (since + listen).saturating_sub(now);
        (!left.is_zero()).then_some(left)
    }
}

/// True if this node and those it reaches are a majority of every set of voters that counts now.
fn has_quorum(configs: &[BTreeSet<Identity>], me: Identity, reachable: &BTreeSet<Identity>) -> bool {
    configs.iter().all(|voters| {
        let here = voters.iter().filter(|voter| **voter == me || reachable.contains(voter)).count();
        here > voters.len() / 2
    })
}

/// Whether it is this disk of the node that the membership names.
fn is_seated(membership: &Membership<MemberId, MemberInfo>, me: MemberId, store: StoreId) -> bool {
    membership.get_node(&me).is_some_and(|info| info.store == store) || mutant::is("stand-for-what-was")
}

fn is_alone(configs: &[BTreeSet<Identity>], me: Identity) -> bool {
    configs.iter().all(|voters| voters.len() == 1 && voters.contains(&me))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn set(names: &[u8]) -> BTreeSet<Identity> {
        names.iter().map(|name| Identity::from_bytes([*name; 32])).collect()
    }

    fn me() -> Identity {
        Identity::from_bytes([1; 32])
    }

    #[test]
    fn a_quorum_is_a_majority_of_every_set_of_voters() {
        assert!(has_quorum(&[set(&[1, 2, 3])], me(), &set(&[2])));
        assert!(!has_quorum(&[set(&[1, 2, 3])], me(), &set(&[4])));
        assert!(has_quorum(&[set(&[1])], me(), &set(&[])));
        // While the set changes, both count.
        assert!(!has_quorum(&[set(&[1, 2, 3]), set(&[4, 5, 6])], me(), &set(&[2, 3])));
        assert!(!has_quorum(&[set(&[1, 2])], me(), &set(&[])));
    }

    #[test]
    fn who_votes_on_another_disk_has_no_seat() {
        let (before, now) = (StoreId::from_bytes([1; 16]), StoreId::from_bytes([2; 16]));
        let me = MemberId(me());
        let info = MemberInfo { store: before, ..MemberInfo::default() };
        let membership = Membership::new(vec![BTreeSet::from([me])], BTreeMap::from([(me, info)]));
        assert!(is_seated(&membership, me, before));
        assert!(!is_seated(&membership, me, now));
        assert!(!is_seated(&membership, MemberId::default(), before));
    }

    #[test]
    fn who_is_alone_never_waits() {
        let mut listening = Listening::default();
        let alone = is_alone(&[set(&[1])], me());
        assert_eq!(listening.look(true, alone, Duration::ZERO, Duration::from_secs(1)), None);
    }

    #[test]
    fn a_quorum_that_came_back_is_listened_to_before_an_election() {
        let (mut listening, listen) = (Listening::default(), Duration::from_millis(400));
        assert!(listening.look(false, false, Duration::ZERO, listen).is_some());
        let back = Duration::from_secs(5);
        assert_eq!(listening.look(true, false, back, listen), Some(listen));
        assert_eq!(listening.look(true, false, back + listen / 2, listen), Some(listen / 2));
        assert_eq!(listening.look(true, false, back + listen, listen), None);
        // Lost and found again: from the start.
        assert!(listening.look(false, false, back + listen, listen).is_some());
        assert_eq!(listening.look(true, false, back + listen * 2, listen), Some(listen));
    }
}
