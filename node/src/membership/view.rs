//! The members as one node sees them: what the colony knows, who votes, and how this node reaches them.

use std::time::Duration;

use colony_protocol::{
    colony::Colony,
    identity::Identity,
    model::member::{Member, MemberView, Path, Seat},
    time::{Span, Timestamp},
};
use colony_store::MemberId;

use crate::{consensus::Metrics, peers::Peers, runtime::Runtime};

/// All members, gone ones included, as the node `me` sees them now.
pub(crate) fn members(
    colony: &Colony,
    metrics: &Metrics,
    peers: &Peers,
    me: &Identity,
    runtime: &Runtime,
) -> Vec<MemberView> {
    let (now, elapsed) = (runtime.now(), runtime.elapsed());
    let view = |member: &Member| {
        let info = peers.path_to(&member.key);
        let own = member.id == *me;
        let silence =
            if own { Some(Duration::ZERO) } else { info.map(|info| elapsed.saturating_sub(info.heard)) };
        MemberView {
            member: member.clone(),
            seat: seat(metrics, &member.id),
            path: if own { Some(Path::Own) } else { info.as_ref().map(|info| info.path) },
            rtt: info.and_then(|info| info.rtt).map(span),
            path_since: info.map(|info| now.before(span(elapsed.saturating_sub(info.since)))),
            last_heard: silence
                .map(|silence| now.before(span(silence)))
                .or_else(|| recorded(colony, &member.id)),
        }
    };
    colony.members().map(view).collect()
}

/// What a member is for the consensus, as this node knows it.
fn seat(metrics: &Metrics, id: &Identity) -> Seat {
    let membership = metrics.membership_config.membership();
    let id = MemberId(*id);
    if membership.get_joint_config().iter().any(|voters| voters.contains(&id)) {
        Seat::Voter
    } else if membership.get_node(&id).is_some() {
        Seat::Learner
    } else {
        Seat::None
    }
}

/// When the colony last recorded a call of the executor that a member is besides.
fn recorded(colony: &Colony, id: &Identity) -> Option<Timestamp> {
    colony.executor(id).map(|executor| executor.last_heard_at).filter(|at| *at != Timestamp::ZERO)
}

fn span(duration: Duration) -> Span {
    Span::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
