//! One piece of work, then many, among idle executors.

use std::{sync::Arc, time::Duration};

use colony_node::{
    announcements::{Electorate, Hearing, Office},
    client::Client,
    runtime::Runtime,
};
use colony_protocol::{
    command::Submission,
    identity::{Identity, SecretKey},
    model::{FunctionSpec, ProcessId},
    query::Selector,
    time::Timestamp,
};

use crate::{
    crowd::{self, Crowd, Waves},
    percentiles,
    trio::{Trio, colony},
};

/// After the last piece of work was done, how long requests are still counted as caused by it: longer than anybody backs
/// off. The others are looked at uncalled, and each second of them adds to what the count is off by.
const AFTER: Duration = Duration::from_secs(1);
/// Until executors that did something are idle again.
const COOL: Duration = Duration::from_secs(4);
/// How long requests without work are counted: several times what each of them waits before it asks uncalled, so that
/// what is taken off for them is right to a few requests.
const IDLE: Duration = Duration::from_secs(120);
/// Pieces of work in a burst.
const BURSTS: [usize; 3] = [10, 50, 200];

/// Anybody's word counts: this listener only looks on.
#[derive(Debug)]
struct Anybody;

impl Electorate for Anybody {
    fn office(&self, _who: &Identity) -> Office {
        Office::Voter
    }

    fn term(&self) -> Option<u64> {
        None
    }
}

pub(crate) async fn measure(executors: usize, rounds: usize, runtime: &Runtime) {
    // One more row is the onlooker's: nodes are neighbours of members only.
    let trio = Trio::start(executors + 1, runtime).await;
    let crowd = Crowd::start(executors, &trio, runtime).await;
    let (waves, _onlooker) = look_on(crowd::key(executors), &trio, runtime).await;
    let begun = runtime.elapsed();
    while crowd.deaf().await > 0 && runtime.elapsed() - begun < Duration::from_secs(60) {
        runtime.sleep(Duration::from_millis(500)).await;
    }
    println!("{executors} executors; {} hear nothing", crowd.deaf().await);
    runtime.sleep(COOL).await;

    let before = crowd.asks();
    runtime.sleep(IDLE).await;
    let polls = (crowd.asks() - before) as f64 / IDLE.as_secs_f64();
    println!(
        "idle: {polls:.1} asks/s; connections of the nodes, the coordinator first: {:?}",
        trio.connections()
    );

    let user = trio.user();
    let (mut waits, mut latencies, mut asks) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..rounds {
        asks += round(1, &crowd, polls, &user, runtime, &waves, &mut waits, &mut latencies).await;
    }
    println!("{rounds} times one: {:.2} asks for each", asks / rounds as f64);
    println!("  submitted to assigned: {}", percentiles(waits));
    println!("  announced to assigned: {}", percentiles(latencies));
    for work in BURSTS {
        let (mut waits, mut latencies) = (Vec::new(), Vec::new());
        let asks = round(work, &crowd, polls, &user, runtime, &waves, &mut waits, &mut latencies).await;
        println!(
            "{work} at once: {:.2} asks for each; submitted to assigned: {}",
            asks / work as f64,
            percentiles(waits)
        );
        println!("  connections: {:?}", trio.connections());
    }
    crowd.stop();
}

/// Submits, waits until all is done and the executors are idle again; how many asked, less those that ask anyway.
#[expect(clippy::too_many_arguments, reason = "a measuring tool's one loop")]
async fn round(
    work: usize,
    crowd: &Crowd,
    polls: f64,
    user: &Client,
    runtime: &Runtime,
    waves: &Waves,
    waits: &mut Vec<Duration>,
    latencies: &mut Vec<Duration>,
) -> f64 {
    let (asks, begun) = (crowd.asks(), runtime.elapsed());
    let mut spec = FunctionSpec { func_name: "noop".try_into().unwrap(), ..FunctionSpec::default() };
    spec.conditions.executor_type = crowd::kind();
    let submissions = vec![Submission { spec, retry_of: None }; work];
    let ids: Vec<ProcessId> = user.submit(submissions).await.unwrap();
    for id in ids {
        let process = user.wait(Selector::from(id)).await.unwrap();
        let started = process.started_at.unwrap();
        waits.push(started.since(process.submitted_at).to_std());
        let announced = waves.lock().unwrap().iter().find(|(wave, _)| *wave >= id.number()).copied();
        if let Some((_, issued)) = announced.filter(|(_, issued): &(u64, Timestamp)| *issued <= started) {
            latencies.push(started.since(issued).to_std());
        }
    }
    runtime.sleep(AFTER).await;
    let took = (runtime.elapsed() - begun).as_secs_f64();
    let called = (crowd.asks() - asks) as f64 - polls * took;
    runtime.sleep(COOL).await;
    called
}

/// One more who listens, never asks, and remembers what was announced when.
async fn look_on(key: SecretKey, trio: &Trio, runtime: &Runtime) -> (Waves, impl Sized + use<>) {
    let swarm = crowd::swarm(key, runtime).await;
    let hearing = Arc::new(Hearing::new(colony(), Arc::new(Anybody), runtime.clone()));
    let waves = crowd::record(hearing.newest(), runtime);
    let gossip = swarm.gossip().clone();
    let seat = gossip.join(colony(), hearing).await;
    gossip.introduce(colony(), trio.nodes()).await;
    (waves, (seat, swarm))
}
