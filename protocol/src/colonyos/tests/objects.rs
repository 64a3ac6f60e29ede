//! Files, places, blueprints, channels and keys, as clients send them.

use super::*;
use crate::{
    bounded::Bytes,
    command::{BlueprintsCommand, ChangeKey, FilesCommand, LocationsCommand},
    model::{
        DefinitionId,
        blueprint::Definition,
        channel::{Entry, MESSAGE_MAX, NewEntry, PIECE_MAX},
        file::Place as At,
    },
    query::{BlueprintsQuery, ChannelsQuery, FilesQuery},
};

/// Every kind of message there is in ColonyOS, and those that only clients know.
const KINDS: &str = "addcolonymsg removecolonymsg versionmsg getserverinfomsg getstatisticsmsg getclustermsg changeserveridmsg getcoloniesmsg \
    getcolonymsg getcolonystatsmsg changecolonyidmsg pauseassignmentsmsg resumeassignmentsmsg getpausestatusmsg \
    addusermsg getusersmsg getusermsg getuserbyidmsg removeusermsg changeuseridmsg addexecutormsg getexecutorsmsg \
    getexecutormsg getexecutorbyidmsg approveexecutormsg rejectexecutormsg removeexecutormsg reportallocationmsg \
    updateexecutormsg changeexecutoridmsg addfunctionmsg getfunctionsmsg getfunctionsbyexecutormsg removefunctionmsg \
    submitfuncspecmsg assignprocessmsg getprocessmsg getprocessesmsg getprocesshistmsg removeprocessmsg \
    removeallprocessesmsg closesuccessfulmsg closefailedmsg setoutputmsg cancelprocessmsg addattributemsg \
    getattributemsg submitworkflowspecmsg getprocessgraphmsg getprocessgraphsmsg removeprocessgraphmsg \
    removeallprocessgraphsmsg cancelprocessgraphmsg addchildmsg addcronmsg getcronmsg getcronsmsg runcronmsg \
    removecronmsg addgeneratormsg getgeneratormsg resolvegeneratormsg getgeneratorsmsg packgeneratormsg \
    removegeneratormsg addlogmsg addexecutorlogmsg getlogsmsg searchlogsmsg addfilemsg getfilemsg getfilesmsg \
    getfilelabelsmsg removefilemsg createsnapshotmsg getsnapshotmsg getsnapshotsmsg removesnapshotmsg \
    removeallsnapshotmsg addlocationmsg getlocationsmsg getlocationmsg removelocationmsg channelappendmsg \
    channelreadmsg addblueprintdefinitionmsg getblueprintdefinitionmsg getblueprintdefinitionsmsg \
    removeblueprintdefinitionmsg addblueprintmsg getblueprintmsg getblueprintsmsg updateblueprintmsg \
    removeblueprintmsg updateblueprintstatusmsg reconcileblueprintmsg getblueprinthistorymsg";

fn query(message: Value) -> Query {
    match ask(message).unwrap().action {
        Action::Read { query, .. } | Action::ReadAll { query, .. } => query,
        other => panic!("no question: {other:?}"),
    }
}

#[test]
fn every_kind_of_message_is_known() {
    for kind in KINDS.split_whitespace() {
        let said = ask(json!({"msgtype": kind}));
        let unknown = said.as_ref().is_err_and(|fault| fault.message.contains("invalid rpcMsg.PayloadType"));
        assert!(!unknown, "{kind}: {said:?}");
    }
}

#[test]
fn a_file_is_read_without_the_keys_to_its_store() {
    let object = json!({"server": "h", "port": 9000, "tls": true, "accesskey": "a key", "secretkey": "a secret",
        "region": "r", "encryptionkey": "another", "encryptionalg": "", "object": "o", "bucket": "b"});
    let file = json!({"fileid": "", "colonyname": "dev", "label": "/d", "name": "a.txt", "size": 4, "sequencenr": 1,
        "checksum": "c", "checksumalg": "SHA256", "ref": {"protocol": "s3", "s3object": object}, "added": null});
    let asked = ask(json!({"msgtype": "addfilemsg", "file": file})).unwrap();
    assert_eq!(asked.place, Place::Colony("dev".try_into().unwrap()));
    let Command::Files(FilesCommand::Add { file }) = command(json!({"msgtype": "addfilemsg", "file": file}))
    else {
        panic!("a file")
    };
    let At::S3(object) = &file.place else { panic!("in a store") };
    assert_eq!(
        (&*file.label, &*file.name, file.size, object.port, object.tls),
        ("/d", "a.txt", 4, 9000, true)
    );
    let kept = crate::codec::encode(&file).unwrap();
    for secret in ["a key", "a secret", "another"] {
        assert!(!kept.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    let negative = json!({"msgtype": "addfilemsg", "file": {"label": "/d", "name": "a", "size": -1}});
    assert_eq!(ask(negative).unwrap_err().status, 400);
}

#[test]
fn files_and_snapshots_are_named_by_id_or_by_name_and_nulls_are_nothing() {
    let named = json!({"msgtype": "getfilemsg", "colonyname": "dev", "fileid": null, "label": "/d", "name": "a",
        "latest": true});
    assert!(matches!(query(named), Query::Files(FilesQuery::File { latest: true, .. })));
    for (kind, more, status) in [
        ("getfilemsg", json!({}), 400),
        ("removefilemsg", json!({"label": "/d"}), 400),
        ("getfilemsg", json!({"fileid": "x"}), 404),
        ("getsnapshotmsg", json!({}), 400),
        ("removesnapshotmsg", json!({"snapshotid": "x"}), 404),
    ] {
        let mut message = json!({"msgtype": kind, "colonyname": "dev"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(ask(message.clone()).unwrap_err().status, status, "{message}");
    }
}

#[test]
fn places_are_numbers_on_the_ground() {
    let message = |long: Value| {
        json!({"msgtype": "addlocationmsg", "location": {"locationid": "l", "name": "home", "colonyname": "dev",
            "description": "d", "long": long, "lat": -2.5}})
    };
    let Command::Locations(LocationsCommand::Add { location }) = command(message(json!(1.5))) else {
        panic!("a location")
    };
    assert_eq!((location.longitude.to_f64(), location.latitude.to_f64()), (1.5, -2.5));
    for wrong in [json!(181), json!("1.5"), json!([1])] {
        assert_eq!(ask(message(wrong)).unwrap_err().status, 400);
    }
}

#[test]
fn blueprints_are_read_with_whatever_clients_put_beside_them() {
    let blueprint = json!({"kind": "Dev", "metadata": {"name": "b", "colonyname": "dev", "unknown": 1,
        "createdAt": "0001-01-01T00:00:00Z"}, "handler": {}, "generation": 7, "spec": {"power": true}, "more": []});
    let message = json!({"msgtype": "updateblueprintmsg", "blueprint": blueprint, "forcegeneration": true});
    let asked = ask(message.clone()).unwrap();
    assert_eq!(asked.place, Place::Colony("dev".try_into().unwrap()));
    let Command::Blueprints(BlueprintsCommand::Update { blueprint, force_generation: true }) =
        command(message)
    else {
        panic!("a blueprint")
    };
    assert_eq!((&*blueprint.name, blueprint.spec.as_text()), ("b", r#"{"power":true}"#));
    // The colony is called by either name.
    for key in ["colonyname", "namespace"] {
        let message = json!({"msgtype": "removeblueprintdefinitionmsg", key: "dev", "name": "d"});
        assert_eq!(ask(message).unwrap().place, Place::Colony("dev".try_into().unwrap()), "{key}");
    }
}

#[test]
fn a_definition_is_called_what_its_writer_called_it() {
    for (written, shown) in [(json!("Lamp"), "Lamp"), (json!(""), "BlueprintDefinition")] {
        let definition = json!({"kind": written, "metadata": {"name": "d", "colonyname": "dev"},
            "spec": {"names": {"kind": "Lamp"}}});
        let message = json!({"msgtype": "addblueprintdefinitionmsg", "blueprintdefinition": definition});
        let Command::Blueprints(BlueprintsCommand::AddDefinition { definition }) = command(message) else {
            panic!("a definition")
        };
        let id = DefinitionId::from_bytes([1; 32]);
        let definition = Definition { id, definition, added_at: Timestamp::ZERO };
        assert_eq!(crate::model::json::definition(&definition, DEV)["kind"], shown);
    }
}

#[test]
fn what_is_said_in_a_channel_is_bytes_in_either_form() {
    let message = |payload: Value| {
        json!({"msgtype": "channelappendmsg", "processid": id(), "name": "c", "sequence": 1, "inreplyto": 2,
            "payload": payload, "payloadtype": "end"})
    };
    for payload in [json!("aGk="), json!([104, 105])] {
        let Command::Append(append) = command(message(payload)) else { panic!("an entry") };
        let entry = &append.entries[0];
        assert_eq!(
            (&*entry.payload, entry.sequence, entry.in_reply_to, &*entry.kind),
            (&b"hi"[..], 1, 2, "end")
        );
    }
    for wrong in [json!("a"), json!([256]), json!([-1]), json!({"0": 1}), json!(7)] {
        assert_eq!(ask(message(wrong.clone())).unwrap_err().status, 400, "{wrong}");
    }
}

#[test]
fn a_message_in_a_channel_is_as_large_as_in_colonyos() {
    let message = |len: usize| {
        json!({"msgtype": "channelappendmsg", "processid": id(), "name": "c", "sequence": 1, "inreplyto": 2,
            "payload": "A".repeat(len.div_ceil(3) * 4), "payloadtype": "end"})
    };
    let Action::Change { commands, .. } = ask(message(MESSAGE_MAX - 1)).unwrap().action else {
        panic!("a change")
    };
    let mut said = 0;
    for (index, one) in commands.iter().enumerate() {
        let Command::Append(append) = one else { panic!("an entry") };
        let [entry] = &append.entries[..] else { panic!("one piece") };
        let piece = entry.piece.unwrap();
        assert_eq!((piece.index as usize, piece.last), (index, index + 1 == commands.len()));
        assert_eq!((entry.sequence, entry.in_reply_to, &*entry.kind), (1, 2, "end"));
        assert!(append.entries[0].payload.len() <= PIECE_MAX);
        said += entry.payload.len();
    }
    assert!(said > MESSAGE_MAX - 3 && commands.len() > 1);
    let refused = ask(message(MESSAGE_MAX + 3)).unwrap_err();
    assert_eq!(refused.status, 400);
}

#[test]
fn a_new_key_is_the_callers_own_and_the_message_is_the_answer() {
    let key = "ab".repeat(32);
    for (kind, field, expected) in [
        ("changeuseridmsg", "userid", "change-user-key"),
        ("changeexecutoridmsg", "executorid", "change-executor-key"),
        ("changecolonyidmsg", "colonyid", "change-owner-key"),
    ] {
        let message = json!({"msgtype": kind, "colonyname": "dev", field: key});
        let asked = ask(message.clone()).unwrap();
        let Action::Change { commands, then } = asked.action else { panic!("a change") };
        assert_eq!((commands[0].kind(), then), (expected, Then::Says(message)));
        let short = json!({"msgtype": kind, "colonyname": "dev", field: "ab"});
        assert_eq!(ask(short).unwrap_err().status, 400);
    }
    // Which node is meant, the node that is asked says; its owner's text stands for that.
    let message = json!({"msgtype": "changeserveridmsg", "serverid": key}).to_string();
    let change = |owner: &str, node| {
        Command::ChangeKey(ChangeKey::Server {
            node: Identity::from_bytes([node; 32]),
            owner: owner.parse().unwrap(),
        })
    };
    let text = BASE64.encode(message.as_bytes());
    let own = change(&key, 9);
    assert!(says(&text, own.kind(), &own.encode().unwrap()));
    let other = change(&"cd".repeat(32), 9);
    assert!(!says(&text, other.kind(), &other.encode().unwrap()));
}

#[test]
fn allocations_are_read_and_shown_by_project() {
    let projects = json!({"p1": {"allocatedcpu": 10, "usedcpu": 1, "allocatedgpu": 0, "usedgpu": 0,
        "allocatedstorage": 0, "usedstorage": 0}});
    let message = json!({"msgtype": "reportallocationmsg", "colonyname": "dev", "executorname": "e",
        "allocations": {"projects": projects}});
    let Command::ReportAllocations { allocations } = command(message) else { panic!("allocations") };
    let executor = crate::model::Executor { allocations, ..Default::default() };
    assert_eq!(crate::model::json::executor(&executor, DEV)["allocations"]["projects"], projects);
}

#[test]
fn pages_go_on_where_the_last_one_ended_and_end_with_the_last_row() {
    let process = ProcessId::from_bytes([7; 32]);
    let read = |from| {
        let (channel, wait) = ("c".try_into().unwrap(), Default::default());
        Query::Channels(ChannelsQuery::Read { process: process.into(), channel, from, limit: 2, wait })
    };
    let entry = |place| Entry {
        place,
        sender: Identity::from_bytes([1; 32]),
        token: 0,
        at: Timestamp::ZERO,
        said: NewEntry { payload: Bytes::new(vec![1]).unwrap(), ..Default::default() },
        before: None,
    };
    let page = |places: &[u64]| {
        let entries = places.iter().copied().map(entry).collect();
        Answer::Channel { entries, length: 3, closed: false }
    };
    assert_eq!(next_page(&read(0), &page(&[0, 1])), Some(read(2)));
    assert_eq!(next_page(&read(2), &page(&[2])), None);
    assert_eq!(next_page(&read(3), &page(&[])), None);
    let list = Query::Blueprints(BlueprintsQuery::Definitions);
    assert_eq!(next_page(&list, &Answer::Definitions(Vec::new())), None);
    assert_eq!(joined(vec![json!([1, 2]), json!([]), json!([3])]), json!([1, 2, 3]));
}

#[test]
fn what_a_function_takes_is_read_and_shown() {
    let args = json!([{"name": "a", "type": "int", "description": "d", "required": true, "enum": ["1", "2"]},
        {"name": "b", "type": "string"}]);
    let function = json!({"colonyname": "dev", "executorname": "e", "funcname": "sum", "args": args});
    let Command::AddFunction { arguments, .. } =
        command(json!({"msgtype": "addfunctionmsg", "fun": function}))
    else {
        panic!("a function")
    };
    let function = crate::model::RegisteredFunction { arguments, ..Default::default() };
    assert_eq!(crate::model::json::function(&function, DEV)["args"], args);
}
