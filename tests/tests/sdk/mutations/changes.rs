//! Changes that each would be made if they were sent as they are: what refuses them is what was done to them.

use colony_tests::http::Api;
use serde_json::{Value, json};

use crate::{EXECUTOR, OWNER, SERVER, key};

/// A message, and whose key makes it good.
pub(super) type Change = (Value, &'static str);

/// One of each kind that needs nothing but what [`prepare`] has made, in an order in which all of them are possible.
pub(super) fn changes(process: &Value) -> Vec<Change> {
    let (id, other) = ("ab".repeat(32), "cd".repeat(32));
    let conditions = json!({"colonyname": "dev", "executortype": "nobody"});
    let spec = json!({"nodename": "a", "funcname": "f", "conditions": conditions});
    let workflow = json!({"colonyname": "dev", "functionspecs": [spec]});
    let text = workflow.to_string();
    let names = json!({"kind": "K", "listKind": "KList", "singular": "k", "plural": "ks"});
    let object = json!({"server": "h", "port": 9000, "object": "o", "bucket": "b"});
    let mut changes = vec![
        (json!({"msgtype": "submitfuncspecmsg", "spec": spec}), EXECUTOR),
        (json!({"msgtype": "submitworkflowspecmsg", "spec": workflow}), EXECUTOR),
        (
            json!({"msgtype": "addcronmsg", "cron": {"colonyname": "dev", "name": "c", "cronexpression": "0 0 0 1 1 *",
            "interval": -1, "random": false, "waitforprevprocessgraph": false, "workflowspec": text}}),
            EXECUTOR,
        ),
        (
            json!({"msgtype": "addgeneratormsg", "generator": {"colonyname": "dev", "name": "g", "trigger": 5,
            "timeout": -1, "workflowspec": text}}),
            EXECUTOR,
        ),
        (
            json!({"msgtype": "addfunctionmsg", "fun": {"colonyname": "dev", "executorname": "dev", "funcname": "f"}}),
            EXECUTOR,
        ),
        (
            json!({"msgtype": "addfilemsg", "file": {"colonyname": "dev", "label": "/d", "name": "f", "size": 1,
            "ref": {"protocol": "s3", "s3object": object}}}),
            EXECUTOR,
        ),
        (json!({"msgtype": "createsnapshotmsg", "colonyname": "dev", "label": "/d", "name": "s"}), EXECUTOR),
        (
            json!({"msgtype": "addexecutorlogmsg", "colonyname": "dev", "executorname": "dev", "message": "m"}),
            EXECUTOR,
        ),
        (
            json!({"msgtype": "reportallocationmsg", "colonyname": "dev", "executorname": "dev",
            "allocations": {"projects": {"p": {"allocatedcpu": 1}}}}),
            EXECUTOR,
        ),
        (json!({"msgtype": "cancelprocessmsg", "processid": process}), EXECUTOR),
        (json!({"msgtype": "removeprocessmsg", "processid": process}), EXECUTOR),
        (
            json!({"msgtype": "addusermsg", "user": {"colonyname": "dev", "userid": id, "name": "u", "email": "",
            "phone": ""}}),
            OWNER,
        ),
        (
            json!({"msgtype": "addexecutormsg", "executor": {"executorid": other, "executortype": "t",
            "executorname": "e", "colonyname": "dev"}}),
            OWNER,
        ),
        (
            json!({"msgtype": "addlocationmsg", "location": {"locationid": "l", "colonyname": "dev", "name": "l",
            "long": 1.5, "lat": 2.5}}),
            OWNER,
        ),
        (
            json!({"msgtype": "addblueprintdefinitionmsg", "blueprintdefinition": {"kind": "BlueprintDefinition",
            "metadata": {"name": "d", "colonyname": "dev"}, "spec": {"names": names}}}),
            OWNER,
        ),
        (json!({"msgtype": "removeallprocessesmsg", "colonyname": "dev", "state": -1}), OWNER),
        (json!({"msgtype": "addcolonymsg", "colony": {"colonyid": other, "name": "more"}}), SERVER),
        (json!({"msgtype": "changeserveridmsg", "serverid": id}), SERVER),
    ];
    for (kind, signer) in [
        ("approveexecutormsg", OWNER),
        ("rejectexecutormsg", OWNER),
        ("removeexecutormsg", OWNER),
        ("pauseassignmentsmsg", OWNER),
        ("removeallsnapshotmsg", EXECUTOR),
    ] {
        let change = json!({"msgtype": kind, "colonyname": "dev", "executorname": "e"});
        changes.push((change, signer));
    }
    for (kind, name) in [("removeusermsg", "u"), ("removelocationmsg", "l")] {
        changes.push((json!({"msgtype": kind, "colonyname": "dev", "name": name}), OWNER));
    }
    changes.extend([
        (
            json!({"msgtype": "changeexecutoridmsg", "colonyname": "dev", "executorid": "ef".repeat(32)}),
            EXECUTOR,
        ),
        (json!({"msgtype": "changecolonyidmsg", "colonyname": "dev", "colonyid": "12".repeat(32)}), OWNER),
    ]);
    changes
}

/// A process that waits; its id.
pub(super) fn prepare(api: &mut Api) -> Value {
    let conditions = json!({"colonyname": "dev", "executortype": "nobody"});
    let submit = json!({"msgtype": "submitfuncspecmsg", "spec": {"funcname": "f", "conditions": conditions}});
    let submitted = api.call(&submit, &key(EXECUTOR));
    assert_eq!(submitted.status, 200, "{submitted:?}");
    submitted.payload["processid"].clone()
}

/// All that a colony shows of itself, but for when its executors were heard.
pub(super) fn state(api: &mut Api) -> Vec<Value> {
    let mut shown = Vec::new();
    for kind in [
        "getcolonymsg",
        "getcolonystatsmsg",
        "getexecutorsmsg",
        "getusersmsg",
        "getfunctionsmsg",
        "getcronsmsg",
        "getgeneratorsmsg",
        "getfilelabelsmsg",
        "getsnapshotsmsg",
        "getlocationsmsg",
        "getblueprintdefinitionsmsg",
        "getblueprintsmsg",
        "getpausestatusmsg",
        "getprocessesmsg",
        "getprocessgraphsmsg",
        "getlogsmsg",
    ] {
        let ask = json!({"msgtype": kind, "colonyname": "dev", "namespace": "dev", "count": 100, "state": 0,
            "executorname": if kind == "getlogsmsg" { "dev" } else { "" }});
        let mut reply = api.call(&ask, &key(EXECUTOR));
        assert_eq!(reply.status, 200, "{kind}: {reply:?}");
        if kind == "getexecutorsmsg" {
            for executor in reply.payload.as_array_mut().unwrap() {
                executor.as_object_mut().unwrap().remove("lastheardfromtime");
            }
        }
        shown.push(reply.payload);
    }
    shown.push(api.call(&json!({"msgtype": "getcoloniesmsg"}), &key(SERVER)).payload);
    shown
}
