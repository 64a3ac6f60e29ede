//! How long nobody coordinates: `kill -9` of the coordinator under a light load, again and again.
//!
//! `COLONY_ELECTIONS` sets how often (CI 3, by hand 50). Measured, and bounded only so that a person would not give up.

use std::time::Duration;

use colony_tests::{cluster::Cluster, crowd::Mix, observed::clock::Moment, parameter::parameter, run::Run};

use crate::SEED;

/// Light: what is measured is the election, not the load.
const LIGHT: Mix = Mix { submitters: 4, executors: 2, readers: 1, echoes: 0, ..Mix::ALL };
/// The median that is promised on an idle machine; tests run on busy ones.
const MEDIAN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_coordinator_is_soon_replaced() {
    let elections = parameter("COLONY_ELECTIONS", 3);
    let mut run = Run::new("elections", SEED);
    let mut cluster = Cluster::start(3).await;
    let doors = cluster.doors();
    let crowd = run.crowd(&doors, LIGHT).await;
    let mut times = Vec::new();
    for _ in 0..elections {
        tokio::time::sleep(run.chance.millis(500, 1_500).to_std()).await;
        let coordinator = cluster.coordinator().await;
        cluster.members[coordinator].kill();
        let killed = Moment::now();
        times.push(run.recovered("the coordinator killed", killed).await);
        cluster.members[coordinator].up();
        cluster.until_caught_up(coordinator, Duration::from_secs(30)).await;
    }
    crowd.stop().await;
    run.end(&cluster.client(), &doors).await;
    times.sort();
    assert!(times[times.len() / 2] < MEDIAN, "{times:?}");
}
