//! Definitions: what kinds of blueprints there are.

use super::{
    super::{Call, Colony, Outbox, RowKey, members::check_name},
    DEFINITIONS_MAX, SCHEMAS_BYTES_MAX,
};
use crate::{
    bounded::{Json, Text},
    identity::Identity,
    model::{
        DefinitionId,
        blueprint::{Definition, NewDefinition},
    },
    refusal::Refusal,
    reply::Reply,
    validate,
};

impl Colony {
    pub(super) fn add_definition(
        &mut self,
        call: &Call,
        definition: &NewDefinition,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(&call.by)?;
        check_name("name", &definition.name)?;
        check_name("kind", &definition.kind)?;
        let kept = &self.blueprints;
        if kept.definition_names.contains_key(&definition.name) {
            return Err(Refusal::exists(format!("blueprint definition `{}`", definition.name)));
        }
        if kept.kinds.contains_key(&definition.kind) {
            return Err(Refusal::exists(format!("a definition of blueprints of kind `{}`", definition.kind)));
        }
        let bytes = definition.schema.as_ref().map_or(0, |schema: &Json| schema.as_text().len());
        if kept.definitions.len() >= DEFINITIONS_MAX
            || kept.schema_bytes.saturating_add(bytes) > SCHEMAS_BYTES_MAX
        {
            return Err(Refusal::Busy(Text::cut("the colony has as many definitions as it can hold")));
        }
        if let Some(schema) = &definition.schema {
            validate::schema(schema)?;
        }
        let number = self.next_object();
        let id = DefinitionId::make(&self.id, &call.by, &call.request, number);
        let definition = definition.clone();
        self.blueprints.put_definition(Definition { id, definition, added_at: self.meta.now });
        out.touch(RowKey::Object(number));
        Ok(Reply::DefinitionAdded(id))
    }

    pub(super) fn remove_definition(
        &mut self,
        by: &Identity,
        name: &str,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.owner(by)?;
        let number = self.blueprints.definition_names.get(name).copied();
        let definition = number.and_then(|number| self.blueprints.definition(number));
        let Some(definition) = definition else {
            return Err(Refusal::not_found(format!("blueprint definition `{name}`")));
        };
        let kind = &definition.definition.kind;
        let count = self.blueprints.count_of(kind);
        if count > 0 {
            let why = format!("there are still blueprints of kind `{kind}`: {count}; remove them first");
            return Err(Refusal::invalid("name", why));
        }
        let number = definition.id.number();
        self.blueprints.take_definition(number);
        out.touch(RowKey::Object(number));
        Ok(Reply::Done)
    }
}
