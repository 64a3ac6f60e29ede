//! A voter that was away for so long that the log it lacks is gone is sent a snapshot while work goes on, although the transfer
//! is cut three times: once the link, twice its power.
//!
//! The entries are made by `colony bench` with few clients of one request each, so that the coordinator can hardly fold them.
//! What a few hundred entries leave behind fits into one message, so there is also a store of large processes that nobody may
//! run. A cut counts only if the receiver's own log says that a transfer was under way before and that it was not done after.

use std::time::{Duration, Instant};

use colony_node::client::Client;
use colony_protocol::{
    bounded::{Json, Text},
    command::{Command, Submission},
    model::{Conditions, FunctionSpec, State, Values},
};
use colony_tests::{
    bench::Bench,
    cluster::{Cluster, Setting, Transfer, transfer},
    crowd::{Mix, Others},
    observed::clock::Moment,
    parameter::parameter,
    run::Run,
};

use crate::SEED;

/// Clients that submit and clients that work: two of each keep the log busy and are rarely in one entry.
const CLIENTS: u64 = 2;
/// Entries that one process makes at least: its submit, its grant and its end.
const ENTRIES_EACH: u64 = 3;
/// Most processes in one run of the bench, so that a long absence shows how far it is.
const ROUND: u64 = 50_000;
/// The type of the executor that runs the large processes: there is none.
const NOBODY: &str = "nobody";
/// Large processes, of three values each as large as a value may be: together as many parts of a snapshot, so that there is
/// time to cut it.
const LARGE: usize = 24;
const VALUE: usize = 250_000;
/// The work that goes on: light, so that the receiver is not the slowest of three on one machine.
const WORK: Mix =
    Mix { submitters: 2, executors: 2, readers: 1, echoes: 0, pause: Duration::from_millis(20), ..Mix::ALL };
/// How long a transfer may take to begin, or to go on: the links' patience, and an election.
const BEGIN: Duration = Duration::from_secs(60);
/// How long a link is cut: longer than its ends are patient with each other.
const BREAK: Duration = Duration::from_secs(4);
/// How long the rest may take for each 100,000 entries, and at least.
const CATCH_UP: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_was_away_is_sent_a_snapshot_that_is_cut_three_times_while_work_goes_on() {
    let entries = parameter("COLONY_AWAY_ENTRIES", 800);
    let mut run = Run::new(&format!("away for {entries} entries"), SEED);
    let mut cluster = start(entries).await;
    let absent = if cluster.coordinator().await == 1 { 2 } else { 1 };
    cluster.until_caught_up(absent, BEGIN).await;
    cluster.members[absent].kill();

    // Entries, until the log begins long after the last one that the absent voter has.
    let begun = Instant::now();
    let mut expected = large(&cluster.client()).await;
    let before = committed(&cluster).await;
    write(&cluster, before + entries, &mut expected).await;
    let seconds = begun.elapsed().as_secs_f64();
    let written = committed(&cluster).await - before;
    run.note(format!("{written} entries written in {seconds:.0} s while one of three was away"));

    // Work goes on while it comes back, and its transfer is cut, each time a little later.
    let doors = cluster.doors();
    let crowd = run.crowd(&doors, WORK).await;
    let worked = run.record.observed().acknowledged().len();
    cluster.members[absent].up_unready();
    if cluster.namespaces.is_some() {
        cut_link(&mut run, &cluster, absent).await;
    } else {
        cut_power(&mut run, &mut cluster, absent, 1).await;
    }
    cut_power(&mut run, &mut cluster, absent, 3).await;
    cut_power(&mut run, &mut cluster, absent, 6).await;
    let back = Instant::now();
    let patience = CATCH_UP + CATCH_UP * u32::try_from(entries / 100_000).unwrap();
    cluster.until_caught_up(absent, patience).await;
    let took = back.elapsed();
    let came = cluster.members[absent].transfer();
    assert!(came.installed > 0 && !came.is_under_way, "it did not come by snapshot: {came:?}");
    let worked = run.record.observed().acknowledged().len() - worked;
    assert!(worked > 0, "nobody worked while it came back");
    run.note(format!(
        "3 cuts; it knew everything {:.1} s after the last one, by {} snapshot(s), the last of {} parts; {worked} submits \
         were acknowledged meanwhile",
        took.as_secs_f64(),
        came.installed,
        came.parts,
    ));
    crowd.stop().await;

    // What it has now is what the others have: alone with one of them it is a quorum.
    let other = (0..3).find(|place| *place != absent).unwrap();
    cluster.members[other].kill();
    let killed = Moment::now();
    let crowd = run.crowd(&doors, WORK).await;
    run.recovered("another voter killed", killed).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    crowd.stop().await;
    cluster.members[other].up();
    let others = run.end_among_others(&cluster.client(), &doors).await;
    assert_eq!(others, expected, "what the bench did is not what there is");
    cluster.assert_healthy();
}

/// Three voters whose log is short beside the absence; each in a namespace of its own where this is allowed.
async fn start(entries: u64) -> Cluster {
    let log_kept = (entries * 2 / 5).clamp(100, 10_000).to_string();
    let setting = Setting { flags: vec!["--log-kept".to_owned(), log_kept], log: Some(transfer::LOG) };
    match Cluster::start_apart_with(3, &setting).await {
        Some(cluster) => cluster,
        None => Cluster::start_with(3, &setting).await,
    }
}

async fn committed(cluster: &Cluster) -> u64 {
    cluster.views().await.iter().flatten().map(|status| status.committed).max().unwrap_or_default()
}

/// Queues large processes and takes them back. Gives what there is of them.
async fn large(client: &Client) -> Others {
    let value = Json::string(&"x".repeat(VALUE));
    let conditions = Conditions { executor_type: Text::cut(NOBODY), ..Conditions::default() };
    let args = Values::new(vec![value; 3]).unwrap();
    let spec = FunctionSpec { func_name: Text::cut("large"), args, conditions, ..FunctionSpec::default() };
    for _ in 0..LARGE {
        let item = Submission { spec: spec.clone(), retry_of: None };
        for process in client.submit(vec![item]).await.unwrap() {
            client.command(&Command::Cancel { process }).await.unwrap();
        }
    }
    Others::from([((NOBODY.to_owned(), State::Cancelled), LARGE as u64)])
}

/// Runs the bench until the log has so many entries, and adds what it did.
async fn write(cluster: &Cluster, until: u64, done: &mut Others) {
    loop {
        let left = until.saturating_sub(committed(cluster).await);
        if left == 0 {
            return;
        }
        let processes = (left / ENTRIES_EACH).clamp(100, ROUND);
        let bench = Bench::start(&cluster.members[0], processes, CLIENTS);
        let report = tokio::task::spawn_blocking(|| bench.finish()).await.unwrap();
        println!("{left} entries to go, {processes} processes in {:.0} s", report.took.as_secs_f64());
        done.insert((report.executor_type, State::Success), report.processes);
    }
}

/// Waits until more than so many parts of a snapshot have arrived and more are to come.
async fn under_way(cluster: &Cluster, absent: usize, parts: u64) -> Transfer {
    let until = Instant::now() + BEGIN;
    loop {
        let seen = cluster.members[absent].transfer();
        if seen.is_under_way && seen.parts > parts {
            return seen;
        }
        let said = || cluster.members[absent].said();
        assert!(seen.installed == 0, "it had everything before it could be cut: {seen:?}\n{}", said());
        assert!(Instant::now() < until, "no snapshot is coming: {seen:?}\n{}", said());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Cuts the receiver's links in the middle of a transfer, which then goes on where it was.
async fn cut_link(run: &mut Run, cluster: &Cluster, absent: usize) {
    let others: Vec<usize> = (0..3).filter(|place| *place != absent).collect();
    let network = cluster.namespaces.as_ref().expect("made apart");
    let seen = under_way(cluster, absent, 0).await;
    network.split(&[absent], &others);
    tokio::time::sleep(BREAK).await;
    let cut = cluster.members[absent].transfer();
    assert!(cut.is_under_way, "all of it came before the link was cut: {cut:?} after {seen:?}");
    network.heal();
    let more = under_way(cluster, absent, cut.parts).await;
    run.note(format!(
        "the link was cut for {BREAK:?} after {} parts; the transfer went on after {}",
        cut.parts, more.resumed_at
    ));
}

/// Kills the receiver in the middle of a transfer, and starts it again.
async fn cut_power(run: &mut Run, cluster: &mut Cluster, absent: usize, parts: u64) {
    under_way(cluster, absent, parts).await;
    let said = cluster.members[absent].kill();
    let cut = Transfer::read(&said);
    assert!(cut.is_under_way && cut.installed == 0, "all of it came before the power was cut: {cut:?}");
    run.note(format!("the receiver was killed after {} parts", cut.parts));
    cluster.members[absent].up_unready();
}
