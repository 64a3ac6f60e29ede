//! What any HTTP client can do: no SDK, a signature computed here.

use std::{
    io::{Read as _, Write as _},
    time::{Duration, Instant},
};

use colony_protocol::identity::SecretKey;
use colony_tests::{
    home::Home,
    http::{Api, signed},
};
use serde_json::{Value, json};

use crate::{EXECUTOR, OWNER, SERVER, dev, key};

fn submission() -> Value {
    let conditions = json!({"colonyname": "dev", "executortype": "cli"});
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
fn who_waits_for_work_while_the_colony_is_paused_gets_it_when_it_goes_on() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    let about = |kind: &str| json!({"msgtype": kind, "colonyname": "dev"});
    assert_eq!(api.call(&about("pauseassignmentsmsg"), &key(OWNER)).status, 200);
    for _ in 0..2 {
        assert_eq!(api.call(&submission(), &executor).status, 200);
    }
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let (url, key) = (url.clone(), executor.clone());
            std::thread::spawn(move || {
                let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 30});
                Api::connect(&url).call(&assign, &key)
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    assert_eq!(api.call(&about("resumeassignmentsmsg"), &key(OWNER)).status, 200);
    // All of them, and not when their time is over.
    for waiting in waiting {
        assert_eq!(waiting.join().unwrap().status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
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

/// What `GET /metrics` says.
pub(crate) fn metrics(url: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream
        .write_all(format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

/// A number of it.
pub(crate) fn metric(said: &str, name: &str) -> f64 {
    let line =
        said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}\n{said}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn metrics_tell_how_long_the_queue_is_and_how_long_work_waited() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    for _ in 0..3 {
        assert_eq!(api.call(&submission(), &executor).status, 200);
    }
    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10});
    assert_eq!(api.call(&assign, &executor).status, 200);
    let said = metrics(&url);
    for line in [
        "colony_queue_depth{colony=\"dev\"} 2",
        "colony_leases{colony=\"dev\"} 1",
        "colony_assign_wait_seconds_count{colony=\"dev\"} 1",
        "colonies_server_processes_waiting 2",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let value = |name: &str| metric(&said, name);
    assert!(value("colony_queue_age_seconds") > 0.0);
    assert!(value("colony_elections_total") >= 1.0);
    assert!(value("colony_store_commits_total") >= 4.0);
    // Each name is explained once.
    let mut names: Vec<&str> = said.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn colonies_are_made_and_forgotten_by_the_servers_owner_alone() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    let owner = SecretKey::derive(b"somebody");
    let id = owner.identity().to_hex();
    let add =
        |name: &str, id: &str| json!({"msgtype": "addcolonymsg", "colony": {"colonyid": id, "name": name}});
    let remove = |name: &str| json!({"msgtype": "removecolonymsg", "colonyname": name});
    assert_eq!(api.call(&add("theirs", &id), &key(OWNER)).status, 403);
    for wrong in [add("theirs", "ab"), add("a:b", &id), add("", &id), add("dev", &id)] {
        assert_eq!(api.call(&wrong, &key(SERVER)).status, 400, "{wrong}");
    }
    assert_eq!(
        api.call(&add("theirs", &id), &key(SERVER)).payload,
        json!({"colonyid": id, "name": "theirs"})
    );

    // Its owner owns it, and nobody of the other colony has a part in it.
    let user = SecretKey::derive(b"user");
    let row = json!({"colonyname": "theirs", "userid": user.identity().to_hex(), "name": "u", "email": "", "phone": ""});
    let add_user = json!({"msgtype": "addusermsg", "user": row});
    assert_eq!(api.call(&add_user, &key(OWNER)).status, 403);
    assert_eq!(api.call(&add_user, &owner).status, 200);
    let colony = json!({"msgtype": "getcolonymsg", "colonyname": "theirs"});
    assert_eq!(api.call(&colony, &user).payload["colonyid"], json!(id));
    assert_eq!(api.call(&colony, &key(EXECUTOR)).status, 403);
    // A new key takes the old one's place at once.
    let next = SecretKey::derive(b"the next owner");
    let change =
        json!({"msgtype": "changecolonyidmsg", "colonyname": "theirs", "colonyid": next.identity().to_hex()});
    assert_eq!(api.call(&change, &owner).payload, change);
    assert_eq!(api.call(&change, &owner).status, 403);
    assert_eq!(api.call(&colony, &user).payload["colonyid"], json!(next.identity().to_hex()));

    assert_eq!(api.call(&remove("theirs"), &next).status, 403);
    assert_eq!(api.call(&remove("nowhere"), &key(SERVER)).status, 400);
    assert_eq!(api.call(&remove("theirs"), &key(SERVER)).payload, json!({}));
    assert_eq!(api.call(&colony, &user).status, 403);
    assert_eq!(
        api.call(&json!({"msgtype": "getcoloniesmsg"}), &key(SERVER)).payload.as_array().unwrap().len(),
        1
    );
}

#[test]
fn the_server_is_given_to_another_key_and_the_old_one_is_nobody() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, next) = (Api::connect(&url), SecretKey::derive(b"the next server owner"));
    let list = json!({"msgtype": "getcoloniesmsg"});
    let change = json!({"msgtype": "changeserveridmsg", "serverid": next.identity().to_hex()});
    assert_eq!(api.call(&change, &next).status, 403);
    assert_eq!(api.call(&change, &key(SERVER)).payload, change);
    assert_eq!(api.call(&list, &key(SERVER)).status, 403);
    assert_eq!(api.call(&list, &next).status, 200);
    // A colony that is made afterwards is no way back.
    let id = SecretKey::derive(b"somebody").identity().to_hex();
    let add = json!({"msgtype": "addcolonymsg", "colony": {"colonyid": id, "name": "theirs"}});
    assert_eq!(api.call(&add, &next).status, 200);
    assert_eq!(api.call(&list, &key(SERVER)).status, 403);
}

#[test]
fn files_locations_and_allocations_come_back_as_they_were_said() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    let object = json!({"server": "h", "port": 9000, "tls": false, "accesskey": "KEY", "secretkey": "SECRET",
        "region": "", "encryptionkey": "", "encryptionalg": "", "object": "o", "bucket": "b"});
    let file = json!({"colonyname": "dev", "label": "/d", "name": "a.txt", "size": 4, "checksum": "c",
        "checksumalg": "SHA256", "ref": {"protocol": "s3", "s3object": object}});
    let added = api.call(&json!({"msgtype": "addfilemsg", "file": file}), &executor);
    assert_eq!((added.status, &added.payload["ref"]["s3object"]["object"]), (200, &json!("o")), "{added:?}");
    assert!(!added.payload.to_string().contains("SECRET"), "{added:?}");
    let removal = json!({"msgtype": "removefilemsg", "colonyname": "dev", "fileid": added.payload["fileid"]});
    assert_eq!(api.call(&removal, &executor).payload, json!({}));
    let files = json!({"msgtype": "getfilesmsg", "colonyname": "dev", "label": "/d"});
    assert_eq!(api.call(&files, &executor).payload, json!([]));

    let home = json!({"locationid": "l1", "name": "home", "colonyname": "dev", "description": "d", "long": 1.5, "lat": 2.5});
    let add = json!({"msgtype": "addlocationmsg", "location": home});
    assert_eq!(api.call(&add, &executor).status, 403);
    assert_eq!(api.call(&add, &key(OWNER)).payload, home);
    let about = |kind: &str| json!({"msgtype": kind, "colonyname": "dev", "name": "home"});
    assert_eq!(api.call(&about("getlocationmsg"), &executor).payload, home);
    assert_eq!(api.call(&about("getlocationsmsg"), &executor).payload, json!([home]));
    assert_eq!(api.call(&about("removelocationmsg"), &key(OWNER)).payload, json!({}));
    assert_eq!(api.call(&about("getlocationmsg"), &executor).status, 404);

    let projects = json!({"p1": {"allocatedcpu": 10, "usedcpu": 1, "allocatedgpu": 2, "usedgpu": 0,
        "allocatedstorage": 3, "usedstorage": 0}});
    let report = |name: &str| {
        json!({"msgtype": "reportallocationmsg", "colonyname": "dev", "executorname": name,
        "allocations": {"projects": projects}})
    };
    assert_eq!(api.call(&report("local"), &executor).status, 403);
    assert_eq!(api.call(&report("dev"), &executor).payload, json!({}));
    let get = json!({"msgtype": "getexecutormsg", "colonyname": "dev", "executorname": "dev"});
    assert_eq!(api.call(&get, &executor).payload["allocations"]["projects"], projects);
    // With its next key it is the same executor, and holds what it held.
    let submitted = api.call(&submission(), &executor).payload["processid"].clone();
    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10});
    assert_eq!(api.call(&assign, &executor).payload["processid"], submitted);
    let next = SecretKey::derive(b"the next executor");
    let change = json!({"msgtype": "changeexecutoridmsg", "colonyname": "dev", "executorid": next.identity().to_hex()});
    assert_eq!(api.call(&change, &executor).payload, change);
    let close = json!({"msgtype": "closesuccessfulmsg", "processid": submitted, "out": []});
    assert_eq!(api.call(&close, &executor).status, 403);
    assert_eq!(api.call(&close, &next).payload, json!({}));
}
