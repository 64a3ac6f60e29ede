//! Who submits and takes work: executors and users, found by identity and by name. Who is a member at all, by which
//! ticket and for how long, is the roster's.
//!
//! A removed executor keeps its row, so that old processes can still be traced to it, but gives its name free.

use std::collections::BTreeMap;

use super::{Colony, Outbox, RowKey};
use crate::{
    identity::Identity,
    model::{Executor, ExecutorState, Name, User},
    refusal::Refusal,
};

/// Most executors, removed ones included, and most users: far above what one coordinator can serve.
pub(super) const MEMBERS_MAX: usize = 100_000;

/// Executors and users.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) executors: BTreeMap<Identity, Executor>,
    pub(super) users: BTreeMap<Identity, User>,
    executor_names: BTreeMap<Name, Identity>,
    user_names: BTreeMap<Name, Identity>,
}

impl Members {
    pub(super) fn executor_named(&self, name: &str) -> Option<&Executor> {
        self.executor_names.get(name).and_then(|id| self.executors.get(id))
    }

    pub(super) fn user_named(&self, name: &str) -> Option<&User> {
        self.user_names.get(name).and_then(|id| self.users.get(id))
    }

    pub(super) fn put_executor(&mut self, executor: Executor) {
        if executor.state == ExecutorState::Unregistered {
            if self.executor_names.get(&executor.name) == Some(&executor.id) {
                self.executor_names.remove(&executor.name);
            }
        } else {
            self.executor_names.insert(executor.name.clone(), executor.id);
        }
        self.executors.insert(executor.id, executor);
    }

    pub(super) fn drop_executor(&mut self, id: &Identity) {
        if let Some(executor) = self.executors.remove(id)
            && self.executor_names.get(&executor.name) == Some(id)
        {
            self.executor_names.remove(&executor.name);
        }
    }

    pub(super) fn put_user(&mut self, user: User) {
        self.user_names.insert(user.name.clone(), user.id);
        self.users.insert(user.id, user);
    }

    pub(super) fn drop_user(&mut self, id: &Identity) {
        if let Some(user) = self.users.remove(id) {
            self.user_names.remove(&user.name);
        }
    }
}

impl Colony {
    /// Any authenticated call of an executor is a heartbeat: it moves the end of all its leases.
    pub(super) fn heard(&mut self, id: &Identity, out: &mut Outbox) {
        let now = self.meta.now;
        let Some(executor) = self.members.executors.get_mut(id) else { return };
        if executor.state == ExecutorState::Unregistered || executor.last_heard_at == now {
            return;
        }
        executor.last_heard_at = now;
        self.index.leases.heard(id, now);
        out.touch(RowKey::Executor(*id));
    }
}

/// A name that can stand in a path and in `type:name`.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::invalid(field, "a name is needed"));
    }
    if name.contains(':') || name.contains('\0') {
        return Err(Refusal::invalid(field, "a name may contain neither `:` nor a NUL character"));
    }
    Ok(())
}
