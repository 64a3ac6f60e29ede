use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    bounded::{Json, List, Text},
    envelope::RequestId,
    identity::{Identity, SecretKey},
    model::{
        Attribute, AttributeKind, Executor, FunctionSpec, Lease, LogStream, Process, ProcessId,
        RegisteredFunction, State, StoredLogLine, User, Workflow, WorkflowId,
        json::{parse_executor, parse_function_spec},
        member::{Member, MemberKey, MemberState, MemberView, Path, Role, Seat, StoreId},
    },
    reply::{Blocker, Check, ExecutorVerdict, Explanation, Statistics, Status},
    time::{Span, Timestamp},
};

const DEV: ColonyContext<'static> = ColonyContext { name: "dev" };
const COLONY: Identity = Identity::from_bytes([1; 32]);
const ALICE: Identity = Identity::from_bytes([2; 32]);
const EXECUTOR: Identity = Identity::from_bytes([3; 32]);
const NEVER: &str = "0001-01-01T00:00:00Z";
/// 2026-11-22T10:58:06.029863Z.
const THEN: Timestamp = Timestamp::from_micros(1_795_345_086_029_863);

fn id(number: u64) -> ProcessId {
    ProcessId::make(&COLONY, &ALICE, &RequestId::from_bytes([0; 16]), number)
}

fn waiting(number: u64, spec: FunctionSpec) -> Process {
    Process {
        id: id(number),
        spec: Arc::new(spec),
        initiator: ALICE,
        initiator_name: Text::cut("alice"),
        state: State::Waiting,
        assigned_to: None,
        executor_name: Text::default(),
        lease: None,
        token: 0,
        retries: 0,
        submitted_at: THEN,
        started_at: None,
        ended_at: None,
        wait_deadline: None,
        priority_time: THEN.as_nanos(),
        workflow: None,
        waits_for_parents: false,
        parents: List::default(),
        children: List::default(),
        input: List::default(),
        output: List::default(),
        errors: List::default(),
        attributes: List::default(),
        log_lines: 0,
        retry_of: None,
    }
}

#[test]
fn a_waiting_process_has_every_key_of_colonyos_with_its_nulls_and_empties() {
    let spec = parse_function_spec(r#"{"funcname":"echo","args":["a",1],"env":{"E":"v"}}"#).unwrap();
    let process = process(&waiting(7, spec.clone()), DEV);
    let expected = json!({
        "processid": id(7).to_hex(), "initiatorid": ALICE.to_hex(), "initiatorname": "alice",
        "assignedexecutorid": "", "isassigned": false, "state": 0, "prioritytime": 1_795_345_086_029_863_000_i64,
        "submissiontime": "2026-11-22T10:58:06.029863Z", "starttime": NEVER, "endtime": NEVER,
        "waitdeadline": NEVER, "execdeadline": NEVER, "retries": 0,
        "attributes": [{
            // SHA3-256 over id, key and type, as text.
            "attributeid": process["attributes"][0]["attributeid"],
            "targetid": id(7).to_hex(), "targetcolonyname": "dev", "targetprocessgraphid": "", "state": 0,
            "attributetype": 3, "key": "E", "value": "v",
        }],
        "spec": function_spec(&spec, DEV),
        "waitforparents": false, "parents": [], "children": [], "processgraphid": "", "in": [], "out": [], "errors": [],
        "number": 7, "attempt": 1, "token": 0, "executorname": "", "retryof": "",
    });
    assert_eq!(process, expected);

    let text = format!("{}E3", id(7));
    let digest = crate::identity::Digest::of(&[text.as_bytes()]);
    assert_eq!(process["attributes"][0]["attributeid"], hex::encode(digest.0));
}

#[test]
fn a_spec_is_normalised_as_colonyos_does_when_it_stores_one() {
    assert_eq!(
        function_spec(&FunctionSpec::default(), DEV),
        json!({
            "nodename": "", "funcname": "", "args": [], "kwargs": {}, "priority": 0,
            "maxwaittime": -1, "maxexectime": -1, "maxretries": 0,
            "conditions": {
                "colonyname": "dev", "executornames": [], "executortype": "", "dependencies": [], "nodes": 0,
                "cpu": "0m", "processes": 0, "processespernode": 0, "mem": "0Mi", "storage": "0Mi",
                "gpu": {"name": "", "mem": "0Mi", "count": 0, "nodecount": 0}, "walltime": 0,
            },
            "label": "", "fs": {"mount": "", "snapshots": null, "dirs": null}, "env": {},
        })
    );
    let star =
        parse_function_spec(r#"{"conditions":{"executornames":["*"],"cpu":2,"mem":"10GiB"}}"#).unwrap();
    let conditions = function_spec(&star, DEV)["conditions"].take();
    assert_eq!(conditions["executornames"], json!([]));
    assert_eq!((&conditions["cpu"], &conditions["mem"]), (&json!("2000m"), &json!("10240Mi")));
}

#[test]
fn a_full_spec_is_written_as_it_was_read() {
    let text = r#"{"nodename":"task_a","funcname":"echo","args":["a",1,{"x":[1]}],"kwargs":{"k":{"n":1}},
        "priority":0,"maxwaittime":-1,"maxexectime":5,"maxretries":-1,
        "conditions":{"colonyname":"dev","executornames":["exec1"],"executortype":"cli","locationname":"home",
            "dependencies":["task_0"],"nodes":1,"cpu":"1000m","processes":2,"processespernode":3,"mem":"10240Mi",
            "storage":"5Mi","gpu":{"name":"h200","mem":"7Mi","count":1,"nodecount":2},"walltime":60},
        "label":"lab",
        "fs":{"mount":"/cfs",
            "snapshots":[{"snapshotid":"s","label":"/src","dir":"/src","keepfiles":false,"keepsnapshot":true}],
            "dirs":[{"label":"/res","dir":"/res","keepfiles":true,
                "onconflicts":{"onstart":{"keeplocal":false},"onclose":{"keeplocal":true}}}]},
        "env":{"E":"v"},"channels":["c1"]}"#;
    let written = function_spec(&parse_function_spec(text).unwrap(), DEV);
    assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
}

#[test]
fn a_running_process_shows_its_lease_and_a_finished_one_keeps_what_it_was() {
    let spec = parse_function_spec(r#"{"maxexectime":60}"#).unwrap();
    let lease = Lease {
        holder: EXECUTOR,
        token: 3,
        term: 1,
        granted_at: THEN,
        heartbeat: None,
        renew_by: None,
        hard_deadline: Some(THEN.after(crate::time::Span::from_secs(60))),
    };
    let mut process = Process {
        state: State::Running,
        assigned_to: Some(EXECUTOR),
        executor_name: Text::cut("exec1"),
        lease: Some(lease),
        token: 3,
        retries: 2,
        started_at: Some(THEN),
        workflow: Some(WorkflowId::from_bytes([9; 32])),
        attributes: List::new(vec![Attribute {
            key: Text::cut("k"),
            value: Text::cut("v"),
            kind: AttributeKind::Out,
        }])
        .unwrap(),
        retry_of: Some(id(1)),
        ..waiting(7, spec)
    };
    let shown = super::process(&process, DEV);
    assert_eq!((&shown["state"], &shown["isassigned"]), (&json!(1), &json!(true)));
    assert_eq!(shown["assignedexecutorid"], EXECUTOR.to_hex());
    assert_eq!((&shown["attempt"], &shown["token"], &shown["retries"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!(shown["execdeadline"], "2026-11-22T10:59:06.029863Z");
    assert_eq!(shown["processgraphid"], "09".repeat(32));
    let attribute = &shown["attributes"][0];
    assert_eq!((&attribute["attributetype"], &attribute["state"]), (&json!(1), &json!(1)));
    assert_eq!(attribute["targetprocessgraphid"], "09".repeat(32));
    assert_eq!((&shown["executorname"], &shown["retryof"]), (&json!("exec1"), &json!(id(1).to_hex())));

    process.state = State::Success;
    process.lease = None;
    process.ended_at = Some(THEN);
    process.output = List::new(vec![Json::string("done"), Json::new("[1]").unwrap()]).unwrap();
    let shown = super::process(&process, DEV);
    assert_eq!(shown["out"], json!(["done", [1]]));
    assert_eq!(
        (&shown["execdeadline"], &shown["endtime"]),
        (&json!("2026-11-22T10:59:06.029863Z"), &shown["starttime"])
    );

    // Back in the queue there is no deadline, although it once started.
    process.state = State::Waiting;
    assert_eq!(super::process(&process, DEV)["execdeadline"], NEVER);
}

/// The workflow a -> (b, c) -> d.
fn diamond() -> (Workflow, Vec<Process>) {
    let links: [(&str, State, &[u64], &[u64]); 4] = [
        ("a", State::Running, &[], &[2, 3]),
        ("b", State::Waiting, &[1], &[4]),
        ("c", State::Failed, &[1], &[4]),
        ("d", State::Cancelled, &[2, 3], &[]),
    ];
    let ids = |numbers: &[u64]| List::new(numbers.iter().map(|number| id(*number)).collect()).unwrap();
    let processes = (1..).zip(links).map(|(number, (name, state, parents, children))| Process {
        state,
        parents: ids(parents),
        children: ids(children),
        ..waiting(number, FunctionSpec { node_name: Text::cut(name), ..Default::default() })
    });
    let workflow = Workflow {
        id: WorkflowId::make(&COLONY, &ALICE, &RequestId::from_bytes([0; 16]), 5),
        initiator: ALICE,
        initiator_name: Text::cut("alice"),
        state: State::Running,
        submitted_at: THEN,
        started_at: Some(THEN),
        ended_at: None,
        roots: List::new(vec![id(1)]).unwrap(),
        processes: List::new((1..=4).map(id).collect()).unwrap(),
        retry_of: None,
    };
    (workflow, processes.collect())
}

#[test]
fn a_workflow_is_drawn_level_by_level_as_the_dashboard_expects() {
    let (row, processes) = diamond();
    let graph = workflow(&row, &processes, DEV);
    assert_eq!(graph["processgraphid"], row.id.to_hex());
    assert_eq!((&graph["number"], &graph["state"], &graph["endtime"]), (&json!(5), &json!(1), &json!(NEVER)));
    assert_eq!(graph["rootprocessids"], json!([id(1).to_hex()]));
    assert_eq!(graph["processids"].as_array().unwrap().len(), 4);
    // `d` is met through `b` first, on the third level; the widest level is 350 wide.
    let node = |number: u64, name: &str, x: u64, y: u64, kind: &str, background: &str| {
        json!({"id": id(number).to_hex(), "data": {"label": name}, "position": {"x": x, "y": y}, "type": kind,
               "style": {"color": "", "background": background}})
    };
    assert_eq!(
        graph["nodes"],
        json!([
            node(1, "a", 100, 0, "input", "#4689cd"),
            node(2, "b", 0, 80, "", "#eee8d8"),
            node(3, "c", 200, 80, "", "#cb4239"),
            node(4, "d", 100, 160, "output", "#f5a623"),
        ])
    );
    let edges = graph["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 4);
    assert_eq!(
        edges[0],
        json!({"id": format!("{}-{}", id(1), id(2)), "source": id(1).to_hex(), "target": id(2).to_hex(), "animated": true})
    );
    assert_eq!(edges[3]["animated"], false);
}

#[test]
fn a_listed_workflow_has_no_drawing_and_a_cycle_of_rows_ends() {
    let (row, mut processes) = diamond();
    let listed = workflow(&row, &[], DEV);
    assert_eq!((&listed["nodes"], &listed["edges"]), (&json!([]), &json!([])));
    // Rows of a peer may claim anything.
    processes[3].children = List::new(vec![id(1)]).unwrap();
    assert_eq!(workflow(&row, &processes, DEV)["nodes"].as_array().unwrap().len(), 4);
}

#[test]
fn an_executor_is_written_as_it_was_read() {
    let text = r#"{"executorname":"exec2","executortype":"gpu","locationname":"home","capabilities":{
        "hardware":[{"model":"box","nodes":1,"cpu":"4000m","cores":8,"mem":"8192Mi","storage":"100Mi",
            "gpu":{"name":"h200","mem":"3Mi","count":1,"nodecount":1},"platform":"linux","architecture":"amd64",
            "network":["10.0.0.5"]}],
        "software":[{"name":"img","type":"container","version":"1"}]}}"#;
    let written = executor(&parse_executor(text).unwrap(), DEV);
    let read: Value = serde_json::from_str(text).unwrap();
    assert_eq!(written["capabilities"], read["capabilities"]);
    assert_eq!(written["locationname"], "home");

    assert_eq!(
        executor(&Executor { id: EXECUTOR, ..Default::default() }, DEV),
        json!({
            "executorid": EXECUTOR.to_hex(), "executortype": "", "executorname": "", "colonyname": "dev", "state": 0,
            "requirefuncreg": false, "commissiontime": NEVER, "lastheardfromtime": NEVER,
            "capabilities": {"hardware": null, "software": null}, "allocations": {"projects": null},
        })
    );
}

#[test]
fn users_log_lines_and_functions_have_their_shapes() {
    let row = User { id: ALICE, name: Text::cut("alice"), email: Text::cut("a@x"), phone: Text::cut("1") };
    assert_eq!(
        user(&row, DEV),
        json!({"colonyname": "dev", "userid": ALICE.to_hex(), "name": "alice", "email": "a@x", "phone": "1"})
    );

    let line = StoredLogLine {
        line: 4,
        at: THEN,
        executor_name: Text::cut("exec1"),
        stream: LogStream::Err,
        message: Text::cut("hello\n"),
    };
    assert_eq!(
        log_line(&line, &id(7), DEV),
        json!({"processid": id(7).to_hex(), "colonyname": "dev", "executorname": "exec1", "message": "hello\n",
               "timestamp": 1_795_345_086_029_863_000_i64, "stream": "err", "line": 4})
    );

    let row = RegisteredFunction {
        number: 17,
        executor_name: Text::cut("exec1"),
        func_name: Text::cut("sum"),
        counter: 4,
        sum_wait: 2.0,
        sum_exec: 1.0,
        ..Default::default()
    };
    assert_eq!(
        function(&row, DEV),
        json!({"functionid": format!("{}11", "0".repeat(62)), "executorname": "exec1", "executortype": "",
               "colonyname": "dev", "funcname": "sum", "counter": 4, "minwaittime": 0.0, "maxwaittime": 0.0,
               "minexectime": 0.0, "maxexectime": 0.0, "avgwaittime": 0.5, "avgexectime": 0.25, "number": 17})
    );
    // Never run: no division by nothing.
    assert_eq!(function(&RegisteredFunction::default(), DEV)["avgwaittime"], 0.0);
}

#[test]
fn the_status_has_the_promised_keys() {
    let row = Status {
        colony: Text::cut("dev"),
        colony_id: COLONY,
        node: EXECUTOR,
        term: 3,
        coordinator: Some(EXECUTOR),
        voters: vec![EXECUTOR],
        learners: Vec::new(),
        committed: 9,
        applied: 8,
        paused: false,
        statistics: Statistics {
            processes: [1, 2, 3, 4, 5],
            workflows: [6, 7, 8, 9, 10],
            ..Default::default()
        },
        version: Text::cut("0.1.0"),
        owner: COLONY,
    };
    let shown = status(&row, |member| (*member == EXECUTOR).then(|| "node1".to_owned()));
    assert_eq!(shown["coordinator"], json!({"id": EXECUTOR.to_hex(), "name": "node1"}));
    assert_eq!((&shown["colony"], &shown["colonyid"]), (&json!("dev"), &json!(COLONY.to_hex())));
    assert_eq!((&shown["term"], &shown["committed"], &shown["applied"]), (&json!(3), &json!(9), &json!(8)));
    assert_eq!((&shown["waiting"], &shown["running"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&shown["voters"], &shown["learners"]),
        (&json!([{"id": EXECUTOR.to_hex(), "name": "node1"}]), &json!([]))
    );
    let headless = Status { coordinator: None, ..row.clone() };
    assert_eq!(status(&headless, |_| None)["coordinator"], Value::Null);

    let counts = statistics(&row.statistics);
    assert_eq!((&counts["successfulprocesses"], &counts["cancelledworkflows"]), (&json!(3), &json!(10)));
    assert_eq!(counts["colonies"], 1);
}

#[test]
fn an_explanation_lists_what_blocks_and_each_condition() {
    let parent = Blocker::Parent { process: id(3), node_name: Text::cut("p"), state: State::Running };
    let row = Explanation {
        process: waiting(7, FunctionSpec::default()),
        blockers: vec![
            Blocker::Paused,
            parent,
            Blocker::NotWaiting(State::Failed),
            Blocker::NoExecutorOfType(Text::cut("gpu")),
        ],
        ahead: 2,
        executors: vec![ExecutorVerdict {
            name: Text::cut("exec1"),
            executor_type: Text::cut("cli"),
            last_heard_at: Timestamp::ZERO,
            checks: vec![Check {
                condition: Text::cut("type"),
                met: false,
                wanted: Text::cut("gpu"),
                has: Text::cut("cli"),
            }],
        }],
    };
    let shown = explanation(&row, DEV);
    assert_eq!(
        shown["blockers"],
        json!([
            {"blocker": "paused"},
            {"blocker": "parent", "processid": id(3).to_hex(), "number": 3, "nodename": "p", "state": 1},
            {"blocker": "notwaiting", "state": 3},
            {"blocker": "noexecutor", "executortype": "gpu"},
        ])
    );
    assert_eq!(
        shown["executors"],
        json!([{"executorname": "exec1", "executortype": "cli", "lastheardfromtime": NEVER,
                "checks": [{"condition": "type", "met": false, "wanted": "gpu", "has": "cli"}]}])
    );
    assert_eq!((&shown["ahead"], &shown["process"]["number"]), (&json!(2), &json!(7)));
}

#[test]
fn a_member_says_what_it_is_and_how_it_is_reached() {
    let key = MemberKey::of(&SecretKey::derive(b"n1"));
    let row = Member {
        key,
        id: key.identity(),
        name: Text::cut("n1"),
        role: Role::Voter,
        state: MemberState::Active,
        addresses: List::new(vec![Text::cut("/ip4/192.0.2.1/tcp/1/p2p/16Uiu2")]).unwrap(),
        store: StoreId::default(),
        joined_at: THEN,
        until: None,
        ended_at: None,
    };
    let unseen = MemberView {
        member: row,
        seat: Seat::None,
        path: None,
        path_since: None,
        rtt: None,
        last_heard: None,
    };
    let seen = MemberView {
        seat: Seat::Learner,
        path: Some(Path::Punched),
        path_since: Some(THEN),
        rtt: Some(Span::from_micros(1_500)),
        last_heard: Some(THEN),
        ..unseen.clone()
    };
    assert_eq!(
        member(&seen, "16Uiu2"),
        json!({
            "id": key.identity().to_hex(),
            "name": "n1",
            "roles": ["voter"],
            "peerid": "16Uiu2",
            "state": "active",
            "seat": "learner",
            "path": "punched",
            "pathsince": "2026-11-22T10:58:06.029863Z",
            "rtt_ms": 1.5,
            "lastheard": "2026-11-22T10:58:06.029863Z",
            "addresses": ["/ip4/192.0.2.1/tcp/1/p2p/16Uiu2"],
            "jointime": "2026-11-22T10:58:06.029863Z",
            "until": NEVER,
            "endtime": NEVER,
        })
    );
    let shown = member(&unseen, "");
    assert_eq!((&shown["path"], &shown["rtt_ms"]), (&json!("-"), &Value::Null));
    assert_eq!((&shown["seat"], &shown["lastheard"]), (&json!("-"), &json!(NEVER)));
    let paths = [Path::Own, Path::Direct, Path::Relayed].map(Path::word);
    assert_eq!(paths, ["self", "direct", "relayed"]);
}
