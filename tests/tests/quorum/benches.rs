//! `colony bench` runs while the coordinator is killed: the command goes on by itself, and what it says it did is what there is.
//!
//! Beside it a small crowd works, whose submits show how long nobody was answered and whose history is checked.

use std::time::{Duration, Instant};

use colony_protocol::model::State;
use colony_tests::{
    bench::{Bench, Report},
    cluster::{Cluster, PATIENCE},
    crowd::{Mix, Others},
    observed::clock::Moment,
    parameter::parameter,
    run::Run,
};

use crate::SEED;

/// Small: what is looked at is the bench.
const BESIDE: Mix =
    Mix { submitters: 3, executors: 1, readers: 1, echoes: 0, pause: Duration::from_millis(10), ..Mix::ALL };
/// Submitters of the bench, and as many executors.
const CLIENTS: u64 = 4;
/// The promise is 2 s on an idle machine; tests run on busy ones.
const MEDIAN: Duration = Duration::from_secs(5);
/// How long a killed node may take to vote and to know everything again.
const RETURN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colony_bench_goes_on_when_the_coordinator_is_killed_under_it() {
    let kills = usize::try_from(parameter("COLONY_BENCH_KILLS", 2)).unwrap();
    let processes = parameter("COLONY_BENCH_PROCESSES", 1_500);
    let mut run = Run::new("colony bench while its coordinator is killed", SEED);
    let mut cluster = Cluster::start(3).await;
    let doors = cluster.doors();
    until_known(&cluster).await;
    let crowd = run.crowd(&doors, BESIDE).await;
    let (mut times, mut reports) = (Vec::new(), Vec::new());
    while times.len() < kills {
        let mut bench = Bench::start(&cluster.members[0], processes, CLIENTS);
        while times.len() < kills {
            tokio::time::sleep(run.chance.millis(700, 1_500).to_std()).await;
            let coordinator = cluster.coordinator().await;
            if !bench.is_running() {
                break;
            }
            cluster.members[coordinator].kill();
            let killed = Moment::now();
            times.push(run.recovered("the coordinator killed under the bench", killed).await);
            cluster.members[coordinator].up();
            cluster.until_caught_up(coordinator, RETURN).await;
        }
        reports.push(tokio::task::spawn_blocking(|| bench.finish()).await.unwrap());
    }
    crowd.stop().await;
    let longest = |gap: fn(&Report) -> Duration| reports.iter().map(gap).max().unwrap_or_default();
    run.note(format!(
        "{kills} kills under {} runs of {processes} processes; by the bench's own account nobody was answered for {:?} at \
         most when submitting and {:?} when closing",
        reports.len(),
        longest(|report| report.submit_gap),
        longest(|report| report.close_gap),
    ));
    let said: Others = reports
        .into_iter()
        .map(|report| ((report.executor_type, State::Success), report.processes))
        .collect();
    let others = run.end_among_others(&cluster.client(), &doors).await;
    assert_eq!(others, said, "the bench says that it did something else than there is");
    cluster.assert_healthy();
    times.sort();
    assert!(times[times.len() / 2] < MEDIAN, "{times:?}");
}

/// Waits until the founder's home knows all nodes: a command that starts then finds one that is left.
async fn until_known(cluster: &Cluster) {
    let addresses: Vec<String> =
        cluster.members.iter().map(|member| member.place().address().to_string()).collect();
    let begun = Instant::now();
    loop {
        let known = cluster.members[0].contexts();
        if addresses.iter().all(|address| known.contains(address)) {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "the founder's home does not know all of {addresses:?}:\n{known}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
