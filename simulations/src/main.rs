//! Runs colonies in virtual time: `cargo run -p colony-simulations -- --seed 7`, or many: `--seeds 1..1000`.
//!
//! With `--scenario` it runs one of the laboratory instead, without the rest of the command `colony`.
#![expect(clippy::print_stdout, reason = "a report on stdout is what this command is for")]

use std::{path::PathBuf, process::ExitCode, str::FromStr};

use clap::Parser;
use colony_simulations::{
    Report, Scenario,
    lab::{
        library,
        scenario::{read::Source, sweep},
        series,
    },
    run,
};

/// Runs colonies in virtual time and checks what must hold.
#[derive(Parser, Debug)]
struct Args {
    /// Run this seed and show what the run was like
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run these seeds instead, from the first up to and without the last: 1..1000
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// How many seconds of virtual time faults go on
    #[arg(long, value_name = "SECONDS")]
    storm: Option<u64>,
    /// Run this scenario of the laboratory instead: a file, or the name of one that ships
    #[arg(long, value_name = "SCENARIO", requires = "out")]
    scenario: Option<String>,
    /// Where its results go
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A range of seeds.
#[derive(Debug, Clone, Copy)]
struct Seeds(u64, u64);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (first, end) = ends.ok_or("write it as 1..1000")?;
        if first < end { Ok(Self(first, end)) } else { Err("there is no seed in this range".to_owned()) }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let (Some(scenario), Some(out)) = (&args.scenario, args.out.as_deref()) {
        return match laboratory(scenario, out, args.seeds) {
            Ok(told) => {
                println!("{told}");
                ExitCode::SUCCESS
            }
            Err(why) => {
                println!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let Seeds(first, end) = args.seeds.unwrap_or_else(|| Seeds(args.seed, args.seed.saturating_add(1)));
    let mut broken = 0_u64;
    for seed in first..end {
        let mut scenario = Scenario::of_seed(seed);
        if let Some(seconds) = args.storm {
            scenario.storm = colony_protocol::time::Span::from_secs(seconds);
        }
        let report = run(&scenario);
        show(&report, args.seeds.is_none());
        broken = broken.saturating_add(u64::from(!report.broken.is_empty()));
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn laboratory(name: &str, out: &std::path::Path, seeds: Option<Seeds>) -> Result<String, String> {
    let source = library::source(name).unwrap_or_else(|| Source::open(name.as_ref()));
    let source = source.map_err(|error| error.to_string())?;
    let seeds = seeds.map(|Seeds(first, end)| (first, end));
    let plans = sweep::plans(&source, seeds).map_err(|error| error.to_string())?;
    let done = series::run(&source, plans, out, &|_| true, &|| 0);
    let (place, sums) = done.map_err(|error| error.to_string())?;
    Ok(format!("{} runs in {}", sums.len(), place.display()))
}

fn show(report: &Report, whole: bool) {
    let verdict = if report.broken.is_empty() { "held" } else { "BROKEN" };
    println!("seed {}: {verdict}, {} entries, hash {:?}", report.seed, report.counters.entries, report.hash);
    if whole {
        println!("{:#?}", report.counters);
    }
    for line in &report.broken {
        println!("  {line}");
    }
    if !report.broken.is_empty() {
        println!("  replay: {}", report.replay());
    }
}
