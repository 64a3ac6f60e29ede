//! New keys for users, executors, the owner, and whoever owns a node's server in ColonyOS's sense.
//!
//! A key is who somebody is, so all that stands under the old identity goes over to the new one in the same entry: the
//! row, leases with their tokens, channels, crons, generators and rounds. What ended keeps the old identity: it is what
//! happened.
//!
//! The colony's id does not change with its owner's key: it names the colony to strangers, and its first key signed the
//! tickets and delegations that prove it. After a change the colony takes no ticket any more, or the old key would
//! still let people in; the new owner adds them.
//!
//! What may never happen: two things under one identity; a lease lost, or left with the old key.

use std::collections::BTreeMap;

use super::{Colony, Outbox, RowKey};
use crate::{
    command::ChangeKey,
    identity::Identity,
    model::{ContactPlan, Executor, ExecutorState, Generator, Process, User},
    refusal::Refusal,
    reply::Reply,
};

/// Whom nodes take for their servers' owners, where that is not the node itself.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// By node: the row's number and the owner.
    owners: BTreeMap<Identity, (u64, Identity)>,
    nodes: BTreeMap<u64, Identity>,
}

impl Servers {
    pub(super) fn put(&mut self, number: u64, node: Identity, owner: Identity) {
        self.owners.insert(node, (number, owner));
        self.nodes.insert(number, node);
    }

    /// The row with a number: the node and its server's owner.
    pub(super) fn row(&self, number: u64) -> Option<(Identity, Identity)> {
        let node = self.nodes.get(&number)?;
        self.owners.get(node).map(|(_, owner)| (*node, *owner))
    }

    pub(super) fn owns_one(&self, id: &Identity) -> bool {
        self.owners.values().any(|(_, owner)| owner == id)
    }
}

impl Colony {
    /// The key of the colony's owner: the colony's id, until it was changed.
    #[must_use]
    pub fn owner_id(&self) -> Identity {
        self.meta.owner.unwrap_or(self.id)
    }

    /// Whom a node takes for its server's owner: the node itself, until it was changed.
    #[must_use]
    pub fn server_owner(&self, node: &Identity) -> Identity {
        self.servers.owners.get(node).map_or(*node, |(_, owner)| *owner)
    }

    pub(super) fn change_key(
        &mut self,
        by: &Identity,
        change: &ChangeKey,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        match change {
            ChangeKey::User(new) => self.change_user_key(by, new, out)?,
            ChangeKey::Executor(new) => self.change_executor_key(by, new, out)?,
            ChangeKey::Owner(new) => {
                self.owner(by)?;
                self.check_new_key(by, new)?;
                self.take_over(by, new, out);
                self.meta.owner = Some(*new);
            }
            ChangeKey::Server { node, owner } => self.change_server_owner(by, node, owner, out)?,
        }
        Ok(Reply::Done)
    }

    fn change_user_key(&mut self, old: &Identity, new: &Identity, out: &mut Outbox) -> Result<(), Refusal> {
        let user = self.members.users.get(old).cloned();
        let user = user.ok_or_else(|| Refusal::denied(*old, "only a user of the colony may do this"))?;
        self.check_new_key(old, new)?;
        self.drop_user(old, out);
        self.members.put_user(User { id: *new, ..user });
        out.touch(RowKey::User(*new));
        self.take_over(old, new, out);
        Ok(())
    }

    fn change_executor_key(
        &mut self,
        old: &Identity,
        new: &Identity,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let executor = self.members.executors.get(old).cloned();
        let waits = executor.as_ref().is_some_and(|executor| executor.state == ExecutorState::Pending);
        if !waits {
            self.approved(old)?;
        }
        let Some(executor) = executor else { return Ok(()) };
        self.check_new_key(old, new)?;
        self.members.drop_executor(old);
        out.touch(RowKey::Executor(*old));
        let heard = executor.last_heard_at;
        self.index.leases.plan(new, &executor.contacts);
        self.put_executor(Executor { id: *new, ..executor }, out);
        for number in self.index.leases.of(old) {
            self.change(number, out, |process| {
                process.assigned_to = Some(*new);
                if let Some(lease) = &mut process.lease {
                    lease.holder = *new;
                }
            });
        }
        self.index.leases.heard(new, heard);
        self.index.leases.plan(old, &ContactPlan::default());
        self.take_over(old, new, out);
        Ok(())
    }

    fn change_server_owner(
        &mut self,
        by: &Identity,
        node: &Identity,
        owner: &Identity,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        if !self.roster.get(node).is_some_and(|member| member.is_active_node()) {
            return Err(Refusal::not_found(format!("node {node}")));
        }
        if self.server_owner(node) != *by {
            return Err(Refusal::denied(*by, "only the owner of the node's server may do this"));
        }
        if *owner == Identity::NOBODY {
            return Err(Refusal::invalid("serverid", "a new key is needed"));
        }
        let known = self.servers.owners.get(node).map(|(number, _)| *number);
        let number = known.unwrap_or_else(|| self.next_object());
        self.servers.put(number, *node, *owner);
        out.touch(RowKey::Object(number));
        Ok(())
    }

    /// A key that nobody has, for somebody whose membership is no more than what is changed.
    fn check_new_key(&self, old: &Identity, new: &Identity) -> Result<(), Refusal> {
        if *new == Identity::NOBODY {
            return Err(Refusal::invalid("id", "a new key is needed"));
        }
        // The first owner's key stays the colony's name, whoever owns it.
        if self.is_known(new) || *new == self.id {
            return Err(Refusal::exists(format!("somebody with the key {new}")));
        }
        if self.roster.get(old).is_some_and(|member| member.is_active()) {
            let why = "this key joined by a ticket, which is for one key: join with the new key and a ticket of its \
                       own, then leave with this one";
            return Err(Refusal::denied(*old, why));
        }
        Ok(())
    }

    /// All that is done in somebody's name by itself, and what only it may hear, is the new key's.
    fn take_over(&mut self, old: &Identity, new: &Identity, out: &mut Outbox) {
        let speaks = |process: &Process| process.initiator == *old && !process.spec.channels.is_empty();
        let live = self.processes.iter().filter(|(_, process)| speaks(process));
        let numbers: Vec<u64> = live.map(|(number, _)| *number).collect();
        for number in numbers {
            self.change(number, out, |process| process.initiator = *new);
        }
        self.channels_change_key(old, new, out);
        self.rounds_change_key(old, new, out);
        let crons = self.crons.all().filter(|cron| cron.initiator == *old);
        let crons: Vec<u64> = crons.map(|cron| cron.id.number()).collect();
        for number in crons {
            self.change_cron(number, |cron| cron.initiator = *new);
            out.touch(RowKey::Cron(number));
        }
        let generators = self.generators.all().filter(|generator| generator.initiator == *old);
        for generator in generators.cloned().collect::<Vec<_>>() {
            out.touch(RowKey::Generator(generator.id.number()));
            self.generators.put(Generator { initiator: *new, ..generator });
        }
    }
}
