//! Changing who replicates a colony's log and who votes.
//!
//! Thin: each method is one change of the engine's membership, complete when it is committed and applied here. The
//! engine refuses a second change before that. Which change is right is decided in [`crate::membership`].

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::identity::Identity;
use colony_store::{MemberId, MemberInfo};
use openraft::{
    ChangeMembers,
    error::{ChangeMembershipError, ClientWriteError, RaftError},
    metrics::RaftServerMetrics,
};
use tokio::sync::watch;

use super::{Consensus, ProposeError, fatal_error};

/// What the engine tells about vote, coordinator and members: it changes only when one of them does.
pub type Roles = RaftServerMetrics<MemberId, MemberInfo>;

/// Why a change of the membership was not made, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Another member coordinates, or nobody at the moment. The change may or may not be made.
    #[error("this node does not coordinate the colony")]
    NotCoordinator {
        /// Who does, if known.
        coordinator: Option<Identity>,
    },
    /// The change before is not committed yet.
    #[error("another change of the membership is under way")]
    UnderWay,
    /// Nobody would be left to vote.
    #[error("the last voter cannot be taken away")]
    LastVoter,
    /// A vote was meant for a node that does not replicate.
    #[error("{0} does not replicate the colony")]
    NoReplica(MemberId),
    /// The engine ended.
    #[error(transparent)]
    Ended(ProposeError),
}

/// What becomes of a voter that loses its vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseated {
    /// It goes on as a learner, and so hears that it votes no more. A coordinator that is kept in this way would go on
    /// coordinating without a vote.
    Stays,
    /// It is taken out altogether. A coordinator then steps down as soon as the change is committed.
    Goes,
}

impl Consensus {
    /// Takes a node in as a learner. Does not wait until it has caught up.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn add_learner(&self, node: MemberId, info: MemberInfo) -> Result<(), ChangeError> {
        self.change(ChangeMembers::AddNodes(BTreeMap::from([(node, info)])), Unseated::Stays).await
    }

    /// Takes a learner out.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn drop_learner(&self, node: MemberId) -> Result<(), ChangeError> {
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([node])), Unseated::Stays).await
    }

    /// Says how a node is reached and called now. Never for another disk: what was replicated is taken as given.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_info(&self, node: MemberId, info: MemberInfo) -> Result<(), ChangeError> {
        self.change(ChangeMembers::SetNodes(BTreeMap::from([(node, info)])), Unseated::Stays).await
    }

    /// Gives the votes to exactly these, all of whom replicate already. Goes through a state in which the old and the
    /// new voters must both agree; a coordinator that fails there leaves it to the next one to call this again.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_voters(
        &self,
        voters: BTreeSet<MemberId>,
        unseated: Unseated,
    ) -> Result<(), ChangeError> {
        self.change(ChangeMembers::ReplaceAllVoters(voters), unseated).await
    }

    /// What the engine tells about vote, coordinator and members, as it changes.
    #[must_use]
    pub fn roles(&self) -> watch::Receiver<Roles> {
        self.raft.server_metrics()
    }

    async fn change(
        &self,
        change: ChangeMembers<MemberId, MemberInfo>,
        unseated: Unseated,
    ) -> Result<(), ChangeError> {
        let retain = unseated == Unseated::Stays;
        self.raft.change_membership(change, retain).await.map(drop).map_err(change_error)
    }
}

fn change_error(error: RaftError<MemberId, ClientWriteError<MemberId, MemberInfo>>) -> ChangeError {
    let refused = match error {
        RaftError::Fatal(fatal) => return ChangeError::Ended(fatal_error(&fatal)),
        RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
            return ChangeError::NotCoordinator { coordinator: to.leader_id.map(|member| member.0) };
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(refused)) => refused,
    };
    match refused {
        ChangeMembershipError::InProgress(_) => ChangeError::UnderWay,
        ChangeMembershipError::EmptyMembership(_) => ChangeError::LastVoter,
        ChangeMembershipError::LearnerNotFound(missing) => ChangeError::NoReplica(missing.node_id),
    }
}

#[cfg(test)]
mod tests;
