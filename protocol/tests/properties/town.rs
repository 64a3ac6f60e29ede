//! Members of a random history, their tickets, and what must hold of them.

use std::collections::BTreeMap;

use colony_protocol::{
    bounded::List,
    colony::{Call, Colony},
    command::Command,
    identity::Identity,
    model::{
        ExecutorState,
        member::{Addresses, Member, MemberKey, MemberState, NewExecutor, NewMember, Role, StoreId},
    },
    refusal::Refusal,
    reply::Reply,
    ticket::Ticket,
    time::{Span, Timestamp},
};
use proptest::prelude::*;

use crate::{
    people::{id, key},
    step::Who,
    world::{Verdict, name, text},
};

/// What somebody says about itself who wants to join.
pub(crate) fn newcomer(who: Who, disk: u8, executor: bool) -> NewMember {
    let executor =
        executor.then(|| NewExecutor { executor_type: text("cli"), capabilities: Default::default() });
    NewMember {
        key: MemberKey::of(key(who)),
        name: name(who),
        addresses: addresses(0),
        store: StoreId::from_bytes([disk; 16]),
        executor,
    }
}

pub(crate) fn addresses(port: u8) -> Addresses {
    List::new(vec![text(&format!("/ip4/192.0.2.1/tcp/{port}/p2p/Qm"))]).unwrap()
}

/// The owner's ticket of this number.
pub(crate) fn ticket(
    number: u8,
    now: Timestamp,
    role: Role,
    uses: u32,
    life: u64,
    member_life: Option<u64>,
) -> Ticket {
    Ticket {
        colony: id(1),
        colony_name: text("dev"),
        id: [number; 16],
        role,
        member_name: None,
        uses,
        issued: now,
        expires: now.after(Span::from_secs(life)),
        member_until: member_life.map(|life| now.after(Span::from_secs(life))),
        nodes: List::default(),
    }
}

/// What one knows of the members who watched them from the first day.
#[derive(Debug, Default)]
pub(crate) struct Town {
    members: BTreeMap<Identity, Member>,
    /// How many joined with each ticket.
    uses: BTreeMap<[u8; 16], u32>,
}

impl Town {
    /// Takes in what one entry or one call did.
    pub(crate) fn observe(
        &mut self,
        colony: &Colony,
        call: Option<(&Call, &Result<Reply, Refusal>)>,
    ) -> Verdict {
        if let Some((Call { by, command, .. }, Ok(_))) = call
            && let Command::Join { ticket, .. } = &**command
        {
            let ticket = ticket.verify().unwrap();
            prop_assert_eq!(ticket.colony, colony.id());
            if self.members.get(by) != colony.member_by_id(by) {
                self.joined(colony, &ticket, by)?;
            }
        }
        for member in colony.members() {
            self.member(colony, member)?;
        }
        Self::names(colony)?;
        let voters = |members: &mut dyn Iterator<Item = &Member>| {
            members.filter(|member| member.is_active() && member.role == Role::Voter).count()
        };
        let had_one = voters(&mut self.members.values()) > 0;
        prop_assert!(!had_one || voters(&mut colony.members()) > 0, "no voter is left");
        self.members = colony.members().map(|member| (member.id, member.clone())).collect();
        Ok(())
    }

    /// A ticket changed who is a member, so it must have counted.
    fn joined(&mut self, colony: &Colony, ticket: &Ticket, by: &Identity) -> Verdict {
        let uses = self.uses.entry(ticket.id).or_default();
        *uses += 1;
        prop_assert!(*uses <= ticket.uses, "a used-up ticket let somebody in");
        prop_assert!(ticket.issued <= colony.now() && colony.now() <= ticket.expires);
        if let Some(before) = self.members.get(by).filter(|member| member.state == MemberState::Removed) {
            prop_assert!(before.ended_at < Some(ticket.issued), "an old ticket brought back who was removed");
        }
        let member = colony.member_by_id(by).unwrap();
        prop_assert_eq!((member.role, member.until), (ticket.role, ticket.member_until));
        prop_assert!(member.is_active());
        Ok(())
    }

    fn member(&self, colony: &Colony, member: &Member) -> Verdict {
        prop_assert_eq!(member.key.identity(), member.id);
        let executor = colony.executor(&member.id).map(|executor| executor.state);
        let registered = executor.is_some_and(|state| state != ExecutorState::Unregistered);
        let user = colony.users().any(|user| user.id == member.id);
        if member.is_active() {
            prop_assert!(
                member.until.is_none_or(|until| until > colony.now()),
                "a membership outlived its end"
            );
            prop_assert!(member.ended_at.is_none());
            prop_assert!(member.role != Role::Executor || registered);
            prop_assert!(member.role != Role::User || user);
            prop_assert!(!member.role.is_node() || colony.may_read(&member.id).is_ok());
        } else {
            prop_assert!(member.ended_at.is_some_and(|ended| ended <= colony.now()));
            if self.members.get(&member.id).is_some_and(Member::is_active) {
                prop_assert!(!registered && !user, "something was left of who is gone");
                prop_assert!(colony.may_read(&member.id).is_err());
            }
        }
        Ok(())
    }

    fn names(colony: &Colony) -> Verdict {
        let active = colony.members().filter(|member| member.is_active());
        let mut names: Vec<&str> = active.map(|member| &*member.name).collect();
        names.sort_unstable();
        prop_assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two of one name");
        Ok(())
    }
}
