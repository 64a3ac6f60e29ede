//! One run: a colony is founded, clients work, faults strike, all is healed, and everything is judged.

use std::time::Duration;

use colony_simulations::chance::Chance;
use colony_tests::crowd::{self, Crowd, Door, Mix, Record};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    colony::{Colony, Stuck},
    entropy,
    guest::Guest,
    network::{Network, Postman},
    oracle::{self, Watch},
    outpost::Outpost,
    panics,
    plan::Plan,
    recruits::Recruits,
    replacement,
    report::Report,
    trace::Trace,
    weather::Weather,
    weavers::{Weavers, Woven},
};

/// How often the weather is looked at, and who waits for the colony looks again.
const TICK: Duration = Duration::from_millis(10);
/// How often nodes are asked what they say of themselves: the answer counts much.
const WATCH: Duration = Duration::from_millis(50);
/// G9: how long a colony may take to serve again when nothing is broken any more.
const SERVES_AGAIN: Duration = Duration::from_secs(10);
/// How long faults go on at most: a colony that is never given time makes few steps.
const STORM_MAX: Duration = Duration::from_secs(240);
/// How long calls under way, and then the queue, may take to come to their ends.
const DRAIN: Duration = Duration::from_secs(120);
/// More virtual time than any run takes.
const ENDLESS: Duration = Duration::from_secs(1_800);

/// Who works while faults go on.
const MIX: Mix = Mix {
    submitters: 3,
    executors: 3,
    readers: 2,
    echoes: 1,
    is_careless: true,
    pause: Duration::from_millis(150),
};

/// Runs a plan to its end.
#[must_use]
pub fn run(plan: &Plan, is_told: bool, mutant: Option<&str>) -> Report {
    entropy::seed(plan.seed);
    panics::watch();
    let wall = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut report = Report {
        plan: plan.clone(),
        steps: 0,
        hash: 0,
        exercised: Vec::new(),
        broken: Vec::new(),
        elapsed: Duration::ZERO,
        wall: Duration::ZERO,
        lines: Vec::new(),
        work: [0; 4],
    };
    if let Some(name) = mutant {
        if let Err(error) = crate::mutants::switch_on(name) {
            report.broken.push(error);
            return report;
        }
    }
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let trace = Trace::new(is_told);
            match timeout(ENDLESS, live(plan, &trace, &mut report)).await {
                Ok(Ok(())) => {}
                Ok(Err(stuck)) => report.broken.push(stuck.to_string()),
                Err(_) => report.broken.push(format!("it has not ended after {ENDLESS:?} of virtual time")),
            }
            report.steps = trace.steps();
            report.hash = trace.hash();
            report.elapsed = trace.elapsed();
            report.lines = trace.lines();
        }),
        Err(error) => report.broken.push(format!("no runtime: {error}")),
    }
    report.broken.extend(panics::take().into_iter().map(|panic| format!("no task panics: {panic}")));
    report.wall = wall.elapsed();
    report
}

async fn live(plan: &Plan, trace: &Trace, report: &mut Report) -> Result<(), Stuck> {
    // Streams of their own: one more draw here must not change the luck there.
    let mut chance = Chance::new(plan.seed ^ 0x0065_6d75_6c61_7465);
    let network = Network::new(trace.clone(), chance.split(), plan.distance);
    tokio::spawn(Postman::of(network.clone()));
    let mut colony = Colony::new(
        (plan.nodes, plan.hidden),
        network,
        trace.clone(),
        plan.timing,
        plan.log_kept,
        chance.split(),
    );
    colony.found(plan.voters).await?;
    let doors = colony.doors(plan.nodes.min(5));
    let probe = colony.door(0);
    let record = Record::default();
    let mut crowds = chance.split();
    register(&probe, MIX, 1).await?;
    trace.note(format_args!("the crowd begins"));
    let crowd = Crowd::start(&doors, MIX, 1, &record, &mut crowds);
    let guest = Guest::start(&mut colony, &probe.client).await?;
    let outpost = Outpost::start(&mut colony, &probe.client).await?;
    let woven = Woven::default();
    let weavers = Weavers::start(&doors, 1, Some(&woven), &mut crowds);
    let recruits = Recruits::start(&doors, &mut crowds);
    let mut watch = Watch::default();

    let mut weather = Weather::new(&plan.faults, chance.split());
    let storm = Instant::now();
    let mut looked = storm;
    while (trace.steps() < plan.steps || !weather.struck_all()) && storm.elapsed() < STORM_MAX {
        sleep(TICK).await;
        weather.tick(&mut colony).await;
        if looked.elapsed() >= WATCH {
            looked = Instant::now();
            watch.look(&colony, &mut report.broken);
        }
    }
    weather.clear(&mut colony).await?;
    trace.note(format_args!("all is healed"));
    serves_again(&mut colony, &mut watch, &record, report).await;
    if let Some(outpost) = outpost {
        outpost.works(&colony, &mut report.broken).await;
        outpost.stop().await;
    }
    guest.called(&mut report.broken).await;
    guest.stop().await;
    Guest::found(&mut colony, &mut report.broken).await;
    trace.note(format_args!("a guest was called, and has found the colony"));
    if timeout(DRAIN, crowd.stop()).await.is_err() {
        report.broken.push("calls under way have not come to their end".to_owned());
    }
    timeout(DRAIN, weavers.stop()).await.map_err(|_| Stuck::Slow("the end of weaving".to_owned()))?;
    recruits.stop(&mut report.broken).await;
    trace.note(format_args!("the crowd has stopped"));
    converge(&colony, &mut watch, report).await;
    replacement::replace(&mut colony, &mut report.broken).await;
    converge(&colony, &mut watch, report).await;

    register(&probe, Mix::DRAIN, 2).await?;
    let drainers = Crowd::start(&doors, Mix::DRAIN, 2, &record, &mut crowds);
    let weavers = Weavers::start(&doors, 2, None, &mut crowds);
    drain(&probe, report).await;
    timeout(DRAIN, weavers.stop()).await.map_err(|_| Stuck::Slow("the end of weaving".to_owned()))?;
    timeout(DRAIN, drainers.stop()).await.map_err(|_| Stuck::Slow("the end of calls".to_owned()))?;
    let seen = crowd::record_end(&probe.client, &record).await;
    seen.map_err(|error| Stuck::Refused { what: "looking at everything", why: error.to_string() })?;
    converge(&colony, &mut watch, report).await;
    trace.note(format_args!("everything is judged"));
    oracle::replicas(&colony, &mut report.broken).await;
    oracle::history(&record, &mut report.broken);
    oracle::workflows(&probe.client, &woven, &mut report.broken).await;
    for number in 0..colony.seats.len() {
        colony.crash(number, true).await;
    }
    let entries = oracle::logs(&colony, &watch, &mut report.broken).await;
    report.exercised = weather.exercised(&mut report.broken);
    let observed = record.observed();
    let workflows = woven.all().len() as u64;
    report.work = [observed.items_acknowledged() as u64, workflows, entries, observed.maybes()];
    Ok(())
}

async fn register(door: &Door, mix: Mix, generation: u64) -> Result<(), Stuck> {
    let registered = Crowd::register(&door.client, mix, generation).await;
    let refused = |error: colony_node::client::ClientError| Stuck::Refused {
        what: "adding a crowd",
        why: error.to_string(),
    };
    registered.map_err(refused)?;
    Weavers::register(&door.client, generation).await.map_err(refused)
}

/// G9: when nothing is broken any more, a submit is acknowledged in time.
async fn serves_again(colony: &mut Colony, watch: &mut Watch, record: &Record, report: &mut Report) {
    let healed = colony_tests::observed::clock::Moment::now();
    let begun = Instant::now();
    while begun.elapsed() < SERVES_AGAIN {
        sleep(TICK).await;
        watch.look(colony, &mut report.broken);
        let observed = record.observed();
        if observed.acknowledged().iter().rev().any(|submit| submit.begin > healed) {
            colony.trace.note(format_args!("it serves again after {:?}", begun.elapsed()));
            return;
        }
    }
    report.broken.push(format!("G9: nothing was acknowledged within {SERVES_AGAIN:?} of the healing"));
}

/// All nodes that replicate come to the same end of the log.
async fn converge(colony: &Colony, watch: &mut Watch, report: &mut Report) {
    let begun = Instant::now();
    loop {
        watch.look(colony, &mut report.broken);
        let seats = colony.seats.iter().filter(|seat| seat.is_open);
        let applied: Vec<Option<(u64, u64)>> =
            seats.map(|seat| seat.status().map(|status| (status.applied, status.term))).collect();
        if applied.first().is_some_and(Option::is_some) && applied.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        if begun.elapsed() > SERVES_AGAIN {
            report.broken.push(format!("G9: the nodes have not converged: applied and terms {applied:?}"));
            return;
        }
        sleep(TICK).await;
    }
}

/// Waits until nothing is left to be done.
async fn drain(door: &Door, report: &mut Report) {
    use colony_protocol::{model::State, query::Query, reply::Answer};
    let begun = Instant::now();
    let mut left = u64::MAX;
    while begun.elapsed() < DRAIN {
        if let Ok(Answer::Statistics(counts)) = door.client.query(&Query::Statistics).await {
            left = counts.processes_in(State::Waiting) + counts.processes_in(State::Running);
            if left == 0 {
                return;
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    report.broken.push(format!("{left} processes have not ended within {DRAIN:?}"));
}
