//! Blueprints come, change and go; each change is remembered and told to the handler.

use super::{
    super::{Call, Colony, Outbox, RowKey, encoding::encode_blueprint_change, members::check_name},
    BLUEPRINTS_BYTES_MAX, BLUEPRINTS_MAX,
    rounds::{CLEANUP, Question},
    weight,
};
use crate::{
    bounded::{Json, Text},
    identity::Identity,
    model::{
        BlueprintId, Name, ProcessId,
        blueprint::{Blueprint, BlueprintChange, HISTORY_MAX, NewBlueprint},
    },
    refusal::Refusal,
    reply::Reply,
    validate,
};

impl Colony {
    pub(super) fn add_blueprint(
        &mut self,
        call: &Call,
        new: &NewBlueprint,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        self.check_blueprint(new, 0)?;
        if self.blueprints.names.contains_key(&new.name) {
            return Err(Refusal::exists(format!("blueprint `{}`", new.name)));
        }
        if self.blueprints.rows.len() >= BLUEPRINTS_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many blueprints as it can hold")));
        }
        self.need_location(&new.location_name, out)?;
        let number = self.next_object();
        let id = BlueprintId::make(&self.id, &call.by, &call.request, number);
        let now = self.meta.now;
        let blueprint = Blueprint { id, blueprint: new.clone(), added_at: now, changed_at: now, changes: 0 };
        self.blueprints.put(blueprint);
        self.record_change(number, &call.by, true, out);
        self.start_round(&call.by, new, out);
        Ok(Reply::BlueprintSet { blueprint: id, process: self.tell_handler(call, new, None, false, out) })
    }

    pub(super) fn update_blueprint(
        &mut self,
        call: &Call,
        new: &NewBlueprint,
        force_generation: bool,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        let old = self.blueprints.named(&new.name)?;
        if old.blueprint.kind != new.kind {
            let why = format!("it is of kind `{}`, which does not change", old.blueprint.kind);
            return Err(Refusal::invalid("kind", why));
        }
        self.check_blueprint(new, weight(&old.blueprint))?;
        let old = old.clone();
        self.need_location(&new.location_name, out)?;
        let number = old.id.number();
        let differs = old.blueprint.spec.to_value() != new.spec.to_value();
        let begins = force_generation || differs;
        let generation = old.blueprint.generation.saturating_add(u64::from(begins));
        let blueprint = NewBlueprint { generation, ..new.clone() };
        let changed_at = if begins { self.meta.now } else { old.changed_at };
        self.blueprints.put(Blueprint { blueprint, changed_at, ..old.clone() });
        out.touch(RowKey::Object(number));
        if old.blueprint.location_name != new.location_name {
            self.end_round(&old.blueprint, out);
            self.start_round(&call.by, new, out);
        }
        let process = if begins {
            self.record_change(number, &call.by, false, out);
            self.tell_handler(call, new, None, false, out)
        } else {
            None
        };
        Ok(Reply::BlueprintSet { blueprint: old.id, process })
    }

    pub(super) fn remove_blueprint(
        &mut self,
        call: &Call,
        name: &Name,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        let number = self.blueprints.named(name)?.id.number();
        self.room_for_processes(1)?;
        let Some(gone) = self.blueprints.take(number) else { return Ok(Reply::Done) };
        out.touch(RowKey::Object(number));
        for change in remembered(gone.changes) {
            out.forget(RowKey::BlueprintChange(number, change));
        }
        self.end_round(&gone.blueprint, out);
        let process = self.tell_handler(call, &gone.blueprint, Some(&Name::cut(CLEANUP)), false, out);
        Ok(Reply::BlueprintSet { blueprint: gone.id, process })
    }

    pub(super) fn set_blueprint_status(
        &mut self,
        by: &Identity,
        name: &Name,
        status: &Json,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let old = self.blueprints.named(name)?;
        validate::object("status", status)?;
        self.room_for_blueprint(status.as_text().len(), 0)?;
        let blueprint = NewBlueprint { status: Some(status.clone()), ..old.blueprint.clone() };
        let blueprint = Blueprint { blueprint, ..old.clone() };
        out.touch(RowKey::Object(blueprint.id.number()));
        self.blueprints.put(blueprint);
        Ok(Reply::Done)
    }

    pub(super) fn reconcile(
        &mut self,
        call: &Call,
        name: &Name,
        force: bool,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        let mut blueprint = self.blueprints.named(name)?.clone();
        if self.handler_of(&blueprint.blueprint.kind).is_none() {
            let why = "its definition names no handler: no executor type or no function";
            return Err(Refusal::invalid("handler", why));
        }
        self.room_for_processes(1)?;
        if force {
            blueprint.blueprint.generation = blueprint.blueprint.generation.saturating_add(1);
            out.touch(RowKey::Object(blueprint.id.number()));
            self.blueprints.put(blueprint.clone());
        }
        let process = self.tell_handler(call, &blueprint.blueprint, None, force, out);
        Ok(Reply::BlueprintSet { blueprint: blueprint.id, process })
    }

    /// Checks all that a new or changed blueprint says, and that there is room for it and the question it brings about.
    fn check_blueprint(&self, new: &NewBlueprint, before: usize) -> Result<(), Refusal> {
        check_name("metadata.name", &new.name)?;
        if new.kind.is_empty() {
            return Err(Refusal::invalid("kind", "blueprint kind is required"));
        }
        if !new.location_name.is_empty() {
            check_name("metadata.locationname", &new.location_name)?;
        }
        let Some(definition) = self.blueprints.of_kind(&new.kind) else {
            return Err(Refusal::not_found(format!("a definition of blueprints of kind `{}`", new.kind)));
        };
        validate::against(definition.definition.schema.as_ref(), &new.spec)?;
        if let Some(status) = &new.status {
            validate::object("status", status)?;
        }
        self.room_for_processes(1)?;
        self.room_for_blueprint(weight(new), before)
    }

    fn room_for_blueprint(&self, bytes: usize, before: usize) -> Result<(), Refusal> {
        let total = self.blueprints.bytes.saturating_add(bytes).saturating_sub(before);
        if total > BLUEPRINTS_BYTES_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many blueprints as it can hold")));
        }
        Ok(())
    }

    /// Remembers what a blueprint says now, and forgets what it said too many changes ago.
    fn record_change(&mut self, number: u64, by: &Identity, created: bool, out: &mut Outbox) {
        let Some(mut row) = self.blueprints.take(number) else { return };
        row.changes = row.changes.saturating_add(1);
        let Blueprint { id, blueprint, changes, .. } = &row;
        let change = BlueprintChange {
            blueprint: *id,
            number: *changes,
            kind: blueprint.kind.clone(),
            name: blueprint.name.clone(),
            generation: blueprint.generation,
            spec: blueprint.spec.clone(),
            status: blueprint.status.clone(),
            at: self.meta.now,
            by: *by,
            created,
        };
        out.keep(RowKey::BlueprintChange(number, *changes), encode_blueprint_change(&change));
        if let Some(old) = changes.checked_sub(HISTORY_MAX).filter(|old| *old > 0) {
            out.forget(RowKey::BlueprintChange(number, old));
        }
        out.touch(RowKey::Object(number));
        self.blueprints.put(row);
    }

    /// Asks the handler about one blueprint now, if there is a handler.
    fn tell_handler(
        &mut self,
        call: &Call,
        blueprint: &NewBlueprint,
        function: Option<&Name>,
        force: bool,
        out: &mut Outbox,
    ) -> Option<ProcessId> {
        let handler = self.handler_of(&blueprint.kind)?.clone();
        let question = Question {
            handler: &handler,
            function: function.unwrap_or(&handler.function_name),
            kind: &blueprint.kind,
            location: &blueprint.location_name,
            blueprint: Some(&blueprint.name),
            force,
        };
        Some(self.ask_handler(&call.origin(), &question, out))
    }
}

/// The numbers of changes that are still remembered.
fn remembered(changes: u64) -> std::ops::RangeInclusive<u64> {
    changes.saturating_sub(HISTORY_MAX).saturating_add(1)..=changes
}
