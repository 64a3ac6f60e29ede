//! One colony, and everybody at once: a native executor, one in Python, the Rust client, the command line, and a page
//! that watches.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use colony_protocol::identity::SecretKey;
use colony_tests::{
    dev::Dev,
    home::Home,
    http::Api,
    outcome::{DEADLINE, run},
    websocket::{Frame, WebSocket},
};
use serde_json::json;

use crate::{EXECUTOR, OWNER, key, python, rust};

/// Pieces of work for the executor in Python, and for the Rust client's.
const PYTHON: usize = 3;
const RUST: usize = 5;

#[test]
fn all_kinds_of_clients_work_in_one_colony_while_a_page_watches() {
    let (Some(python), Some(rust)) = (python::python(), rust::program()) else { return };
    let home = Home::new();
    let dev = Dev::start(&home, &["--http", "127.0.0.1:0"]);
    let url = dev.ready()["http"].as_str().unwrap().to_owned();
    let mut socket = WebSocket::connect(&url, "https://dashboard.example");
    for kind in ["cli", "py", "rs"] {
        let watch = json!({"msgtype": "subscribeprocessesmsg", "colonyname": "dev", "executortype": kind, "state": 2,
            "timeout": 120});
        socket.send(&watch, &key(EXECUTOR));
    }
    let (mut api, worker) = (Api::connect(&url), SecretKey::derive(b"the Rust client"));
    let row = json!({"executorid": worker.identity().to_hex(), "executortype": "rs", "executorname": "rs",
        "colonyname": "dev"});
    assert_eq!(api.call(&json!({"msgtype": "addexecutormsg", "executor": row}), &key(OWNER)).status, 200);
    let approve = json!({"msgtype": "approveexecutormsg", "colonyname": "dev", "executorname": "rs"});
    assert_eq!(api.call(&approve, &key(OWNER)).status, 200);

    let mut command = home.program(python);
    command.arg(python::script("together.py")).arg(PYTHON.to_string());
    command
        .env("COLONIES_SERVER_HOST", "127.0.0.1")
        .env("COLONIES_SERVER_PORT", url.rsplit(':').next().unwrap());
    let mut in_python = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(in_python.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    let mut command = home.program(rust);
    let count = RUST.to_string();
    command.args(["cycles", url.as_str(), "dev", worker.to_hex().as_str(), count.as_str()]);
    let mut in_rust = command.stdout(Stdio::null()).spawn().unwrap();
    for _ in 0..PYTHON {
        let args = ["function", "exec", "--func", "greet", "--args", "Ada", "--targettype", "py", "--wait"];
        let outcome = run(home.colony(args), None, DEADLINE).ok();
        assert!(outcome.stderr.contains("succeeded"), "{outcome:#?}");
    }
    assert!(in_rust.wait().unwrap().success());
    assert!(in_python.wait().unwrap().success());

    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..=PYTHON + RUST {
        let Frame::Reply(_, process) = socket.frame() else { panic!("{seen:?}, and then nothing") };
        let kind = process["spec"]["conditions"]["executortype"].as_str().unwrap();
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    let expected = [("cli", 1), ("py", PYTHON), ("rs", RUST)].map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(seen, BTreeMap::from(expected));
}
