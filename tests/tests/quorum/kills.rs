//! `kill -9` of whoever coordinates and of anybody else, under load, as long as most are left.

use std::time::Duration;

use colony_tests::{cluster::Cluster, crowd::Mix, observed::clock::Moment, parameter::parameter, run::Run};

use crate::SEED;

/// How long a node that comes back may take to vote and to know everything.
const RETURN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_voters_keep_every_promise_when_one_at_a_time_is_killed() {
    kill_voters(3, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_voters_keep_every_promise_when_two_at_a_time_are_killed() {
    kill_voters(5, 2).await;
}

async fn kill_voters(voters: usize, at_once: usize) {
    let kills = parameter("COLONY_QUORUM_KILLS", 6);
    let mut run = Run::new(&format!("{voters} voters, {at_once} at a time killed"), SEED);
    let mut cluster = Cluster::start(voters).await;
    let doors = cluster.doors();
    let crowd = run.crowd(&doors, Mix::ALL).await;
    let mut returns = Vec::new();
    let mut done = 0;
    while done < kills {
        tokio::time::sleep(run.chance.millis(200, 1_200).to_std()).await;
        let coordinator = cluster.coordinator().await;
        let victims = victims(&mut run, coordinator, voters, at_once);
        for victim in &victims {
            cluster.members[*victim].kill();
        }
        let killed = Moment::now();
        let what = if victims.contains(&coordinator) { "the coordinator among them" } else { "others only" };
        run.recovered(what, killed).await;
        // Not always before it is back: sometimes a node returns to a colony that is still choosing.
        tokio::time::sleep(run.chance.millis(0, 400).to_std()).await;
        for victim in &victims {
            cluster.members[*victim].up();
        }
        for victim in &victims {
            returns.push(cluster.until_caught_up(*victim, RETURN).await);
        }
        cluster.assert_healthy();
        done += u64::try_from(victims.len()).unwrap();
    }
    crowd.stop().await;
    returns.sort();
    run.note(format!(
        "{done} kills; a killed node served again and knew everything after {:?} in the median, {:?} at most",
        returns[returns.len() / 2],
        returns[returns.len() - 1],
    ));
    run.end(&cluster.client(), &doors).await;
    cluster.assert_healthy();
}

/// Whom to kill: half of the time the coordinator, and others, at most so many.
fn victims(run: &mut Run, coordinator: usize, voters: usize, at_most: usize) -> Vec<usize> {
    let count = 1 + usize::try_from(run.chance.below(at_most as u64)).unwrap();
    let mut others: Vec<usize> = (0..voters).filter(|place| *place != coordinator).collect();
    let mut victims = Vec::new();
    if run.chance.below(2) == 0 {
        victims.push(coordinator);
    }
    while victims.len() < count {
        let place = usize::try_from(run.chance.below(others.len() as u64)).unwrap();
        victims.push(others.swap_remove(place));
    }
    victims
}
