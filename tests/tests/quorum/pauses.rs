//! SIGSTOP of the coordinator: a machine that sleeps. The others go on; when it wakes it believes for a moment that it still
//! coordinates, and must not act on it.

use std::{collections::BTreeSet, time::Duration};

use colony_tests::{cluster::Cluster, crowd::Mix, observed::clock::Moment, parameter::parameter, run::Run};

use crate::SEED;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_was_asleep_grants_nothing_under_its_old_term() {
    let pauses = parameter("COLONY_QUORUM_PAUSES", 2);
    let mut run = Run::new("the coordinator paused", SEED);
    let mut cluster = Cluster::start(3).await;
    let doors = cluster.doors();
    let crowd = run.crowd(&doors, Mix::ALL).await;
    for _ in 0..pauses {
        tokio::time::sleep(run.chance.millis(300, 1_000).to_std()).await;
        let sleeper = cluster.coordinator().await;
        let before = cluster.view(&cluster.members[sleeper]).await.map_or(0, |status| status.term);
        // Clients that know nobody else ask it while it sleeps and when it wakes.
        let only: Vec<_> = (0..2).map(|_| cluster.door(std::iter::once(&cluster.members[sleeper]))).collect();
        let loyal = run.crowd(&only, Mix { readers: 1, echoes: 0, submitters: 2, ..Mix::ALL }).await;
        cluster.members[sleeper].pause();
        let paused = Moment::now();
        run.recovered("the coordinator asleep", paused).await;
        let elected = Moment::now();
        let nap = run.chance.millis(1_000, 5_000).to_std();
        tokio::time::sleep(nap.saturating_sub(elected.since(paused))).await;
        cluster.members[sleeper].resume();
        let woken = Moment::now();
        cluster.until_caught_up(sleeper, Duration::from_secs(10)).await;
        run.note(format!(
            "asleep for {nap:?}, one of the others again after {:?}",
            Moment::now().since(woken)
        ));
        loyal.stop().await;
        // The promise about terms looks at all pairs of grants; this one names the sleeper's own term.
        let observed = run.record.observed();
        let late: BTreeSet<_> = observed
            .grants()
            .iter()
            .filter(|grant| grant.term <= before && grant.begin > elected)
            .map(|grant| (grant.term, grant.process))
            .collect();
        assert!(late.is_empty(), "granted under a term that was over: {late:?}");
    }
    crowd.stop().await;
    run.end(&cluster.client(), &doors).await;
    cluster.assert_healthy();
}
