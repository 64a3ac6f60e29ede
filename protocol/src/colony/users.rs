//! Commands about users: named keys that may do all a member may, except take work.

use super::{
    Colony, Outbox, RowKey,
    members::{MEMBERS_MAX, check_name},
};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{User, member::Role},
    refusal::Refusal,
    reply::Reply,
};

impl Colony {
    pub(super) fn add_user(
        &mut self,
        by: &Identity,
        user: &User,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        check_name("name", &user.name)?;
        if user.id == Identity::NOBODY {
            return Err(Refusal::invalid("userid", "a user needs a key"));
        }
        let same_key = self.members.users.get(&user.id);
        if let Some(taken) = same_key.or_else(|| self.members.user_named(&user.name)) {
            return Err(Refusal::exists(format!("user `{}`", taken.name)));
        }
        if self.members.users.len() >= MEMBERS_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many users as it can hold")));
        }
        out.touch(RowKey::User(user.id));
        self.members.put_user(user.clone());
        Ok(Reply::Done)
    }

    pub(super) fn remove_user(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let id = self.members.user_named(name).map(|user| user.id);
        let id = id.ok_or_else(|| Refusal::not_found(format!("user `{name}`")))?;
        self.drop_user(&id, out);
        self.part_removed(&id, Role::User, by, out);
        Ok(Reply::Done)
    }

    pub(super) fn drop_user(&mut self, id: &Identity, out: &mut Outbox) {
        self.members.drop_user(id);
        out.touch(RowKey::User(*id));
    }
}
