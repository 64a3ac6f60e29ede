//! `kill -9` at any moment loses nothing that was acknowledged (G1), ends nothing twice (G2, G3) and lets no stale write in (G4).
//!
//! `COLONY_KILL_ROUNDS` sets how often the node is killed (CI 5, by hand 50); `COLONY_KILL_SEED` when, and what is done
//! meanwhile.

mod load;
mod members;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use colony_node::{
    client::{Client, Remote},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    model::{Process, State},
    query::{PAGE_MAX, ProcessFilter, Query},
    reply::{Answer, Statistics},
};
use colony_simulations::chance::Chance;
use colony_tests::{dev::Dev, history::History, home::Home, parameter::parameter};
use load::Load;
use members::Members;

/// What is known of the run, shared by all clients.
type Shared = Arc<Mutex<History>>;

/// How long the queue may take to empty once nothing is killed any more.
const DRAIN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_keeps_every_promise() {
    let rounds = parameter("COLONY_KILL_ROUNDS", 5);
    let seed = parameter("COLONY_KILL_SEED", 1);
    println!("replay: COLONY_KILL_SEED={seed} COLONY_KILL_ROUNDS={rounds}");
    let mut chance = Chance::new(seed);
    let home = Home::new();
    let place = Place::new(&home);
    let history = Shared::default();
    let mut dev = place.start(&home);
    let client = place.client(&dev);

    // Load, and the power cut in the middle of it. The node is back at once, so that what was under way is asked again with
    // the same request id: it must not be done twice.
    for round in 0..rounds {
        let members = Members::of_round(round);
        members.register(&client).await;
        let load = Load::start(&client, &members, &history, &mut chance);
        tokio::time::sleep(chance.millis(200, 1_500).to_std()).await;
        assert!(!dev.stderr().contains("panicked at"), "{}", dev.stderr());
        dev.kill();
        dev = place.start(&home);
        load.stop().await;
        check_all(&client, &history).await;
    }

    // Executors alone, until nothing is left to do.
    let members = Members::of_round(rounds);
    members.register(&client).await;
    let load = Load::executors_only(&client, &members, &history, &mut chance);
    drain(&client).await;
    load.stop().await;

    // Everything acknowledged is there and has ended, once.
    check_all(&client, &history).await;
    let counts = statistics(&client).await;
    let total: u64 = counts.processes.iter().sum();
    dev.assert_healthy();
    let history = history.lock().unwrap();
    let acknowledged = history.acknowledged().len();
    println!(
        "{acknowledged} acknowledged, {} closed, {total} in all, {:?}",
        history.closes(),
        history.tally()
    );
    assert_eq!(history.broken(), [""; 0], "replay: COLONY_KILL_SEED={seed} COLONY_KILL_ROUNDS={rounds}");
    assert_eq!(counts.processes_in(State::Waiting) + counts.processes_in(State::Running), 0);
    assert!(total >= u64::try_from(acknowledged).unwrap() && total <= history.at_most());
    // A run without load would prove nothing.
    assert!(acknowledged > 50 && history.closes() > 20, "too little was done to mean anything");
}

/// Where the node is, the same after each restart.
struct Place {
    data: String,
    listen: String,
}

impl Place {
    fn new(home: &Home) -> Self {
        // Free a moment ago; nobody else on this machine is looking for exactly this one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = home.path().join("data").display().to_string();
        Self { data, listen: format!("/ip4/127.0.0.1/tcp/{port}") }
    }

    fn start(&self, home: &Home) -> Dev {
        Dev::start(home, &["--data", &self.data, "--listen", &self.listen, "--no-executor"])
    }

    fn client(&self, dev: &Dev) -> Client {
        let runtime = Runtime::new(Tokio::new());
        let colony = dev.ready()["colonyid"].as_str().unwrap().parse().unwrap();
        let remote = Remote::connect(vec![self.listen.parse().unwrap()], runtime.clone());
        Client::new(Arc::new(remote), colony, members::owner(), runtime)
    }
}

/// Compares all that the node shows with all that it promised.
async fn check_all(client: &Client, history: &Shared) {
    let mut processes = Vec::new();
    let mut before = None;
    loop {
        let filter = ProcessFilter { before, limit: PAGE_MAX, ..ProcessFilter::default() };
        let Answer::Processes(page) = client.query(&Query::Processes(filter)).await.unwrap() else {
            panic!("no processes");
        };
        let Some(oldest) = page.iter().map(Process::number).min() else { break };
        before = Some(oldest);
        processes.extend(page);
    }
    let mut history = history.lock().unwrap();
    for process in &processes {
        history.seen(process);
    }
    let found = processes.iter().map(|process| process.id).collect();
    let missing: Vec<_> = history.acknowledged().difference(&found).copied().collect();
    for id in missing {
        history.missing(&id);
    }
    assert_eq!(history.broken(), [""; 0]);
}

async fn statistics(client: &Client) -> Statistics {
    match client.query(&Query::Statistics).await.unwrap() {
        Answer::Statistics(statistics) => statistics,
        other => panic!("no statistics but {other:?}"),
    }
}

async fn drain(client: &Client) {
    let until = Instant::now() + DRAIN;
    loop {
        let counts = statistics(client).await;
        let left = counts.processes_in(State::Waiting) + counts.processes_in(State::Running);
        if left == 0 {
            return;
        }
        assert!(Instant::now() < until, "{left} processes have not ended within {DRAIN:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
