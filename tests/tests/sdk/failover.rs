//! Clients of ColonyOS at a member that does not coordinate, while the one that does is killed.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    time::Instant,
};

use colony_protocol::{
    command::Command as Ask,
    identity::SecretKey,
    model::{Executor, State},
    query::{ProcessFilter, Query},
    reply::Answer,
};
use colony_tests::cluster::{COLONY, Cluster, PATIENCE, Setting};

use crate::{python, rust};

/// Pieces of work that a client submits, takes and closes, one after the other.
const CYCLES: usize = 60;
/// After so many the coordinator is killed.
const BEFORE: usize = 15;

/// Runs a client that tells of each piece of work when it has closed it, and kills the coordinator meanwhile.
async fn goes_on(name: &str, command: impl FnOnce(&str, &SecretKey) -> Command) {
    let setting =
        Setting { flags: ["--http", "127.0.0.1:0"].map(str::to_owned).to_vec(), ..Setting::default() };
    let mut cluster = Cluster::start_with(3, &setting).await;
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
