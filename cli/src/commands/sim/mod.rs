//! `colony sim`: the laboratory. Reads a scenario, runs it, shows results; what a run is stands in `colony_simulations`.

mod export;
mod validate;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use colony_simulations::lab::{
    library::{self, LIBRARY},
    results::{self, ResultsError, Sum, metrics},
    scenario::{
        read::{ScenarioError, Source},
        sweep::{self, Plan},
    },
    series::{self, SeriesError, Stand},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    app::App,
    args::{SimCompareArgs, SimLsArgs, SimPrintArgs, SimRunArgs, SimScenario, SimShowArgs, SimVerb},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Bar, Listing, Row, column, wide},
};

/// Where results go if nobody says.
const RESULTS: &str = "results";
/// Parts of a progress bar.
const PARTS: u64 = 1_000;

/// Does what was asked.
pub(super) async fn run(app: &App, verb: SimVerb) -> Result<Exit, Failure> {
    match verb {
        SimVerb::Run(args) => simulate(app, args).await,
        SimVerb::Check(args) => check(app, &args),
        SimVerb::Ls(args) => list(app, &args),
        SimVerb::Show(args) => show(app, &args),
        SimVerb::Compare(args) => compare(app, &args),
        SimVerb::Print(args) => print(&args),
        SimVerb::Validate(args) => validate::run(app, &args),
        SimVerb::Export(args) => export::run(&args),
    }
}

/// The scenario of a name or a file, with what was set.
fn source(args: &SimScenario) -> Result<Source, Failure> {
    let mut source = match library::source(&args.scenario) {
        Some(shipped) => shipped,
        None => Source::open(args.scenario.as_ref()),
    }
    .map_err(|error| match (&error, library::nearest(&args.scenario)) {
        (ScenarioError::File { .. }, Some(near)) => {
            Failure::usage(format!("{error}; did you mean the scenario `{near}`?")).hint(Hint::Scenarios)
        }
        _ => unreadable(error),
    })?;
    let settings = args.set.iter().map(|setting| {
        let none = || Failure::usage(format!("`{setting}` sets nothing: write KEY=VALUE"));
        setting.split_once('=').ok_or_else(none)
    });
    let settings: Vec<(&str, &str)> = settings.collect::<Result<_, _>>()?;
    source.set(&settings).map_err(|why| Failure::usage(format!("--set {why}")))?;
    Ok(source)
}

fn unreadable(error: ScenarioError) -> Failure {
    let what = error.hint().map_or_else(|| error.to_string(), |hint| format!("{}; {hint}", first(&error)));
    let failure = Failure::usage(what);
    match error {
        ScenarioError::File { .. } => failure.hint(Hint::Scenarios),
        _ => failure,
    }
}

/// Without the lines in which TOML shows where.
fn first(error: &ScenarioError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The only run of a scenario.
fn one_plan(source: &Source, seed: Option<u64>) -> Result<Plan, Failure> {
    let seeds = seed.map(|seed| (seed, seed.saturating_add(1)));
    let mut plans = sweep::plans(source, seeds).map_err(unreadable)?;
    match plans.pop() {
        Some(plan) if plans.is_empty() => Ok(plan),
        _ => Err(Failure::usage("it makes several runs: take out [sweep] and `seeds`, or give --seed")),
    }
}

fn wrong(error: ResultsError) -> Failure {
    let exit = if matches!(error, ResultsError::Io { .. }) { Exit::FAILED } else { Exit::USAGE };
    Failure::caused(&error).exit(exit)
}

async fn simulate(app: &App, args: SimRunArgs) -> Result<Exit, Failure> {
    let source = source(&args.scenario)?;
    let seeds = args.seeds.or_else(|| args.seed.map(|seed| (seed, seed.saturating_add(1))));
    let plans = sweep::plans(&source, seeds).map_err(unreadable)?;
    let place = args.out.unwrap_or_else(|| default_place(&plans));
    let bar = Arc::new(Bar::percent(PARTS));
    let stop = crate::stop::on_signals(&app.runtime)?;
    let (done, over) = oneshot::channel();
    let (shown, runtime) = (Arc::clone(&bar), app.runtime.clone());
    let begun = runtime.elapsed();
    app.runtime.thread("simulation", move || {
        let progress = |stand: Stand| {
            let wall = runtime.elapsed().saturating_sub(begun).as_secs_f64().max(0.001);
            shown.reach(part(stand));
            shown.message(told(stand, wall));
            !stop.is_cancelled()
        };
        let clock = || u64::try_from(runtime.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Whoever waits may be gone.
        drop(done.send(series::run(&source, plans, &place, &progress, &clock)));
    });
    let outcome = over.await;
    bar.stop();
    match outcome {
        Ok(Ok((place, sums))) => {
            let events: f64 = sums.iter().filter_map(|sum| sum.metrics.get("events")).sum();
            let wall = app.runtime.elapsed().saturating_sub(begun).as_secs_f64();
            output::note(&format!(
                "{} runs, {events:.0} events in {wall:.1} s: {:.0} events/s; results in {}",
                sums.len(),
                events / wall.max(0.001),
                place.display()
            ));
            listing(&sums).print(app.format())?;
            Ok(Exit::DONE)
        }
        Ok(Err(SeriesError::Stopped)) => Ok(Exit::INTERRUPTED),
        Ok(Err(SeriesError::Results(error))) => Err(wrong(error)),
        Err(_) => Err(Failure::new("the simulation broke off")),
    }
}

fn default_place(plans: &[Plan]) -> PathBuf {
    let name = plans.first().map_or("", |plan| plan.scenario.name.as_str());
    let seed = plans.first().map_or(0, |plan| plan.seed);
    let name =
        if plans.len() == 1 { format!("{name}-{seed}") } else { format!("{name}-{}-runs", plans.len()) };
    PathBuf::from(RESULTS).join(name)
}

fn part(stand: Stand) -> usize {
    let run = stand.now.saturating_mul(PARTS).checked_div(stand.end).unwrap_or_default().min(PARTS);
    let all = (stand.done as u64).saturating_mul(PARTS).saturating_add(run);
    usize::try_from(all.checked_div(stand.of as u64).unwrap_or_default()).unwrap_or(usize::MAX)
}

fn told(stand: Stand, wall: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to a person")]
    let rate = stand.events as f64 / wall / 1e6;
    format!(
        "virtual {} s, {rate:.2} M events/s, run {} of {}",
        stand.now / 1_000_000,
        stand.done + 1,
        stand.of
    )
}

/// What a person wants to know first, under titles that fit a line; everything is in the folder.
const FIRST: [(&str, &str); 8] = [
    ("processes", "PROCESSES"),
    ("lost", "LOST"),
    ("doubled", "TWICE"),
    ("submit_to_assigned_p50", "P50 MS"),
    ("submit_to_assigned_p99", "P99 MS"),
    ("herd_factor", "HERD"),
    ("re_executions", "AGAIN"),
    ("unavailability", "OUT S"),
];

fn listing(sums: &[Sum]) -> Listing {
    let mut columns = vec![column("RUN"), column("SEED")];
    let swept = sums.first().is_some_and(|sum| !sum.point.is_empty());
    columns.extend(swept.then(|| column("SWEEP")));
    columns.extend(FIRST.map(|(_, title)| column(title)));
    let rows = sums.iter().map(|sum| {
        // The values alone: their keys stand in the scenario.
        let sweep: Vec<&str> = sum.point.values().map(String::as_str).collect();
        let mut cells = vec![sum.number.to_string(), sum.seed.to_string()];
        cells.extend(swept.then(|| sweep.join(" ")));
        cells.extend(FIRST.map(|(name, _)| short(sum.metrics.get(name).copied().unwrap_or_default())));
        let metrics: BTreeMap<_, _> = sum.metrics.iter().collect();
        let json = json!({ "run": sum.number, "seed": sum.seed, "sweep": sum.point, "metrics": metrics });
        Row { cells, json, quiet: sum.number.to_string() }
    });
    Listing { columns, rows: rows.collect(), empty: "no runs" }
}

/// Three digits.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { number(value) }
}

/// With as many places as say something.
fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

fn check(app: &App, args: &SimScenario) -> Result<Exit, Failure> {
    let source = source(args)?;
    let plans = sweep::plans(&source, None).map_err(unreadable)?;
    let name = plans.first().map_or("", |plan| plan.scenario.name.as_str());
    let nodes: u64 = plans.first().map_or(0, |plan| {
        plan.scenario
            .nodes
            .iter()
            .map(|nodes| u64::from(colony_simulations::lab::scenario::check::count(nodes)))
            .sum()
    });
    let row = Row {
        cells: vec![name.to_owned(), plans.len().to_string(), nodes.to_string()],
        json: json!({ "scenario": name, "runs": plans.len(), "nodes": nodes }),
        quiet: name.to_owned(),
    };
    let columns = vec![column("SCENARIO"), column("RUNS"), column("NODES")];
    Listing { columns, rows: vec![row], empty: "" }.print_one(app.format())?;
    Ok(Exit::DONE)
}

fn list(app: &App, args: &SimLsArgs) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    for (name, _) in LIBRARY {
        let source = library::source(name).into_iter().flatten().next();
        let question = source.and_then(|source| source.table.get("question")?.as_str().map(str::to_owned));
        let question = question.unwrap_or_default();
        rows.push(Row {
            cells: vec!["scenario".to_owned(), name.to_owned(), question.clone()],
            json: json!({ "kind": "scenario", "name": name, "about": question }),
            quiet: name.to_owned(),
        });
    }
    let mut places: Vec<PathBuf> = match std::fs::read_dir(&args.place) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        // Nothing was run here yet.
        Err(_) => Vec::new(),
    };
    places.sort();
    for place in places {
        let Ok(summary) = results::summary(&place) else { continue };
        let name = place.display().to_string();
        let scenario = summary.get("scenario").and_then(Value::as_str).unwrap_or_default().to_owned();
        rows.push(Row {
            cells: vec!["results".to_owned(), name.clone(), scenario.clone()],
            json: json!({ "kind": "results", "name": name, "about": scenario }),
            quiet: name,
        });
    }
    let columns = vec![column("KIND"), column("NAME"), column("ABOUT")];
    Listing { columns, rows, empty: "nothing" }.print(app.format())?;
    Ok(Exit::DONE)
}

/// The metrics of a folder: of its only run, or of each point of its sweep.
fn points(summary: &Value) -> Vec<(String, &Value)> {
    match summary.get("points").and_then(Value::as_array) {
        Some(points) => {
            let named = points.iter().filter_map(|point| {
                let sweep = point.get("sweep")?.as_object()?;
                // The last word of each key: the whole path fits no screen.
                let word = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
                let name: Vec<String> = sweep
                    .iter()
                    .map(|(key, value)| format!("{}={}", word(key), value.as_str().unwrap_or_default()))
                    .collect();
                Some((name.join(" "), point.get("metrics")?))
            });
            named.collect()
        }
        None => summary.get("metrics").map(|metrics| (String::new(), metrics)).into_iter().collect(),
    }
}

fn show(app: &App, args: &SimShowArgs) -> Result<Exit, Failure> {
    let summary = results::summary(&args.run).map_err(wrong)?;
    let mut rows = Vec::new();
    for (point, values) in points(&summary) {
        for (name, unit, definition) in metrics::METRICS {
            let Some(value) = values.get(name) else { continue };
            let half = value.get("confidence95").and_then(Value::as_f64);
            let text = value.get("value").and_then(Value::as_f64).map(number).unwrap_or_default();
            let text = half.map_or_else(|| text.clone(), |half| format!("{text} ± {}", number(half)));
            rows.push(Row {
                cells: vec![
                    (*name).to_owned(),
                    text,
                    (*unit).to_owned(),
                    point.clone(),
                    (*definition).to_owned(),
                ],
                json: json!({ "metric": name, "sweep": point, "result": value }),
                quiet: (*name).to_owned(),
            });
        }
    }
    let columns =
        vec![column("METRIC"), column("VALUE"), column("UNIT"), column("SWEEP"), wide("DEFINITION")];
    Listing { columns, rows, empty: "no metrics" }.print(app.format())?;
    Ok(Exit::DONE)
}

fn compare(app: &App, args: &SimCompareArgs) -> Result<Exit, Failure> {
    let (one, other) = (results::summary(&args.a).map_err(wrong)?, results::summary(&args.b).map_err(wrong)?);
    let value = |values: &Value, name: &str| values.get(name)?.get("value")?.as_f64();
    let mut rows = Vec::new();
    for ((point, a), (_, b)) in points(&one).into_iter().zip(points(&other)) {
        for (name, unit, _) in metrics::METRICS {
            let (Some(a), Some(b)) = (value(a, name), value(b, name)) else { continue };
            let change = if a == 0.0 { None } else { Some((b - a) / a * 100.0) };
            let told = match change {
                Some(change) => format!("{change:+.1} %"),
                None if b == 0.0 => "+0.0 %".to_owned(),
                None => "-".to_owned(),
            };
            rows.push(Row {
                cells: vec![(*name).to_owned(), number(a), number(b), told, (*unit).to_owned(), point.clone()],
                json: json!({ "metric": name, "a": a, "b": b, "change_percent": change, "unit": unit, "sweep": point }),
                quiet: (*name).to_owned(),
            });
        }
    }
    let columns =
        vec![column("METRIC"), column("A"), column("B"), column("CHANGE"), column("UNIT"), column("SWEEP")];
    Listing { columns, rows, empty: "nothing in common" }.print(app.format())?;
    Ok(Exit::DONE)
}

fn print(args: &SimPrintArgs) -> Result<Exit, Failure> {
    let found = LIBRARY.iter().find(|(name, _)| *name == args.name);
    let (_, text) = found.ok_or_else(|| {
        let near = library::nearest(&args.name).map(|near| format!("; did you mean `{near}`?"));
        let what = format!("no scenario called `{}` ships{}", args.name, near.unwrap_or_default());
        Failure::usage(what).hint(Hint::Scenarios)
    })?;
    output::data(text)?;
    Ok(Exit::DONE)
}
