//! What happens: work arrives, coordinators die and come back, and everything comes to its end.

use std::{sync::atomic::Ordering, time::Duration};

use colony_protocol::{
    bounded::Text,
    command::Submission,
    model::{Conditions, FunctionSpec, State},
    query::{PAGE_MAX, ProcessFilter, Query},
    reply::Answer,
};
use colony_simulations::{
    chance::Chance,
    lab::{
        amounts::Time,
        dice,
        scenario::{Arrivals, Deed, Work, sweep::Plan},
    },
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    cast::Cast,
    sums::{Seen, Submitted},
};
use crate::colony::{Colony, Started, Stuck};

/// How often nodes are looked at while nobody coordinates.
const LOOK: Duration = Duration::from_millis(2);
/// How often it is looked whether all work has ended.
const ENDED: Duration = Duration::from_millis(250);

/// Plays the scenario to its end.
pub(super) async fn play(
    plan: &Plan,
    colony: &mut Colony,
    cast: Cast,
    chance: &mut Chance,
) -> Result<Seen, Stuck> {
    let begin = Instant::now();
    let seen = Seen::new(cast.words.clone());
    let (entries, syncs) = (applied(colony), syncs(colony));
    let (stop, mut arrivals) = (plan.scenario.stop, Vec::new());
    for work in &plan.scenario.work {
        let stream =
            arrive(work.clone(), stop.after, begin, cast.submitters.clone(), seen.clone(), chance.split());
        arrivals.push(tokio::spawn(stream));
    }
    let mut deaths: Vec<(Time, Duration)> = plan
        .scenario
        .timeline
        .iter()
        .filter(|happening| happening.what == Deed::Kill)
        .map(|happening| (happening.at, Duration::from_micros(happening.lasts.unwrap_or(stop.after).0)))
        .collect();
    deaths.sort_by_key(|(at, _)| *at);
    let first = plan.scenario.work.iter().map(|work| work.from.0).min().unwrap_or_default();
    sleep_until(begin + Duration::from_micros(first)).await;
    let (asks, words) = (cast.asks.load(Ordering::Relaxed), cast.words.count());
    for (at, lasts) in deaths {
        sleep_until(begin + Duration::from_micros(at.0)).await;
        succession(colony, lasts, &seen).await;
    }
    sleep_until(begin + Duration::from_micros(stop.after.0)).await;
    let drained = Instant::now() + Duration::from_micros(stop.drain.0);
    while !arrivals.iter().all(tokio::task::JoinHandle::is_finished) || left(&cast).await > 0 {
        if Instant::now() > drained {
            break;
        }
        sleep(ENDED).await;
    }
    seen.count("asks", cast.asks.load(Ordering::Relaxed).saturating_sub(asks));
    seen.count("announcements", cast.words.count().saturating_sub(words));
    seen.count("entries", applied(colony).saturating_sub(entries));
    seen.count("syncs", self::syncs(colony).saturating_sub(syncs));
    look_back(&cast, &seen).await?;
    cast.stop.cancel();
    Ok(seen)
}

/// Syncs of the disk of the busiest node.
fn syncs(colony: &Colony) -> u64 {
    colony.seats.iter().map(|seat| seat.disk.syncs()).max().unwrap_or_default()
}

fn applied(colony: &Colony) -> u64 {
    colony.seats.iter().filter_map(|seat| Some(seat.status()?.applied)).max().unwrap_or_default()
}

/// Submissions of one kind of work, at the moments that its law gives.
async fn arrive(
    work: Work,
    after: Time,
    begin: Instant,
    submitters: Vec<colony_node::client::Client>,
    seen: Seen,
    mut chance: Chance,
) {
    let until = begin + Duration::from_micros(work.until.unwrap_or(after).0.min(after.0));
    let mut at = begin + Duration::from_micros(work.from.0);
    let mean = Time((1e6 / work.rate) as u64);
    let (mut sent, mut under_way) = (0, Vec::new());
    while sent < work.count.unwrap_or(u64::MAX) && (at <= until || work.arrivals == Arrivals::Burst) {
        sleep_until(at).await;
        let lot = chance.below(submitters.len() as u64) as usize;
        let client = submitters[lot].clone();
        let items = (0..work.batch).map(|_| Submission { spec: spec(&work), retry_of: None }).collect();
        let seen = seen.clone();
        under_way.push(tokio::spawn(async move {
            let asked = client.runtime().now();
            match client.submit(items).await {
                Ok(ids) => seen.submitted(Submitted { asked, acknowledged: client.runtime().now(), ids }),
                Err(_) => seen.count("given_up", 1),
            }
        }));
        sent += 1;
        at += Duration::from_micros(match work.arrivals {
            Arrivals::Burst => 0,
            Arrivals::Steady => mean.0,
            Arrivals::Poisson => dice::exponential(&mut chance, mean),
        });
    }
    for task in under_way {
        drop(task.await);
    }
}

fn spec(work: &Work) -> FunctionSpec {
    let function = work.functions.first();
    let (name, kind) = function.map_or(("", ""), |one| (one.name.as_str(), one.executor_type.as_str()));
    FunctionSpec {
        func_name: Text::cut(name),
        conditions: Conditions { executor_type: Text::cut(kind), ..Conditions::default() },
        max_retries: work.retries,
        ..FunctionSpec::default()
    }
}

/// The coordinator dies; how long until another is elected, and until it has committed something.
async fn succession(colony: &mut Colony, lasts: Duration, seen: &Seen) {
    let Some(number) = colony.coordinator() else { return };
    let dead = colony.seats[number].identity();
    let (term, died) = (colony.seats[number].status().map_or(0, |status| status.term), Instant::now());
    colony.crash(number, true).await;
    let mut elected = None;
    while died.elapsed() < lasts {
        let statuses: Vec<_> = colony.seats.iter().filter_map(|seat| seat.status()).collect();
        let next = statuses.iter().find(|status| {
            status.term > term && status.coordinator == Some(status.node) && status.node != dead
        });
        if let Some(next) = next {
            let (_, committed) = *elected.get_or_insert((died.elapsed(), next.committed));
            if next.committed > committed {
                break;
            }
        }
        sleep(LOOK).await;
    }
    if let Some((took, _)) = elected {
        seen.election(took, died.elapsed());
    }
    sleep_until(died + lasts).await;
    if !matches!(colony.start(number).await, Started::Running) {
        seen.count("not_back", 1);
    }
}

async fn left(cast: &Cast) -> u64 {
    match cast.probe.query(&Query::Statistics).await {
        Ok(Answer::Statistics(counts)) => {
            counts.processes_in(State::Waiting) + counts.processes_in(State::Running)
        }
        _ => u64::MAX,
    }
}

/// All processes as they ended.
async fn look_back(cast: &Cast, seen: &Seen) -> Result<(), Stuck> {
    let mut before = None;
    loop {
        let filter = ProcessFilter { before, limit: PAGE_MAX, ..ProcessFilter::default() };
        let page = match cast.probe.query(&Query::Processes(filter)).await {
            Ok(Answer::Processes(page)) => page,
            other => return Err(Stuck::Refused { what: "looking back", why: format!("{other:?}") }),
        };
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.number());
        seen.ended(page);
    }
}
