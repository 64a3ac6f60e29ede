//! What members ask about crons: add one, remove one, run one now.
//!
//! Any member may add and run crons. Unlike in ColonyOS only who made one, or the owner, may remove it.

use super::{Call, Colony, Outbox, RowKey, handles::missing, members::check_name, weight};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{Cron, CronId, NewCron},
    refusal::Refusal,
    reply::Reply,
    schedule::Timetable,
};

impl Colony {
    pub(super) fn add_cron(
        &mut self,
        call: &Call,
        new: &NewCron,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        check_name("name", &new.name)?;
        self.check_workflow(&new.spec)?;
        let wrong = |why: String| Refusal::invalid("cronexpression", why);
        let timetable = Timetable::new(&new.schedule).map_err(|error| wrong(error.to_string()))?;
        let now = self.meta.now;
        let tick = timetable.first(now).ok_or_else(|| wrong("it never runs".to_owned()))?;
        if self.crons.named(&new.name).is_some() {
            return Err(Refusal::exists(format!("cron `{}`", new.name)));
        }
        if !self.crons.has_room(weight::of_workflow_spec(&new.spec)) {
            return Err(Refusal::Busy(Text::cut("the colony has as many crons as it can hold")));
        }
        let number = self.meta.last_cron.saturating_add(1);
        let id = CronId::make(&self.id, &call.by, &call.request, number);
        self.meta.last_cron = number;
        let cron = Cron {
            id,
            name: new.name.clone(),
            initiator: call.by,
            initiator_name: self.name_of(&call.by),
            schedule: new.schedule.clone(),
            wait_for_previous: new.wait_for_previous,
            spec: new.spec.clone(),
            created_at: now,
            tick,
            next_run: Some(timetable.run_at(&id, tick)),
            last_run: None,
            previous: None,
            runs: 0,
            handed_on: Default::default(),
            problem: Text::default(),
        };
        self.crons.put(cron, true);
        out.touch(RowKey::Cron(number));
        Ok(Reply::CronAdded(id))
    }

    pub(super) fn remove_cron(
        &mut self,
        by: &Identity,
        id: &CronId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let number = self.known_cron(by, id)?.id.number();
        let maker = self.crons.get(number).map(|cron| cron.initiator);
        if maker != Some(*by) && *by != self.owner_id() {
            let why = "only who made the cron, or the colony's owner, may remove it";
            return Err(Refusal::denied(*by, why));
        }
        drop(self.crons.take(number));
        out.touch(RowKey::Cron(number));
        Ok(Reply::Done)
    }

    pub(super) fn run_cron_now(
        &mut self,
        by: &Identity,
        id: &CronId,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let cron = self.known_cron(by, id)?;
        if let Some(previous) = cron.previous.filter(|_| self.must_wait(cron)) {
            let why = format!(
                "w{} is unfinished, and cron `{}` waits for the workflow of the run before",
                previous.number(),
                cron.name
            );
            return Err(Refusal::Busy(Text::cut(&why)));
        }
        let number = cron.id.number();
        self.run_cron(number, out).map(Reply::CronStarted)
    }

    /// A cron that is there, for a member. Whoever is none learns nothing of it.
    fn known_cron(&self, by: &Identity, id: &CronId) -> Result<&Cron, Refusal> {
        self.member(by)?;
        let cron = self.crons.get(id.number()).filter(|cron| cron.id == *id);
        cron.ok_or_else(|| missing("cron", &id.to_hex()))
    }
}
