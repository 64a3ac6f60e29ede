//! Messages as clients send them, and what becomes of them; no network.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::*;
use crate::{
    command::{Command, LeaseRef},
    identity::{Identity, SecretKey},
    model::{Process, ProcessId, State, json::ColonyContext},
    query::Query,
    refusal::Refusal,
    reply::{Answer, Reply},
    time::Timestamp,
};

mod objects;

const DEV: ColonyContext<'_> = ColonyContext { name: "dev" };

fn ask(message: Value) -> Result<Ask, Fault> {
    let kind = message["msgtype"].as_str().unwrap_or_default().to_owned();
    read(&kind, &message.to_string())
}

fn command(message: Value) -> Command {
    match ask(message).unwrap().action {
        Action::Change { mut commands, .. } => commands.remove(0),
        other => panic!("no change: {other:?}"),
    }
}

fn id() -> String {
    ProcessId::from_bytes([7; 32]).to_hex()
}

fn ended_by(by: Identity) -> Process {
    Process {
        id: ProcessId::from_bytes([7; 32]),
        spec: Default::default(),
        initiator: by,
        initiator_name: Default::default(),
        state: State::Success,
        assigned_to: Some(by),
        executor_name: Default::default(),
        lease: None,
        token: 1,
        retries: 0,
        submitted_at: Timestamp::ZERO,
        started_at: None,
        ended_at: None,
        wait_deadline: None,
        priority_time: 0,
        workflow: None,
        waits_for_parents: false,
        parents: Default::default(),
        children: Default::default(),
        input: Default::default(),
        output: Default::default(),
        errors: Default::default(),
        attributes: Default::default(),
        log_lines: 0,
        retry_of: None,
    }
}

#[test]
fn a_documented_signature_names_its_signer() {
    let body = json!({
        "payloadtype": "getcoloniesmsg",
        "payload": "eyJtc2d0eXBlIjogImdldGNvbG9uaWVzbXNnIn0=",
        "signature": "f18ff0713f72d6f13767558241055a90d069649c582a92874b3f38b23c4600165dffbb165630de30e4b5605c48623baf06c8d3fe5b67894739d2aff250b4b64301",
    });
    let rpc = Rpc::parse(body.to_string().as_bytes()).unwrap();
    let by = rpc.signature().unwrap().recover(&rpc.digest()).unwrap();
    assert_eq!(by.to_hex(), "d3c82c740dcd057e40e51d324d03f042a3624e31b2d928d2bc296a6e95299ea2");
    assert_eq!(read(&rpc.kind, &rpc.message().unwrap()).unwrap().action, Action::Colonies);
}

#[test]
fn signatures_are_taken_and_refused_as_the_reference_does() {
    let of = |signature: &str| {
        let body = json!({"payloadtype": "x", "payload": "", "signature": signature}).to_string();
        Rpc::parse(body.as_bytes()).unwrap().signature()
    };
    let good = SecretKey::derive(b"one").sign(&crate::identity::Digest::of(&[b"text"])).to_hex();
    assert_eq!(of(&good.to_uppercase()).unwrap().to_hex(), good);
    assert_eq!(of("").unwrap_err(), Fault::denied("Invalid signature length"));
    assert_eq!(of(&good[2..]).unwrap_err().status, 403);
    assert_eq!(of(&format!("zz{}", &good[2..])).unwrap_err().status, 403);
    // The low two bits of the recovery code count up to 7; 27 and 28, as elsewhere, are none.
    assert_eq!(of(&format!("{}05", &good[..128])).unwrap().0[64], 1);
    assert_eq!(of(&format!("{}1b", &good[..128])).unwrap_err().status, 403);
}

#[test]
fn replies_and_faults_are_what_every_client_takes() {
    let said: Value = serde_json::from_str(&reply("getcolonymsg", &json!({"a": 1}))).unwrap();
    assert_eq!(said, json!({"payloadtype": "getcolonymsg", "payload": "eyJhIjoxfQ==", "error": false}));
    let said: Value = serde_json::from_str(&fault_reply(&Fault::denied("no"))).unwrap();
    assert_eq!((&said["payloadtype"], &said["error"]), (&json!("error"), &json!(true)));
    let payload = BASE64.decode(said["payload"].as_str().unwrap().as_bytes()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload, json!({"status": 403, "message": "no"}));
}

#[test]
fn keys_are_found_in_any_case_and_strange_ones_are_passed_over() {
    let message =
        json!({"MsgType": "getexecutormsg", "colonyNAME": "dev", "executorname": "e", "more": [{}]});
    let asked = read("getexecutormsg", &message.to_string()).unwrap();
    assert_eq!(asked.place, Place::Colony("dev".try_into().unwrap()));
    let Action::Read { show, .. } = asked.action else { panic!("a question") };
    assert_eq!(show, Show::Executor("e".try_into().unwrap()));
}

#[test]
fn a_message_of_another_kind_than_it_says_beside_it_is_refused() {
    let message = json!({"msgtype": "getcolonymsg", "colonyname": "dev"}).to_string();
    assert_eq!(read("removecolonymsg", &message).unwrap_err().status, 400);
    assert_eq!(ask(json!({"msgtype": "getnodesmsg"})).unwrap_err().status, 403);
    assert_eq!(ask(json!({"msgtype": "toString"})).unwrap_err().status, 403);
}

#[test]
fn mismatches_of_the_clients_are_healed() {
    // The Rust client spells the function out, and gives one executor's functions a kind of their own.
    let function = json!({"colonyname": "dev", "executorname": "e", "funcname": "f"});
    for key in ["fun", "function"] {
        let message = json!({"msgtype": "addfunctionmsg", key: function});
        assert!(matches!(command(message), Command::AddFunction { func_name, .. } if &*func_name == "f"));
    }
    let message = json!({"msgtype": "getfunctionsbyexecutormsg", "colonyname": "dev", "executorname": "e"});
    assert!(matches!(ask(message).unwrap().action, Action::Read { query: Query::Functions { .. }, .. }));
    // It writes dashes, and leaves errors out.
    let spec = json!({"funcname": "f", "conditions": {"colonyname": "dev", "processes-per-node": 3}});
    let Command::Submit { items } = command(json!({"msgtype": "submitfuncspecmsg", "spec": spec})) else {
        panic!("a submission")
    };
    assert_eq!(items[0].spec.conditions.processes_per_node, 3);
    let Command::Close { items } = command(json!({"msgtype": "closefailedmsg", "processid": id()})) else {
        panic!("a close")
    };
    assert!(items[0].errors.is_empty() && !items[0].success && items[0].lease.token == LeaseRef::ANY);
    // Python asks for the processes of a workflow in any state, and forgets a letter.
    let message = json!({
        "msgtype": "getprocessesmsg", "colonyname": "dev", "processgraphid": id(), "state": -1, "count": 100,
    });
    let Action::Read { query: Query::Processes(filter), .. } = ask(message).unwrap().action else {
        panic!("a list")
    };
    assert!(filter.state.is_none() && filter.workflow.is_some());
    let workflow = json!({"colonyname": "elsewhere", "functionspecs": [{
        "nodename": "a", "funcname": "f", "conditions": {"colonyname": "elsewhere", "executortype": "t"},
    }]});
    let cron = json!({
        "name": "c", "colonyname": "dev", "interval": -1, "cronexpression": "0 * * * * *",
        "waitforprevprocessgrap": true, "workflowspec": workflow.to_string(),
    });
    let Command::AddCron { cron } = command(json!({"msgtype": "addcronmsg", "cron": cron})) else {
        panic!("a cron")
    };
    assert!(cron.wait_for_previous);
    // Whatever a workflow in a cron says of itself, it runs where the cron is.
    assert_eq!(&*cron.spec.colony_name, "dev");
    assert_eq!(&*cron.spec.nodes[0].conditions.colony_name, "dev");
}

#[test]
fn a_generator_that_would_never_start_or_always_is_refused() {
    let generator =
        json!({"name": "g", "colonyname": "dev", "trigger": 0, "timeout": -1, "workflowspec": "{}"});
    let fault = ask(json!({"msgtype": "addgeneratormsg", "generator": generator})).unwrap_err();
    assert_eq!(fault.status, 400);
}

#[test]
fn wrong_types_and_missing_parts_are_told_and_nothing_panics() {
    for (message, status) in [
        (json!({"msgtype": "submitfuncspecmsg"}), 400),
        (json!({"msgtype": "submitfuncspecmsg", "spec": null}), 400),
        (json!({"msgtype": "submitfuncspecmsg", "spec": {"priority": "5"}}), 400),
        (json!({"msgtype": "submitfuncspecmsg", "spec": {"priority": 1.5}}), 400),
        (json!({"msgtype": "submitfuncspecmsg", "spec": {"conditions": "x"}}), 400),
        (json!({"msgtype": "closesuccessfulmsg", "processid": id(), "out": "str"}), 400),
        (json!({"msgtype": "closesuccessfulmsg", "processid": "7"}), 404),
        (json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 0}), 400),
        (json!({"msgtype": "assignprocessmsg", "colonyname": "dev"}), 400),
        (json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 101}), 400),
        (json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": -1}), 400),
        (json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 1, "state": 9}), 400),
        (json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 1, "state": -1}), 400),
        (json!({"msgtype": "removeallprocessesmsg", "colonyname": "dev", "state": 1}), 400),
        (json!({"msgtype": "getlogsmsg", "colonyname": "dev", "processid": id(), "count": 501}), 403),
        (json!({"msgtype": "searchlogsmsg", "colonyname": "dev", "text": "x", "days": 31, "count": 1}), 400),
        (json!({"msgtype": "addattributemsg", "attribute": {"targetid": id(), "attributetype": 4}}), 400),
        (json!({"msgtype": "addusermsg", "user": {"userid": "", "name": "u"}}), 400),
        (json!({"msgtype": "addexecutormsg", "executor": {"executorname": "a:b"}}), 400),
        (json!({"msgtype": ["x"]}), 400),
        (json!([1]), 400),
    ] {
        let shown = message.to_string();
        let fault = read(message["msgtype"].as_str().unwrap_or_default(), &shown).unwrap_err();
        assert_eq!(fault.status, status, "{shown}: {fault}");
        assert!(!fault.message.is_empty(), "{shown}");
    }
}

#[test]
fn waiting_for_work_is_bounded_by_nobody_and_asking_once_waits_not_at_all() {
    let wait = |timeout: i64| match ask(json!({"msgtype": "assignprocessmsg", "timeout": timeout}))
        .unwrap()
        .action
    {
        Action::Assign { wait, .. } => wait.as_secs_f64(),
        other => panic!("{other:?}"),
    };
    assert!((wait(-1) - 0.0).abs() < f64::EPSILON);
    assert!((wait(1_000) - 1_000.0).abs() < f64::EPSILON);
}

#[test]
fn a_long_message_becomes_several_lines_and_loses_nothing() {
    let text = "å".repeat(20_000);
    let message = json!({"msgtype": "addlogmsg", "processid": id(), "message": text});
    let Command::AddLog { lines, .. } = command(message) else { panic!("lines") };
    assert!(lines.len() > 1);
    assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<String>(), text);
}

#[test]
fn a_text_says_its_own_commands_and_no_others() {
    let message = json!({"msgtype": "cancelprocessmsg", "processid": id()}).to_string();
    let text = BASE64.encode(message.as_bytes());
    let own = Command::Cancel { process: ProcessId::from_bytes([7; 32]) };
    let other = Command::Cancel { process: ProcessId::from_bytes([8; 32]) };
    assert!(says(&text, own.kind(), &own.encode().unwrap()));
    assert!(!says(&text, other.kind(), &other.encode().unwrap()));
    assert!(!says(&text, "pause", &Command::Pause.encode().unwrap()));
    assert!(!says("no base64", own.kind(), &own.encode().unwrap()));
    let text = BASE64.encode(json!({"msgtype": "assignprocessmsg", "timeout": 9}).to_string().as_bytes());
    let Ok(Ask { action: Action::Assign { assign, .. }, .. }) =
        read("assignprocessmsg", &json!({"msgtype": "assignprocessmsg", "timeout": 9}).to_string())
    else {
        panic!("an assign")
    };
    let command = Command::Assign(assign);
    assert!(says(&text, command.kind(), &command.encode().unwrap()));
}

#[test]
fn the_same_close_again_is_no_error_and_another_one_is() {
    let by = Identity::from_bytes([1; 32]);
    let then = |success| Then::Closed {
        process: ProcessId::from_bytes([7; 32]),
        success,
        output: Default::default(),
    };
    let refusal = Refusal::not_found("an unfinished process");
    let mut process = ended_by(by);
    assert_eq!(then(true).again(&by, &refusal, &process), Ok(json!({})));
    assert_eq!(
        then(false).again(&by, &refusal, &process).unwrap_err().message,
        "Tried to set successful process as failed"
    );
    let other = Identity::from_bytes([2; 32]);
    assert_eq!(then(true).again(&other, &refusal, &process).unwrap_err().status, 403);
    process.state = State::Cancelled;
    assert_eq!(then(true).again(&by, &refusal, &process).unwrap_err().status, 400);
}

#[test]
fn nothing_found_is_an_empty_list_or_not_found() {
    assert_eq!(Show::Users.print(&Answer::Users(Vec::new()), DEV), Ok(json!([])));
    assert_eq!(Show::Processes.print(&Answer::Processes(Vec::new()), DEV), Ok(json!([])));
    let missing = Show::User("u".try_into().unwrap()).print(&Answer::Users(Vec::new()), DEV).unwrap_err();
    assert_eq!(missing.status, 404);
    let none =
        Then::Assigned.after(&Reply::Assigned { processes: Vec::new(), paused: false }, DEV).unwrap_err();
    assert_eq!((none.status, none.message.as_str()), (404, "No process available for assignment"));
}
