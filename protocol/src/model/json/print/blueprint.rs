//! Blueprints, their definitions and their history, and entries of channels.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::{ColonyContext, rfc3339};
use crate::{
    bounded::Text,
    model::{
        blueprint::{Blueprint, BlueprintChange, Definition, Metadata},
        channel::Entry,
    },
    time::Timestamp,
};

/// What a definition is called whose writer called it nothing.
const DEFINITION: &str = "BlueprintDefinition";

/// A blueprint.
#[must_use]
pub fn blueprint(blueprint: &Blueprint, colony: ColonyContext<'_>) -> Value {
    let said = &blueprint.blueprint;
    let mut fields = metadata(&said.metadata, &said.name, colony);
    if !said.location_name.is_empty() {
        fields.insert("locationname".to_owned(), said.location_name.as_str().into());
    }
    if said.generation > 0 {
        fields.insert("generation".to_owned(), said.generation.into());
    }
    let mut shown = json!({
        "blueprintid": blueprint.id.to_hex(),
        "kind": said.kind.as_str(),
        "metadata": fields,
        "spec": said.spec.to_value(),
    });
    if let (Some(status), Value::Object(object)) = (&said.status, &mut shown) {
        object.insert("status".to_owned(), status.to_value());
    }
    shown
}

/// A definition of blueprints.
#[must_use]
pub fn definition(definition: &Definition, colony: ColonyContext<'_>) -> Value {
    let said = &definition.definition;
    let mut spec = json!({
        "group": said.group.as_str(),
        "version": said.version.as_str(),
        "names": {
            "kind": said.kind.as_str(),
            "listKind": said.names.list_kind.as_str(),
            "singular": said.names.singular.as_str(),
            "plural": said.names.plural.as_str(),
            "shortNames": said.names.short_names.iter().map(Text::as_str).collect::<Vec<_>>(),
        },
        "scope": said.scope.as_str(),
        "handler": {
            "executorType": said.handler.as_ref().map_or("", |handler| handler.executor_type.as_str()),
            "functionName": said.handler.as_ref().map_or("", |handler| handler.function_name.as_str()),
            "reconcileInterval": said.handler.as_ref().map_or(0, |handler| handler.reconcile_interval),
        },
    });
    if let (Some(schema), Value::Object(fields)) = (&said.schema, &mut spec) {
        fields.insert("schema".to_owned(), schema.to_value());
    }
    json!({
        "blueprintdefinitionid": definition.id.to_hex(),
        "kind": if said.document_kind.is_empty() { DEFINITION } else { said.document_kind.as_str() },
        "metadata": metadata(&said.metadata, &said.name, colony),
        "spec": spec,
    })
}

/// What a blueprint said after a change.
#[must_use]
pub fn blueprint_change(change: &BlueprintChange, colony: ColonyContext<'_>) -> Value {
    json!({
        "historyid": format!("{}-{}", change.blueprint, change.number),
        "blueprintid": change.blueprint.to_hex(),
        "kind": change.kind.as_str(),
        "namespace": colony.name,
        "name": change.name.as_str(),
        "generation": change.generation,
        "spec": change.spec.to_value(),
        "status": change.status.as_ref().map(|status| status.to_value()).unwrap_or_else(|| json!({})),
        "timestamp": rfc3339(change.at),
        "changedby": change.by.to_hex(),
        "changetype": if change.created { "create" } else { "update" },
    })
}

/// An entry of a channel; its bytes in base64.
#[must_use]
pub fn channel_entry(entry: &Entry) -> Value {
    let said = &entry.said;
    let mut shown = json!({
        "sequence": said.sequence,
        "timestamp": rfc3339(entry.at),
        "senderid": entry.sender.to_hex(),
        "payload": BASE64.encode(&said.payload),
        "type": said.kind.as_str(),
    });
    if let (false, Value::Object(fields)) = (said.in_reply_to == 0, &mut shown) {
        fields.insert("inreplyto".to_owned(), said.in_reply_to.into());
    }
    shown
}

fn metadata(said: &Metadata, name: &str, colony: ColonyContext<'_>) -> Map<String, Value> {
    let never = || rfc3339(Timestamp::ZERO);
    let time = |text: &str| if text.is_empty() { never() } else { text.to_owned() };
    let tags = |tags: &crate::model::blueprint::Tags| -> Value {
        tags.iter().map(|(key, value)| (key.to_string(), Value::from(value.as_str()))).collect()
    };
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.into());
    fields.insert("colonyname".to_owned(), colony.name.into());
    if !said.labels.is_empty() {
        fields.insert("labels".to_owned(), tags(&said.labels));
    }
    if !said.annotations.is_empty() {
        fields.insert("annotations".to_owned(), tags(&said.annotations));
    }
    fields.insert("createdAt".to_owned(), time(&said.created_at).into());
    fields.insert("updatedAt".to_owned(), time(&said.updated_at).into());
    if !said.last_reconciliation_process.is_empty() {
        let process = said.last_reconciliation_process.as_str();
        fields.insert("lastReconciliationProcess".to_owned(), process.into());
    }
    let reconciled = time(&said.last_reconciliation_time);
    fields.insert("lastReconciliationTime".to_owned(), reconciled.into());
    fields
}
