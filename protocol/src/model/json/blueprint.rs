//! Blueprints and their definitions, as people and ColonyOS's clients write them.

use super::{
    error::SpecError,
    read::{Field, FromField},
};
use crate::{
    bounded::Json,
    model::{
        Name,
        blueprint::{Handler, KindNames, Metadata, NewBlueprint, NewDefinition, Tags},
    },
};

/// What stands in `metadata`.
#[derive(Default)]
struct Head {
    name: Name,
    location_name: Name,
    generation: u32,
    metadata: Metadata,
}

/// Reads a blueprint. Its ids are the colony's business and are passed over.
///
/// # Errors
/// [`SpecError`], with line, column and field.
pub fn parse_blueprint(text: &str) -> Result<NewBlueprint, SpecError> {
    blueprint(&Field::document(text)?)
}

/// A blueprint in a field.
pub(crate) fn blueprint(document: &Field<'_>) -> Result<NewBlueprint, SpecError> {
    if !document.is_object() {
        return Err(document.expected("an object"));
    }
    let mut object = document.object()?;
    let kind: Name = object.read(&["kind"])?;
    let head: Head = object.read(&["metadata"])?;
    let spec = object.read_with(&["spec"], |field| Json::from_field(field).map(Some))?;
    let status = object.read_with(&["status"], |field| Json::from_field(field).map(Some))?;
    object.skip(&["blueprintid", "handler", "generation", "reconciledgeneration", "lastreconciled"]);
    object.finish()?;
    let spec = spec.ok_or_else(|| document.wrong("a blueprint needs a `spec`"))?;
    let Head { name, location_name, generation, metadata } = head;
    let generation = u64::from(generation);
    Ok(NewBlueprint { name, kind, location_name, metadata, generation, spec, status })
}

/// Reads a definition of blueprints, likewise.
///
/// # Errors
/// [`SpecError`], with line, column and field.
pub fn parse_definition(text: &str) -> Result<NewDefinition, SpecError> {
    definition(&Field::document(text)?)
}

/// A definition in a field.
pub(crate) fn definition(document: &Field<'_>) -> Result<NewDefinition, SpecError> {
    if !document.is_object() {
        return Err(document.expected("an object"));
    }
    let mut object = document.object()?;
    object.skip(&["blueprintdefinitionid"]);
    let document_kind = object.read(&["kind"])?;
    let head: Head = object.read(&["metadata"])?;
    let mut definition = object.read_with(&["spec"], body)?;
    object.finish()?;
    definition.name = head.name;
    definition.metadata = head.metadata;
    definition.document_kind = document_kind;
    Ok(definition)
}

fn body(field: &Field<'_>) -> Result<NewDefinition, SpecError> {
    let mut object = field.object()?;
    let (kind, names) = object.read_with(&["names"], names)?;
    let definition = NewDefinition {
        kind,
        names,
        group: object.read(&["group"])?,
        version: object.read(&["version"])?,
        scope: object.read(&["scope"])?,
        schema: object.read_with(&["schema"], |field| Json::from_field(field).map(Some))?,
        handler: object.read_with(&["handler"], |field| handler(field).map(Some))?,
        ..NewDefinition::default()
    };
    object.finish()?;
    Ok(definition)
}

fn names(field: &Field<'_>) -> Result<(Name, KindNames), SpecError> {
    let mut object = field.object()?;
    let kind = object.read(&["kind"])?;
    let names = KindNames {
        list_kind: object.read(&["listKind"])?,
        singular: object.read(&["singular"])?,
        plural: object.read(&["plural"])?,
        short_names: object.read(&["shortNames"])?,
    };
    object.finish()?;
    Ok((kind, names))
}

fn handler(field: &Field<'_>) -> Result<Handler, SpecError> {
    let mut object = field.object()?;
    let handler = Handler {
        executor_type: object.read(&["executorType"])?,
        function_name: object.read(&["functionName"])?,
        reconcile_interval: object.read_with(&["reconcileInterval"], i64::from_field)?,
    };
    object.finish()?;
    Ok(handler)
}

impl FromField for Head {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut object = field.object()?;
        let head = Self {
            name: object.read(&["name"])?,
            location_name: object.read(&["locationname"])?,
            generation: object.read_with(&["generation"], u32::from_field)?,
            metadata: Metadata {
                labels: object.read_with(&["labels"], Tags::from_field)?,
                annotations: object.read_with(&["annotations"], Tags::from_field)?,
                created_at: object.read(&["createdAt"])?,
                updated_at: object.read(&["updatedAt"])?,
                last_reconciliation_process: object.read(&["lastReconciliationProcess"])?,
                last_reconciliation_time: object.read(&["lastReconciliationTime"])?,
            },
        };
        object.skip(&["colonyname"]);
        object.finish()?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blueprint_and_its_definition_are_read_as_colonyos_writes_them() {
        let blueprint = parse_blueprint(
            r#"{"kind":"Dev","metadata":{"name":"b1","colonyname":"dev","locationname":"home","labels":{"a":"b"}},
                "spec":{"power":true}}"#,
        )
        .unwrap();
        assert_eq!((&*blueprint.name, &*blueprint.kind, &*blueprint.location_name), ("b1", "Dev", "home"));
        assert_eq!(blueprint.spec.as_text(), r#"{"power":true}"#);
        let definition = parse_definition(
            r#"{"kind":"BlueprintDefinition","metadata":{"name":"devdef"},"spec":{"group":"g","version":"v1",
                "names":{"kind":"Dev","listKind":"DevList","singular":"dev","plural":"devs","shortNames":["dv"]},
                "scope":"Namespaced","schema":{"type":"object"},
                "handler":{"executorType":"cli","functionName":"reconcile","reconcileInterval":60}}}"#,
        )
        .unwrap();
        assert_eq!((&*definition.name, &*definition.kind), ("devdef", "Dev"));
        assert_eq!(definition.handler.unwrap().reconcile_interval, 60);
        let error = parse_blueprint(r#"{"kind":"Dev","metadata":{"nam":"b1"},"spec":{}}"#).unwrap_err();
        assert_eq!(
            (error.field.as_str(), error.hint.as_deref()),
            ("metadata.nam", Some("did you mean `name`?"))
        );
    }
}
