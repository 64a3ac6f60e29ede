//! Clients of ColonyOS at a member that does not coordinate, while the one that does is killed.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    thread,
    time::Instant,
};

use colony_protocol::{
    command::Command as Ask,
    identity::SecretKey,
    model::{Executor, State},
    query::{ProcessFilter, Query},
    reply::Answer,
};
use colony_tests::{
    cluster::{COLONY, Cluster, PATIENCE, Setting},
    http::Api,
    websocket::{Frame, WebSocket},
};
use data_encoding::BASE64;
use serde_json::json;

use crate::{python, rust};

/// Pieces of work that a client submits, takes and closes, one after the other.
const CYCLES: usize = 60;
/// After so many the coordinator is killed.
const BEFORE: usize = 15;

/// Three voters with their doors open.
struct Colony {
    cluster: Cluster,
    /// The one that coordinates.
    leader: usize,
    /// The door of one that does not.
    url: String,
    /// An executor's key.
    key: SecretKey,
}

async fn colony(name: &str) -> Colony {
    let setting =
        Setting { flags: ["--http", "127.0.0.1:0"].map(str::to_owned).to_vec(), ..Setting::default() };
    let cluster = Cluster::start_with(3, &setting).await;
    let key = SecretKey::derive(name.as_bytes());
    let executor = Executor {
        id: key.identity(),
        name: "rs".try_into().unwrap(),
        executor_type: "rs".try_into().unwrap(),
        ..Executor::default()
    };
    cluster.client().command(&Ask::AddExecutor { executor, approved: true }).await.unwrap();
    let leader = cluster.coordinator().await;
    let follower = &cluster.members[(leader + 1) % 3];
    let url = follower.node().unwrap().ready()["http"].as_str().unwrap().to_owned();
    Colony { cluster, leader, url, key }
}

/// Runs a client that tells of each piece of work when it has closed it, and kills the coordinator meanwhile.
async fn goes_on(name: &str, command: impl FnOnce(&str, &SecretKey) -> Command) {
    let Colony { mut cluster, leader, url, key } = colony(name).await;
    let mut client = command(&url, &key).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(client.stdout.take().unwrap());
    let mut closed = heard(&mut said, BEFORE);
    cluster.members[leader].kill();
    let killed = Instant::now();
    closed.extend(heard(&mut said, 1));
    println!("{name}: the first answer {:?} after the coordinator was killed", killed.elapsed());
    closed.extend(heard(&mut said, CYCLES - BEFORE - 1));
    assert!(client.wait().unwrap().success(), "{name} failed");

    // What a client was told is there, and there is nothing else.
    let survivor = cluster.only(&cluster.members[(leader + 1) % 3]);
    let filter = ProcessFilter { limit: 1_000, ..ProcessFilter::default() };
    let Answer::Processes(all) = survivor.query(&Query::Processes(filter)).await.unwrap() else {
        panic!("no processes")
    };
    let mut ended: Vec<String> =
        all.iter().filter(|one| one.state == State::Success).map(|one| one.id.to_hex()).collect();
    ended.sort();
    closed.sort();
    assert_eq!((ended, all.len()), (closed, CYCLES));
}

/// The next ids that a client tells of.
fn heard(said: &mut BufReader<ChildStdout>, count: usize) -> Vec<String> {
    let begun = Instant::now();
    let mut ids = Vec::new();
    while ids.len() < count {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "the client ended after {} of {count}", ids.len());
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        ids.push(line.trim().to_owned());
    }
    ids
}

/// The program, with what it must be told.
fn client(program: PathBuf, args: &[&str], url: &str, key: &SecretKey) -> Command {
    let mut command = Command::new(program);
    let count = CYCLES.to_string();
    command.args(args).args([url, COLONY, key.to_hex().as_str(), count.as_str()]);
    command
}

/// What an executor says in a channel, and after how much of it the coordinator is killed.
const WORDS: u64 = 150;
const WORDS_BEFORE: u64 = 40;
/// Each so many, one is too large for a single request.
const LARGE_EACH: u64 = 20;
const LARGE: usize = 1_200_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_goes_on_in_order_and_to_its_end_when_the_coordinator_is_killed() {
    let Colony { mut cluster, leader, url, key } = colony("channel").await;
    let (owner, mut api) = (cluster.owner.clone(), Api::connect(&url));
    let conditions = json!({"colonyname": COLONY, "executortype": "rs"});
    let spec = json!({"funcname": "talk", "channels": ["words"], "conditions": conditions});
    let submitted = api.call(&json!({"msgtype": "submitfuncspecmsg", "spec": spec}), &owner);
    let id = submitted.payload["processid"].clone();
    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": COLONY, "timeout": 20});
    assert_eq!(api.call(&assign, &key).payload["processid"], id);
    let mut socket = WebSocket::connect(&url, "http://page");
    let listen = json!({"msgtype": "subscribechannelmsg", "processid": id, "name": "words", "afterseq": 0, "timeout": 120});
    socket.send(&listen, &owner);
    let payload = |number: u64| match number % LARGE_EACH {
        0 => BASE64.encode(&vec![number as u8; LARGE]),
        _ => "aGk=".to_owned(),
    };
    let word = |number: u64| {
        json!({"msgtype": "channelappendmsg", "processid": id, "name": "words", "sequence": number, "inreplyto": 0,
            "payload": payload(number)})
    };
    let talk: Vec<_> = (1..=WORDS).map(word).collect();
    let (close, said) = (json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": []}), url.clone());
    let executor = thread::spawn(move || {
        let mut api = Api::connect(&said);
        for word in talk.iter().chain([&close]) {
            let reply = api.call(word, &key);
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    });

    let mut heard = Vec::new();
    loop {
        let entries = match socket.frame() {
            Frame::Reply(_, entries) => entries,
            other => panic!("after {} words: {other:?}", heard.len()),
        };
        let entries = entries.as_array().unwrap();
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let number = entry["sequence"].as_u64().unwrap();
            assert!(entry["payload"] == payload(number), "word {number} is another one");
            heard.push(number);
        }
        if heard.len() as u64 >= WORDS_BEFORE && cluster.members[leader].is_up() {
            cluster.members[leader].kill();
        }
    }
    executor.join().unwrap();
    // Nothing is lost, said twice, or out of order; and the end is the process's.
    assert_eq!(heard, (1..=WORDS).collect::<Vec<_>>());
    assert_eq!(socket.frame(), Frame::Close);
    assert!(!cluster.members[leader].is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_goes_on_at_a_follower_when_the_coordinator_is_killed() {
    let Some(program) = rust::program() else { return };
    goes_on("rust", |url, key| client(program, &["cycles"], url, key)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_goes_on_at_a_follower_when_the_coordinator_is_killed() {
    let Some(program) = python::python() else { return };
    let script = python::script("cycles.py");
    goes_on("python", |url, key| client(program, &[script.to_str().unwrap()], url, key)).await;
}
