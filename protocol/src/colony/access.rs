//! Who may do what: the owner, members, and the executor that holds a lease.
//!
//! The owner is the colony's own key, or the one it was changed to. Work is submitted by approved executors, users and,
//! unlike in ColonyOS, by the owner: it could make itself a user at any time. What somebody put into the colony, work,
//! files or snapshots, nobody else ends or forgets, but the owner. Nodes keep a replica of everything, so they may ask
//! questions; to submit work they need to be executors too.

use super::Colony;
use crate::{
    identity::Identity,
    model::{
        Executor, ExecutorState, Name,
        member::{Member, MemberState},
    },
    refusal::Refusal,
};

impl Colony {
    /// Whether `by` may ask questions: approved executors, users, active nodes and the owner.
    ///
    /// # Errors
    /// [`Refusal::Denied`] otherwise.
    pub fn may_read(&self, by: &Identity) -> Result<(), Refusal> {
        if self.roster.get(by).is_some_and(Member::is_active_node) {
            return Ok(());
        }
        self.member(by)
    }

    pub(super) fn owner(&self, by: &Identity) -> Result<(), Refusal> {
        if *by == self.owner_id() {
            return Ok(());
        }
        Err(Refusal::denied(*by, "only the colony's owner may do this"))
    }

    pub(super) fn member(&self, by: &Identity) -> Result<(), Refusal> {
        if *by == self.owner_id() || self.members.users.contains_key(by) {
            return Ok(());
        }
        match self.members.executors.get(by) {
            Some(executor) => self.approved_as(executor),
            None => Err(self.gone(by).unwrap_or_else(|| {
                Refusal::denied(*by, "only the colony's executors, users and owner may do this")
            })),
        }
    }

    /// Whether `by` may end or forget work that somebody's key put into the colony.
    ///
    /// # Errors
    /// [`Refusal::Denied`] otherwise.
    pub fn may_end(&self, by: &Identity, initiator: &Identity, name: &str) -> Result<(), Refusal> {
        self.member(by)?;
        if self.has_a_say(by, initiator, name) {
            return Ok(());
        }
        Err(Refusal::denied(*by, "only whoever submitted it, or the colony's owner, may do this"))
    }

    /// Whether a member decides about what somebody's key put into the colony: its own, the owner about everything. What a
    /// key put in that is nobody's any more belongs to whoever bears its name now, having changed its key.
    pub(super) fn has_a_say(&self, by: &Identity, initiator: &Identity, name: &str) -> bool {
        let inherited = || !self.is_known(initiator) && *self.name_of(by) == *name;
        *by == *initiator || *by == self.owner_id() || inherited()
    }

    /// The approved executor with this identity.
    pub(super) fn approved(&self, by: &Identity) -> Result<&Executor, Refusal> {
        let stranger = || Refusal::denied(*by, "only an executor of the colony may do this");
        let executor =
            self.members.executors.get(by).ok_or_else(|| self.gone(by).unwrap_or_else(stranger))?;
        self.approved_as(executor)?;
        Ok(executor)
    }

    fn approved_as(&self, executor: &Executor) -> Result<(), Refusal> {
        let why = match executor.state {
            ExecutorState::Approved => return Ok(()),
            ExecutorState::Pending => "the executor waits for the approval of the colony's owner",
            ExecutorState::Rejected => "the executor was rejected by the colony's owner",
            ExecutorState::Unregistered => match self.gone(&executor.id) {
                Some(refusal) => return Err(refusal),
                None => "the executor was removed; the colony's owner may add it again",
            },
        };
        Err(Refusal::denied(executor.id, why))
    }

    /// What somebody is told who was a member.
    pub(super) fn gone(&self, by: &Identity) -> Option<Refusal> {
        let why = match self.roster.get(by)?.state {
            MemberState::Active => return None,
            MemberState::Left => "this key left the colony; it may return with a new ticket",
            MemberState::Removed => {
                "this member was removed; a new ticket of the colony's owner lets it in again"
            }
            MemberState::Expired => "this membership expired; a new ticket of the colony's owner renews it",
        };
        Some(Refusal::denied(*by, why))
    }

    /// The name that stands beside what somebody submits.
    pub(super) fn name_of(&self, by: &Identity) -> Name {
        if let Some(executor) = self.members.executors.get(by) {
            return executor.name.clone();
        }
        self.members.users.get(by).map_or_else(|| self.meta.name.clone(), |user| user.name.clone())
    }

    /// Whether `by` has a part in the colony, or once had.
    #[must_use]
    pub fn is_known(&self, by: &Identity) -> bool {
        *by == self.owner_id()
            || self.members.users.contains_key(by)
            || self.members.executors.contains_key(by)
            || self.roster.get(by).is_some()
            || self.servers.owns_one(by)
    }
}
