//! Who may do what: the owner, members, and the executor that holds a lease.
//!
//! The owner is the colony's own key. Members are approved executors and users. Unlike in ColonyOS the owner may also
//! do what members may: it could make itself a member at any time.

use super::Colony;
use crate::{
    identity::Identity,
    model::{Executor, ExecutorState, Name},
    refusal::Refusal,
};

impl Colony {
    /// Whether `by` may ask questions: members and the owner.
    ///
    /// # Errors
    /// [`Refusal::Denied`] otherwise.
    pub fn may_read(&self, by: &Identity) -> Result<(), Refusal> {
        self.member(by)
    }

    pub(super) fn owner(&self, by: &Identity) -> Result<(), Refusal> {
        if *by == self.id {
            return Ok(());
        }
        Err(Refusal::denied(*by, "only the colony's owner may do this"))
    }

    pub(super) fn member(&self, by: &Identity) -> Result<(), Refusal> {
        if *by == self.id || self.members.users.contains_key(by) {
            return Ok(());
        }
        match self.members.executors.get(by) {
            Some(executor) => approved(executor),
            None => Err(Refusal::denied(*by, "only the colony's executors, users and owner may do this")),
        }
    }

    /// The approved executor with this identity.
    pub(super) fn approved(&self, by: &Identity) -> Result<&Executor, Refusal> {
        let executor = self
            .members
            .executors
            .get(by)
            .ok_or_else(|| Refusal::denied(*by, "only an executor of the colony may do this"))?;
        approved(executor)?;
        Ok(executor)
    }

    /// The name that stands beside what somebody submits.
    pub(super) fn name_of(&self, by: &Identity) -> Name {
        if let Some(executor) = self.members.executors.get(by) {
            return executor.name.clone();
        }
        self.members.users.get(by).map_or_else(|| self.meta.name.clone(), |user| user.name.clone())
    }

    /// Whether `by` has a part in the colony, or once had.
    pub(super) fn is_known(&self, by: &Identity) -> bool {
        *by == self.id || self.members.users.contains_key(by) || self.members.executors.contains_key(by)
    }
}

fn approved(executor: &Executor) -> Result<(), Refusal> {
    let why = match executor.state {
        ExecutorState::Approved => return Ok(()),
        ExecutorState::Pending => "the executor waits for the approval of the colony's owner",
        ExecutorState::Rejected => "the executor was rejected by the colony's owner",
        ExecutorState::Unregistered => "the executor was removed; the colony's owner may add it again",
    };
    Err(Refusal::denied(executor.id, why))
}
