//! The two memberships side by side, read from where they are kept: the colony's rules and the consensus engine.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    colony::Colony,
    identity::Identity,
    model::member::{Member, Role},
};
use colony_store::{MemberId, MemberInfo};
use openraft::CommittedLeaderId;

use super::plan::{Seats, Wanted};
use crate::consensus::Metrics;

/// Who shall replicate: the active nodes among the members.
pub(super) fn wanted(colony: &Colony) -> BTreeMap<MemberId, Wanted> {
    let nodes = colony.members().filter(|member| member.is_active_node());
    nodes.map(|member| (MemberId(member.id), wanted_of(member))).collect()
}

fn wanted_of(member: &Member) -> Wanted {
    Wanted { info: info_of(member), votes: member.role == Role::Voter, since: member.joined_at }
}

/// How a member is reached, in the engine's form.
pub(super) fn info_of(member: &Member) -> MemberInfo {
    MemberInfo {
        addresses: member.addresses.clone(),
        name: member.name.clone(),
        key: member.key,
        store: member.store,
    }
}

/// Who replicates and who votes.
pub(super) fn seats(metrics: &Metrics) -> Seats {
    let stored = &metrics.membership_config;
    let membership = stored.membership();
    // Both are in the log: what is applied up to there is committed. And whoever begins to coordinate first makes an
    // entry of its own final, so that what it finds in its log is known to be.
    let office = CommittedLeaderId::new(metrics.current_term, metrics.id);
    let settled = metrics.last_applied.is_some_and(|applied| {
        // A term may see a second coordinator: it must not take the first one's entries for its own.
        let own = applied.leader_id == office;
        own && stored.log_id().is_some_and(|log_id| log_id.index <= applied.index)
    });
    Seats {
        voters: membership.get_joint_config().clone(),
        nodes: membership.nodes().map(|(node, info)| (*node, info.clone())).collect(),
        settled,
    }
}

/// Everybody who replicates, except one.
pub(super) fn others(seats: &Seats, me: MemberId) -> BTreeSet<MemberId> {
    seats.nodes.keys().copied().filter(|node| *node != me).collect()
}

/// Whom a node stays connected with: all who replicate, or whom it was told of while it knows of none.
pub(super) fn colleagues(
    seats: &Seats,
    me: MemberId,
    known: &[(Identity, MemberInfo)],
) -> Vec<(Identity, MemberInfo)> {
    if seats.nodes.is_empty() {
        return known.to_vec();
    }
    let others = seats.nodes.iter().filter(|(node, _)| **node != me);
    others.map(|(node, info)| (node.0, info.clone())).collect()
}
