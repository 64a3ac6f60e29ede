//! A scenario of the laboratory on whole nodes: the same file, and the same metrics as far as both have them.
//!
//! [`cast`] brings the nodes, executors and submitters to life; [`play`] lets work arrive and kills coordinators as the
//! scenario says; [`sums`] turns what was seen into the laboratory's metrics. What this cannot play is refused by
//! `lab::validate::misfits` before anything is built.

mod cast;
mod play;
mod sums;

use std::{path::Path, process::ExitCode, time::Duration};

use colony_node::{consensus::Timing, node::LOG_KEPT};
use colony_simulations::{
    chance::Chance,
    lab::{
        engine::COMMIT_SYNCS,
        scenario::{Class, Patience, check, read::Source, sweep, sweep::Plan},
        validate,
    },
};

use crate::{
    colony::{Colony, Stuck},
    entropy,
    network::{Distance, Network, Postman},
    trace::Trace,
};
use sums::Seen;

/// More virtual time than any scenario may take beside its own.
const SETTING_UP: Duration = Duration::from_secs(600);

/// Plays a scenario and prints its metrics.
pub fn print(file: &Path, seed: u64) -> ExitCode {
    match measure(file, seed) {
        Ok(metrics) => {
            println!("{metrics}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{}: {why}", file.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(file: &Path, seed: u64) -> Result<serde_json::Value, String> {
    let source = Source::open(file).map_err(|error| error.to_string())?;
    let plans =
        sweep::plans(&source, Some((seed, seed.saturating_add(1)))).map_err(|error| error.to_string())?;
    let [plan] = plans.as_slice() else { return Err("a sweep cannot be played: set its keys".to_owned()) };
    let misfits = validate::misfits(plan);
    if !misfits.is_empty() {
        return Err(format!("whole nodes cannot play it: {}", misfits.join("; ")));
    }
    // As a run does: on a thread of its own, whose hash maps follow from the seed.
    let (seen, took) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(crate::STACK);
        let thread = thread.spawn_scoped(scope, || whole(plan)).map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "it panicked".to_owned())?
    })?;
    let mut metrics = seen.metrics();
    // No metric of the laboratory: how much virtual time all of it took, the founding included, for who measures speed.
    metrics["virtual"] = took.as_secs_f64().into();
    Ok(metrics)
}

fn whole(plan: &Plan) -> Result<(Seen, Duration), String> {
    entropy::seed(plan.seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let stop = plan.scenario.stop;
    let most = SETTING_UP + Duration::from_micros(stop.after.0.saturating_add(stop.drain.0));
    runtime.block_on(async {
        let begun = tokio::time::Instant::now();
        let played = tokio::time::timeout(most, act(plan)).await;
        let seen = played.map_err(|_| format!("it has not ended after {most:?}"))?;
        seen.map(|seen| (seen, begun.elapsed())).map_err(|stuck| stuck.to_string())
    })
}

async fn act(plan: &Plan) -> Result<Seen, Stuck> {
    let mut chance = Chance::new(plan.seed ^ 0x7363_656e_6172_696f);
    let trace = Trace::new(false);
    let network = Network::new(trace.clone(), chance.split(), distance(plan));
    tokio::spawn(Postman::of(network.clone()));
    let of = |class: Class| {
        let groups = plan.scenario.nodes.iter().filter(move |nodes| nodes.class == class);
        groups.map(check::count).sum::<u32>() as usize
    };
    let voters = of(Class::Voter);
    let nodes = voters + of(Class::Observer);
    let mut colony = Colony::new((nodes, 0), network, trace, timing(plan), LOG_KEPT, chance.split());
    let groups = plan.scenario.nodes.iter().filter(|nodes| nodes.class == Class::Voter);
    let disks = groups.flat_map(|nodes| vec![nodes.disk.fsync.0; check::count(nodes) as usize]);
    for (seat, fsync) in colony.seats.iter().zip(disks) {
        // A disk here makes who writes wait once for each commit, however many syncs it is.
        seat.disk.set_sync_takes(Duration::from_micros(fsync * COMMIT_SYNCS));
    }
    colony.found(voters).await?;
    let cast = cast::Cast::assemble(plan, &mut colony, &mut chance).await?;
    play::play(plan, &mut colony, cast, &mut chance).await
}

/// One distance for all: `misfits` has seen to it that the scenario has one region.
fn distance(plan: &Plan) -> Distance {
    let one_way = plan.files.matrix.one_way(0, 0);
    let jitter = plan.scenario.network.jitter.value();
    let slowest =
        plan.scenario.nodes.iter().map(|nodes| nodes.up.0.min(nodes.down.0)).min().unwrap_or(100_000);
    Distance {
        latency: Duration::from_micros(one_way),
        // Even up to twice the mean, where the laboratory's is exponential.
        jitter: Duration::from_micros((one_way as f64 * jitter * 2.0) as u64),
        bandwidth: slowest / 8,
        nearest: true,
    }
}

fn timing(plan: &Plan) -> Timing {
    match plan.scenario.network.timing {
        Patience::Local => Timing::Local,
        Patience::Internet => Timing::Internet,
        Patience::Auto if 2 * plan.files.matrix.one_way(0, 0) <= 5_000 => Timing::Local,
        Patience::Auto => Timing::Internet,
    }
}
