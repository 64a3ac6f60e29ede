//! The colony as a whole: founding it, pausing and resuming assignment.

use super::{Colony, Event, Outbox, members::check_name};
use crate::{identity::Identity, model::Name, refusal::Refusal, reply::Reply};

impl Colony {
    pub(super) fn found(&mut self, by: &Identity, name: &Name) -> Result<Reply, Refusal> {
        self.owner(by)?;
        if self.meta.founded {
            return Err(Refusal::exists(format!("the colony `{}`", self.meta.name)));
        }
        check_name("name", name)?;
        self.meta.name = name.clone();
        self.meta.founded = true;
        Ok(Reply::Done)
    }

    pub(super) fn pause(&mut self, by: &Identity) -> Result<Reply, Refusal> {
        self.owner(by)?;
        self.meta.paused = true;
        Ok(Reply::Done)
    }

    pub(super) fn resume(&mut self, by: &Identity, out: &mut Outbox) -> Result<Reply, Refusal> {
        self.owner(by)?;
        if self.meta.paused {
            self.meta.paused = false;
            out.event(Event::Resumed);
        }
        Ok(Reply::Done)
    }
}
