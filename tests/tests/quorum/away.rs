//! A voter that was away catches up while work goes on, although it is killed three times while it does.
//!
//! The log keeps 10,000 entries behind a snapshot, and there is one every 10,000: whoever was away for more than 20,000 finds the
//! log it lacks gone and is sent a snapshot. The small default only catches up by the log.

use std::time::{Duration, Instant};

use colony_protocol::{
    bounded::Text,
    command::{Command, Submission},
    identity::SecretKey,
    model::{Conditions, FunctionSpec, User},
};
use colony_tests::{
    cluster::Cluster,
    crowd::{Door, Mix},
    observed::clock::Moment,
    parameter::parameter,
};

use crate::{run::Run, seed};

/// How often the transfer is cut.
const CUTS: usize = 3;
/// How long catching up may take for each 100,000 entries, and at least.
const CATCH_UP: Duration = Duration::from_secs(120);
/// Clients that make entries: each waits for its own, so that the coordinator cannot fold many into one.
const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_was_away_catches_up_while_work_goes_on() {
    let entries = parameter("COLONY_AWAY_ENTRIES", 500);
    let mut run = Run::new(&format!("away for {entries} entries"), seed());
    let mut cluster = Cluster::start(3).await;
    let doors = cluster.doors();
    let absent = (cluster.coordinator().await + 1) % 3;
    cluster.members[absent].kill();

    // Entries, until the log begins after the last one the absent voter has.
    let begun = Instant::now();
    let before = committed(&cluster).await;
    write(&doors, before + entries, &cluster).await;
    run.note(format!(
        "{} entries written in {:.0} s while one of three was away",
        committed(&cluster).await - before,
        begun.elapsed().as_secs_f64(),
    ));

    // Work goes on while it comes back, and its transfer is cut: each time a little later.
    let crowd = run.crowd(&doors, Mix::ALL).await;
    for cut in 1..=CUTS {
        cluster.members[absent].up_unready();
        let until = Duration::from_millis(300 * u64::try_from(cut).unwrap());
        tokio::time::sleep(until).await;
        cluster.members[absent].kill();
    }
    let back = Instant::now();
    cluster.members[absent].up_unready();
    let patience = CATCH_UP + CATCH_UP * u32::try_from(entries / 100_000).unwrap();
    cluster.until_caught_up(absent, patience).await;
    run.note(format!(
        "after {CUTS} cuts it knew everything {:.1} s after its last start",
        back.elapsed().as_secs_f64()
    ));
    crowd.stop().await;

    // What it has now is what the others have: alone with one of them it is a quorum.
    let other = (0..3).find(|place| *place != absent).unwrap();
    cluster.members[other].kill();
    let killed = Moment::now();
    let crowd = run.crowd(&doors, Mix::ALL).await;
    run.recovered("another voter killed", killed).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    crowd.stop().await;
    cluster.members[other].up();
    run.end(&cluster.client(), &doors).await;
    cluster.assert_healthy();
}

async fn committed(cluster: &Cluster) -> u64 {
    cluster.views().await.iter().flatten().map(|status| status.committed).max().unwrap_or_default()
}

/// Writes entries that leave nothing in the queue: work that nobody can do, cancelled at once.
async fn write(doors: &[Door], until: u64, cluster: &Cluster) {
    let writer = |number: usize| SecretKey::derive(format!("writer {number}").as_bytes());
    for number in 0..WRITERS {
        let name = Text::cut(&format!("writer-{number}"));
        let user = User { id: writer(number).identity(), name, ..User::default() };
        doors[0].client.command(&Command::AddUser { user }).await.unwrap();
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let tasks: Vec<_> = (0..WRITERS)
        .map(|number| {
            let client = doors[number % doors.len()].client.with_key(writer(number));
            let stop = std::sync::Arc::clone(&stop);
            tokio::spawn(async move {
                let conditions = Conditions { executor_type: Text::cut("nobody"), ..Conditions::default() };
                let spec =
                    FunctionSpec { func_name: Text::cut("nothing"), conditions, ..FunctionSpec::default() };
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let items = vec![Submission { spec: spec.clone(), retry_of: None }];
                    let Ok(ids) = client.submit(items).await else { continue };
                    for process in ids {
                        let _ = client.command(&Command::Cancel { process }).await;
                        let _ = client.command(&Command::Remove { process }).await;
                    }
                }
            })
        })
        .collect();
    while committed(cluster).await < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
}
