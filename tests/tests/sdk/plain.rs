//! What any HTTP client can do: no SDK, a signature computed here.

use colony_protocol::identity::SecretKey;
use colony_tests::{
    home::Home,
    http::{Api, signed},
};
use serde_json::{Value, json};

use crate::{EXECUTOR, OWNER, SERVER, dev, key};

fn submission() -> Value {
    let conditions = json!({"colonyname": "dev", "executortype": "dev"});
    json!({"msgtype": "submitfuncspecmsg", "spec": {"funcname": "echo", "args": [1, "a", {"x": [9007199254740993_u64]}],
        "maxexectime": 0, "conditions": conditions}})
}

#[test]
fn work_is_submitted_taken_reported_on_and_closed() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    let submitted = api.call(&submission(), &executor);
    assert_eq!((submitted.status, submitted.error), (200, false), "{submitted:?}");
    // Arguments pass through as they were, also numbers that doubles cannot hold.
    assert_eq!(submitted.payload["spec"]["args"], json!([1, "a", {"x": [9007199254740993_u64]}]));
    let id = submitted.payload["processid"].clone();

    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10});
    let assigned = api.call(&assign, &executor).payload;
    assert_eq!((&assigned["processid"], &assigned["state"]), (&id, &json!(1)));
    let stranger = SecretKey::derive(b"stranger");
    let close = json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": ["done"]});
    assert_eq!(api.call(&close, &stranger).status, 403);
    assert_eq!(api.call(&close, &executor).payload, json!({}));
    // The same again is no error, another end is.
    assert_eq!(api.call(&close, &executor).status, 200);
    let fail = json!({"msgtype": "closefailedmsg", "processid": id, "errors": ["late"]});
    assert_eq!(api.call(&fail, &executor).status, 400);

    let get = json!({"msgtype": "getprocessmsg", "processid": id});
    let ended = api.call(&get, &executor).payload;
    assert_eq!((&ended["state"], &ended["out"]), (&json!(2), &json!(["done"])));
    assert_eq!(api.call(&get, &stranger).status, 403);
    let none = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": -1});
    assert_eq!(api.call(&none, &executor).status, 404);
}

#[test]
fn a_paused_colony_gives_no_work_and_says_why() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    let about = |kind: &str| json!({"msgtype": kind, "colonyname": "dev"});
    assert_eq!(api.call(&about("pauseassignmentsmsg"), &key(EXECUTOR)).status, 403);
    assert_eq!(api.call(&about("pauseassignmentsmsg"), &key(OWNER)).status, 200);
    let status = api.call(&about("getpausestatusmsg"), &key(EXECUTOR)).payload;
    assert_eq!(status["ispaused"], json!(true));
    let assign =
        |timeout: i64| json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": timeout});
    assert_eq!(api.call(&assign(-1), &key(EXECUTOR)).status, 503);
    assert_eq!(api.call(&assign(1), &key(EXECUTOR)).status, 408);
    assert_eq!(api.call(&about("resumeassignmentsmsg"), &key(OWNER)).status, 200);
    assert_eq!(api.call(&assign(-1), &key(EXECUTOR)).status, 404);
}

#[test]
fn whoever_has_the_nodes_key_owns_the_server_and_nobody_else() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    for kind in ["getcoloniesmsg", "getstatisticsmsg", "getclustermsg"] {
        assert_eq!(api.call(&json!({"msgtype": kind}), &key(OWNER)).status, 403, "{kind}");
        assert_eq!(api.call(&json!({"msgtype": kind}), &key(SERVER)).status, 200, "{kind}");
    }
}

#[test]
fn what_is_signed_for_another_kind_or_changed_on_the_way_does_nothing() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    let mut request = signed(&json!({"msgtype": "pauseassignmentsmsg", "colonyname": "dev"}), &key(OWNER));
    request["payloadtype"] = json!("resumeassignmentsmsg");
    assert_eq!(api.post(request.to_string().as_bytes()).status, 400);
    let mut request = signed(&submission(), &key(EXECUTOR));
    let other = signed(&json!({"msgtype": "getcolonymsg", "colonyname": "dev"}), &key(EXECUTOR));
    request["signature"] = other["signature"].clone();
    assert_eq!(api.post(request.to_string().as_bytes()).status, 403);
    let stats = api.call(&json!({"msgtype": "getcolonystatsmsg", "colonyname": "dev"}), &key(EXECUTOR));
    assert_eq!(stats.payload["waitingprocesses"], json!(0));
}
