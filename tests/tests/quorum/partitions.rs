//! Links that are cut: the smaller side is told nothing and grants nothing, the larger one goes on, and soon after the links
//! are back all agree.

use std::{collections::BTreeSet, time::Duration};

use colony_protocol::identity::Identity;
use colony_tests::{
    cluster::Cluster,
    crowd::{Crowd, Mix},
    observed::clock::Moment,
    parameter::parameter,
    run::Run,
};

use crate::SEED;

/// How soon all must agree again.
const HEAL: Duration = Duration::from_secs(10);
/// A call that was answered before the cut took effect, and one more heartbeat that still came through.
const GRACE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_is_told_nothing_and_all_agree_soon_after_the_links_are_back() {
    let partitions = parameter("COLONY_PARTITIONS", 3);
    let Some(mut cluster) = Cluster::start_apart(3).await else { return };
    let mut run = Run::new("partitions", SEED);
    let doors = cluster.doors();
    let crowd = run.crowd(&doors, Mix { echoes: 0, ..Mix::ALL }).await;
    let mut heals = Vec::new();
    for number in 0..partitions {
        tokio::time::sleep(run.chance.millis(300, 1_000).to_std()).await;
        let coordinator = cluster.coordinator().await;
        let follower = (coordinator + 1) % 3;
        let network = cluster.namespaces.as_ref().expect("made apart");
        // Who is on the smaller side; of a one-way cut nobody is, but somebody must take over.
        let (what, alone) = match number % 4 {
            0 => ("the coordinator cut off", Some(coordinator)),
            1 => ("a follower cut off", Some(follower)),
            2 => ("the coordinator and one follower apart, the other sees both", None),
            _ => ("the coordinator is heard but hears nobody", None),
        };
        let others: Vec<usize> = (0..3).filter(|place| Some(*place) != alone).collect();
        let minority = match alone {
            Some(place) => Some(minority(&mut run, &cluster, place).await),
            None => None,
        };
        match (number % 4, alone) {
            (_, Some(place)) => network.split(&[place], &others),
            (2, _) => network.cut(coordinator, follower),
            _ => others.iter().filter(|place| **place != coordinator).for_each(|place| {
                network.cut_one_way(*place, coordinator);
            }),
        }
        let cut = Moment::now();
        run.recovered(what, cut).await;
        tokio::time::sleep(run.chance.millis(500, 3_000).to_std()).await;

        let network = cluster.namespaces.as_ref().expect("made apart");
        let healing = Moment::now();
        network.heal();
        heals.push(
            cluster
                .until(HEAL, "all agree", |seen| {
                    let terms: BTreeSet<_> =
                        seen.iter().flatten().map(|status| (status.term, status.coordinator)).collect();
                    let all = seen.iter().flatten().filter(|status| status.coordinator.is_some()).count();
                    terms.len() == 1 && all == 3
                })
                .await,
        );
        run.recovered(&format!("healed: {what}"), healing).await;
        if let Some((crowd, identities)) = minority {
            crowd.stop().await;
            let from = Moment(cut.0 + i64::try_from(GRACE.as_nanos()).unwrap());
            let said = run.record.observed().answered(&identities, from, healing);
            assert!(said.is_empty(), "a minority answered: {}", said.join("\n"));
        }
        cluster.assert_healthy();
    }
    crowd.stop().await;
    heals.sort();
    run.note(format!(
        "{} partitions; all agreed again after {:?} in the median, {:?} at most",
        heals.len(),
        heals[heals.len() / 2],
        heals[heals.len() - 1],
    ));
    run.end(&cluster.client(), &doors).await;
    cluster.assert_healthy();
}

/// Clients that know only one member.
async fn minority(run: &mut Run, cluster: &Cluster, place: usize) -> (Crowd, BTreeSet<Identity>) {
    let only = [cluster.door(std::iter::once(&cluster.members[place]))];
    let crowd = run.crowd(&only, Mix { submitters: 2, executors: 2, echoes: 0, ..Mix::ALL }).await;
    let identities = crowd.identities();
    (crowd, identities)
}
