//! Channels and blueprints.

use std::collections::HashMap;

use colonyos::core::{
    Blueprint, BlueprintDefinition, BlueprintDefinitionHandler, BlueprintDefinitionNames,
    BlueprintDefinitionSpec, BlueprintMetadata, FunctionSpec,
};
use serde_json::{Value, json};

use crate::{DEV, OWNER, USER, refused};

pub async fn channels(key: &str) {
    let mut spec = FunctionSpec::new("talk", "rs", DEV);
    spec.channels = vec!["words".to_owned()];
    let process = colonyos::submit(&spec, USER).await.unwrap();
    let id = process.processid;
    assert_eq!(colonyos::assign(DEV, 10, key).await.unwrap().processid, id);
    colonyos::channel_append(&id, "words", 1, "what?", "", 0, USER).await.unwrap();
    let asked = colonyos::channel_read(&id, "words", 0, 0, key).await.unwrap();
    assert_eq!((asked.len(), asked[0].payload_as_string()), (1, "what?".to_owned()));
    let (there, by) = (id.clone(), key.to_owned());
    let answering = tokio::spawn(async move {
        for (number, word) in (1..).zip(["this", "and", "that"]) {
            colonyos::channel_append(&there, "words", number, word, "", 1, &by).await.unwrap();
        }
        colonyos::close(&there, &by).await.unwrap();
    });
    // Hears all there is, until the end of the process.
    let heard = colonyos::subscribe_channel(&id, "words", 1, 20, USER, |_| true).await.unwrap();
    answering.await.unwrap();
    let words: Vec<String> = heard.iter().map(|entry| entry.payload_as_string()).collect();
    assert_eq!(words, ["this", "and", "that"]);
    assert_eq!(heard[0].inreplyto, 1);
    refused(colonyos::channel_append(&id, "words", 9, "late", "", 0, USER).await, "");
    refused(colonyos::channel_read(&id, "other", 0, 0, USER).await, "");
}

fn metadata(name: &str) -> BlueprintMetadata {
    BlueprintMetadata { name: name.to_owned(), colonyname: DEV.to_owned(), ..Default::default() }
}

fn spec(value: Value) -> HashMap<String, Value> {
    serde_json::from_value(value).unwrap()
}

pub async fn blueprints(key: &str) {
    let definition = BlueprintDefinition {
        metadata: metadata("lamps"),
        spec: BlueprintDefinitionSpec {
            names: BlueprintDefinitionNames { kind: "Lamp".to_owned(), ..Default::default() },
            handler: BlueprintDefinitionHandler {
                executor_type: "rs".to_owned(),
                function_name: "reconcile".to_owned(),
                ..Default::default()
            },
            schema: Some(spec(json!({"type": "object", "required": ["power"]}))),
        },
        ..Default::default()
    };
    let added = colonyos::add_blueprint_definition(&definition, OWNER).await.unwrap();
    assert_eq!(added.spec.names.kind, "Lamp");
    refused(colonyos::add_blueprint_definition(&definition, USER).await, "Access denied");
    assert_eq!(colonyos::get_blueprint_definition(DEV, "lamps", USER).await.unwrap().metadata.name, "lamps");
    assert_eq!(colonyos::get_blueprint_definitions(DEV, USER).await.unwrap().len(), 1);

    let lamp = Blueprint {
        kind: "Lamp".to_owned(),
        metadata: metadata("hall"),
        spec: spec(json!({"power": true})),
        ..Default::default()
    };
    let dark = Blueprint { spec: HashMap::new(), ..lamp.clone() };
    refused(colonyos::add_blueprint(&dark, USER).await, "power");
    let added = colonyos::add_blueprint(&lamp, USER).await.unwrap();
    reconcile(key).await;
    let changed = Blueprint { spec: spec(json!({"power": false})), ..added };
    let changed = colonyos::update_blueprint(&changed, false, USER).await.unwrap();
    assert_eq!(changed.spec["power"], json!(false));
    reconcile(key).await;
    colonyos::update_blueprint_status(DEV, "hall", spec(json!({"power": false})), key).await.unwrap();
    assert_eq!(colonyos::get_blueprint(DEV, "hall", USER).await.unwrap().status["power"], json!(false));
    assert_eq!(colonyos::get_blueprints(DEV, "Lamp", "", USER).await.unwrap().len(), 1);
    let process = colonyos::reconcile_blueprint(DEV, "hall", false, USER).await.unwrap();
    assert_eq!(process.spec.funcname, "reconcile");
    reconcile(key).await;
    refused(colonyos::remove_blueprint_definition(DEV, "lamps", OWNER).await, "");
    colonyos::remove_blueprint(DEV, "hall", USER).await.unwrap();
    colonyos::remove_all_processes(DEV, 0, OWNER).await.unwrap();
    colonyos::remove_blueprint_definition(DEV, "lamps", OWNER).await.unwrap();
    assert_eq!(colonyos::get_blueprint_definitions(DEV, USER).await.unwrap().len(), 0);
}

async fn reconcile(key: &str) {
    let taken = colonyos::assign(DEV, 10, key).await.unwrap();
    assert_eq!(taken.spec.funcname, "reconcile");
    colonyos::close(&taken.processid, key).await.unwrap();
}
