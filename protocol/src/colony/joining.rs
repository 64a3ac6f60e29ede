//! The way in: by ticket, or by the owner's own word.
//!
//! The same check runs twice: on the coordinator before a request enters the log, so that strangers cannot fill it, and
//! when the entry is applied, where it decides. Everything is checked before anything changes.
//!
//! A key that asks again is not let in twice. With the same disk it gets the same answer and uses nothing of the
//! ticket: its first answer may have been lost. With another disk it needs a ticket that still counts, and its row
//! then names the new disk: the colony must not believe that it still has what the old one held.

use super::{
    Colony, Event, Outbox, RowKey,
    members::{MEMBERS_MAX, check_name},
};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{
        Executor, ExecutorState, Name, User,
        member::{Member, MemberState, NewExecutor, NewMember, Role},
    },
    refusal::Refusal,
    reply::{FIRST_PEERS_MAX, Reply},
    ticket::{SignedTicket, Ticket, TicketError},
    time::Timestamp,
    validate,
};

impl Colony {
    /// Whether [`crate::command::Command::Join`] would be carried out now: for the coordinator, before it proposes one.
    ///
    /// # Errors
    /// The [`Refusal`] that applying it would give.
    pub fn may_join(
        &self,
        by: &Identity,
        ticket: &SignedTicket,
        member: &NewMember,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.joins_by(by, ticket, member, now.max(self.meta.now)).map(drop)
    }

    pub(super) fn join(
        &mut self,
        by: &Identity,
        ticket: &SignedTicket,
        member: &NewMember,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        if let Some(ticket) = self.joins_by(by, ticket, member, self.meta.now)? {
            self.tickets.count(&ticket);
            out.touch(RowKey::Ticket(ticket.id));
            self.admit(member, ticket.role, ticket.member_until, out);
        }
        self.joined(by)
    }

    pub(super) fn add_member(
        &mut self,
        by: &Identity,
        member: &NewMember,
        role: Role,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let id = member.key.identity();
        if id == Identity::NOBODY {
            return Err(Refusal::invalid("key", "a member needs a key"));
        }
        match self.roster.get(&id).filter(|known| known.is_active() && known.store == member.store) {
            Some(known) if known.role == role => {}
            Some(known) => return Err(Refusal::exists(format!("{} `{}`", known.role, known.name))),
            None => {
                self.check_new_member(&id, member, role)?;
                self.admit(member, role, None, out);
            }
        }
        self.joined(&id)
    }

    /// The ticket that lets the caller in; `None` if it is in already.
    fn joins_by(
        &self,
        by: &Identity,
        ticket: &SignedTicket,
        member: &NewMember,
        now: Timestamp,
    ) -> Result<Option<Ticket>, Refusal> {
        if !self.meta.founded {
            return Err(Refusal::not_found("the colony (it was not founded yet)"));
        }
        if member.key.identity() != *by {
            return Err(Refusal::denied(*by, "a key joins for itself alone: sign with the key that joins"));
        }
        if self.owner_id() != self.id {
            // The key that signs tickets is not the owner's any more.
            let why = "the colony's owner has a new key and takes no tickets; ask the owner to add you";
            return Err(Refusal::Ticket(Text::cut(why)));
        }
        let ticket = ticket.verify()?;
        if ticket.colony != self.id {
            return Err(TicketError::WrongColony { name: ticket.colony_name }.into());
        }
        let known = self.roster.get(by);
        if known.is_some_and(|known| known.is_active() && known.store == member.store) {
            return Ok(None);
        }
        ticket.check(&self.id, now)?;
        // Who left, or whose time was over, may use whatever ticket still counts; who was sent away may not.
        let removed = known.filter(|known| known.state == MemberState::Removed);
        if removed.and_then(|removed| removed.ended_at).is_some_and(|ended| ticket.issued <= ended) {
            return Err(TicketError::BeforeRemoval.into());
        }
        if let Some(name) = ticket.member_name.as_ref().filter(|name| **name != member.name) {
            return Err(TicketError::WrongName { name: name.clone() }.into());
        }
        self.tickets.check(&ticket)?;
        self.check_new_member(by, member, ticket.role)?;
        Ok(Some(ticket))
    }

    fn check_new_member(&self, id: &Identity, member: &NewMember, role: Role) -> Result<(), Refusal> {
        check_name("name", &member.name)?;
        validate::addresses(&member.addresses)?;
        if self.roster.named(&member.name).is_some_and(|taken| taken.id != *id) {
            return Err(Refusal::exists(format!("a member named `{}`", member.name)));
        }
        match self.roster.get(id) {
            None if self.roster.len() >= MEMBERS_MAX => {
                return Err(Refusal::Busy(Text::cut("the colony has as many members as it can hold")));
            }
            Some(known) if role != Role::Voter && self.roster.is_last_voter(id) => {
                return Err(Refusal::LastVoter { name: known.name.clone() });
            }
            _ => {}
        }
        match (role, &member.executor) {
            (Role::Executor, None) => {
                Err(Refusal::invalid("executor", "the ticket is for an executor: say its type"))
            }
            (Role::User, Some(_)) => {
                Err(Refusal::invalid("executor", "the ticket is for a user, who takes no work"))
            }
            (Role::User, None) => self.check_user_part(id, &member.name),
            (_, Some(executor)) => self.check_executor_part(id, &member.name, executor),
            (Role::Voter | Role::Observer, None) => Ok(()),
        }
    }

    fn check_user_part(&self, id: &Identity, name: &Name) -> Result<(), Refusal> {
        if self.members.user_named(name).is_some_and(|taken| taken.id != *id) {
            return Err(Refusal::exists(format!("user `{name}`")));
        }
        if self.members.users.len() >= MEMBERS_MAX && !self.members.users.contains_key(id) {
            return Err(Refusal::Busy(Text::cut("the colony has as many users as it can hold")));
        }
        Ok(())
    }

    fn check_executor_part(&self, id: &Identity, name: &Name, new: &NewExecutor) -> Result<(), Refusal> {
        check_name("executortype", &new.executor_type)?;
        if self.members.executor_named(name).is_some_and(|taken| taken.id != *id) {
            return Err(Refusal::exists(format!("executor `{name}`")));
        }
        match self.members.executors.get(id) {
            // Its finished work is traced by this name.
            Some(known) if known.name != *name => {
                Err(Refusal::exists(format!("executor `{}` with the same key", known.name)))
            }
            Some(known) if known.state == ExecutorState::Rejected => {
                Err(Refusal::denied(*id, "the executor was rejected by the colony's owner"))
            }
            None if self.members.executors.len() >= MEMBERS_MAX => {
                Err(Refusal::Busy(Text::cut("the colony has as many executors as it can hold")))
            }
            _ => Ok(()),
        }
    }

    /// Writes the rows of somebody who passed every check.
    fn admit(&mut self, new: &NewMember, role: Role, until: Option<Timestamp>, out: &mut Outbox) {
        let id = new.key.identity();
        let known = self.roster.get(&id).filter(|known| known.is_active());
        let joined_at = known.map_or(self.meta.now, |known| known.joined_at);
        if known.is_some_and(|known| known.role != role) {
            self.take_parts(&id, out);
        }
        self.put_member(
            Member {
                key: new.key,
                id,
                name: new.name.clone(),
                role,
                state: MemberState::Active,
                addresses: new.addresses.clone(),
                store: new.store,
                joined_at,
                until,
                ended_at: None,
            },
            out,
        );
        if let Some(executor) = &new.executor {
            self.admit_executor(id, &new.name, executor, out);
        }
        if role == Role::User {
            self.drop_user(&id, out);
            self.members.put_user(User { id, name: new.name.clone(), ..User::default() });
        }
    }

    fn admit_executor(&mut self, id: Identity, name: &Name, new: &NewExecutor, out: &mut Outbox) {
        let known = self.members.executors.get(&id);
        let present = known.filter(|known| known.state != ExecutorState::Unregistered).cloned();
        let executor = Executor {
            id,
            name: name.clone(),
            executor_type: new.executor_type.clone(),
            state: ExecutorState::Approved,
            capabilities: new.capabilities.clone(),
            ..present.unwrap_or_else(|| Executor { commissioned_at: self.meta.now, ..Executor::default() })
        };
        self.put_executor(executor, out);
        // It may be waiting for work that it can take only now.
        out.event(Event::Resumed);
    }

    /// What a member is told that was let in, now or before.
    pub(super) fn joined(&self, id: &Identity) -> Result<Reply, Refusal> {
        let member = self.roster.get(id).ok_or_else(|| Refusal::not_found(format!("member {id}")))?;
        if let Some(refusal) = self.gone(id) {
            return Err(refusal);
        }
        let others = || self.roster.all().filter(|other| other.is_active_node() && other.id != *id);
        let voters = others().filter(|node| node.role == Role::Voter);
        let observers = others().filter(|node| node.role == Role::Observer);
        let nodes = voters.chain(observers).take(FIRST_PEERS_MAX).cloned().collect();
        Ok(Reply::Joined { member: Box::new(member.clone()), nodes })
    }
}
