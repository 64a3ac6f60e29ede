//! What becomes of a member: other addresses, another role, the end.
//!
//! When a membership ends, whatever ended it, all that the key was in the colony ends with it: its executor is
//! unregistered and the leases go back to the queue, its user is dropped. From the same entry on it is refused.
//!
//! What may never happen: a colony without an active voter, which could never decide anything again. So the last one
//! is neither demoted nor removed, cannot leave, and does not expire.

use super::{Colony, Event, Outbox, RowKey};
use crate::{
    identity::Identity,
    model::{
        ExecutorState,
        member::{Addresses, Member, MemberState, Role},
    },
    refusal::Refusal,
    reply::Reply,
    validate,
};

impl Colony {
    pub(super) fn update_member(
        &mut self,
        by: &Identity,
        addresses: &Addresses,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let member = self.active(by)?;
        validate::addresses(addresses)?;
        if member.addresses != *addresses {
            self.put_member(Member { addresses: addresses.clone(), ..member.clone() }, out);
        }
        Ok(Reply::Done)
    }

    pub(super) fn promote_member(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let member = self.node_named(by, name)?;
        self.set_role(member, Role::Voter, out)
    }

    pub(super) fn demote_member(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let member = self.node_named(by, name)?;
        self.keep_a_voter(&member)?;
        self.set_role(member, Role::Observer, out)
    }

    pub(super) fn remove_member(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let member = self.active_named(name)?;
        self.keep_a_voter(&member)?;
        self.end_membership(member, MemberState::Removed, out);
        Ok(Reply::Done)
    }

    pub(super) fn leave(&mut self, by: &Identity, out: &mut Outbox) -> Result<Reply, Refusal> {
        let member = self.active(by)?.clone();
        self.keep_a_voter(&member)?;
        self.end_membership(member, MemberState::Left, out);
        Ok(Reply::Done)
    }

    /// The time of a membership is over.
    pub(super) fn expire_member(&mut self, id: &Identity, out: &mut Outbox) {
        let Some(member) = self.roster.get(id).cloned() else { return };
        if self.roster.is_last_voter(id) {
            // From now on it stays until there is another voter and the owner removes it.
            self.put_member(Member { until: None, ..member }, out);
        } else {
            self.end_membership(member, MemberState::Expired, out);
        }
    }

    /// The executor or user that somebody was a member for was removed by itself: then the membership is over too.
    pub(super) fn part_removed(&mut self, id: &Identity, role: Role, by: &Identity, out: &mut Outbox) {
        let member = self.roster.get(id).filter(|member| member.is_active() && member.role == role).cloned();
        if let Some(member) = member {
            let state = if by == id { MemberState::Left } else { MemberState::Removed };
            self.end_membership(member, state, out);
        }
    }

    fn end_membership(&mut self, member: Member, state: MemberState, out: &mut Outbox) {
        let id = member.id;
        self.put_member(Member { state, ended_at: Some(self.meta.now), ..member }, out);
        self.take_parts(&id, out);
    }

    /// Whatever else the key is in the colony, it is no more.
    pub(super) fn take_parts(&mut self, id: &Identity, out: &mut Outbox) {
        let executor = self.members.executors.get(id);
        if let Some(executor) = executor.filter(|executor| executor.state != ExecutorState::Unregistered) {
            self.unregister(executor.clone(), out);
        }
        if self.members.users.contains_key(id) {
            self.drop_user(id, out);
        }
    }

    fn set_role(&mut self, member: Member, role: Role, out: &mut Outbox) -> Result<Reply, Refusal> {
        if member.role != role {
            self.put_member(Member { role, ..member }, out);
        }
        Ok(Reply::Done)
    }

    pub(super) fn put_member(&mut self, member: Member, out: &mut Outbox) {
        out.touch(RowKey::Member(member.id));
        out.event(Event::Members);
        self.roster.put(member);
    }

    fn active(&self, by: &Identity) -> Result<&Member, Refusal> {
        let member = self.roster.get(by).filter(|member| member.is_active());
        let stranger = || Refusal::denied(*by, "only a member of the colony may do this");
        member.ok_or_else(|| self.gone(by).unwrap_or_else(stranger))
    }

    fn active_named(&self, name: &str) -> Result<Member, Refusal> {
        self.roster.named(name).cloned().ok_or_else(|| Refusal::not_found(format!("member `{name}`")))
    }

    /// The node that the owner names.
    fn node_named(&self, by: &Identity, name: &str) -> Result<Member, Refusal> {
        self.owner(by)?;
        let member = self.active_named(name)?;
        if member.role.is_node() {
            return Ok(member);
        }
        let why = format!(
            "`{name}` is no node but of role {}; to keep a replica it needs a ticket: `colony invite --role observer`",
            member.role
        );
        Err(Refusal::invalid("name", why))
    }

    fn keep_a_voter(&self, member: &Member) -> Result<(), Refusal> {
        if self.roster.is_last_voter(&member.id) {
            return Err(Refusal::LastVoter { name: member.name.clone() });
        }
        Ok(())
    }
}
