//! Runs whole colonies of real nodes in virtual time, from one seed each:
//! `cargo run --release --manifest-path simulations/emulation/Cargo.toml -- --seed 7`, or many: `--seeds 1..1000`.

mod colony;
mod disk;
mod entropy;
mod faults;
mod guest;
mod hunt;
mod machine;
mod mutants;
mod network;
mod oracle;
mod outpost;
mod panics;
mod plan;
mod recruits;
mod replacement;
mod report;
mod run;
mod scenario;
mod trace;
mod visitor;
mod weather;
mod weavers;

use std::{process::ExitCode, str::FromStr};

use clap::Parser;

use crate::{faults::Kind, plan::Plan};

/// As much as a process's first thread has.
const STACK: usize = 8 * 1024 * 1024;

/// Runs whole colonies of real nodes in virtual time and checks what must hold.
#[derive(Parser, Debug, Clone)]
struct Args {
    /// Run this seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run these seeds instead, each in a process of its own, from the first up to and without the last: 1..1000
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
    /// Steps before faults end: deliveries, syncs and answers
    #[arg(long, default_value_t = 10_000)]
    steps: u64,
    /// Nodes of the colony; drawn from the seed if not given
    #[arg(long)]
    nodes: Option<usize>,
    /// What goes wrong, separated by commas; drawn from the seed if not given. `none` for a quiet run
    #[arg(long, value_name = "LIST")]
    faults: Option<String>,
    /// Run this scenario of the laboratory instead, and print its metrics as JSON
    #[arg(long, value_name = "FILE")]
    scenario: Option<std::path::PathBuf>,
    /// Show what happened, and when
    #[arg(long)]
    trace: bool,
    /// Run each seed twice and compare the traces
    #[arg(long)]
    twice: bool,
    /// Stop at the first seed that fails
    #[arg(long)]
    until_failure: bool,
    /// How many seeds run at once
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Switch on a deliberate bug; the program must be built with `--features mutants`
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Look for these deliberate bugs, separated by commas, or `all`, each with one seed after the other until it is caught
    #[arg(long, value_name = "LIST")]
    mutants: Option<String>,
    /// How many seeds a deliberate bug may take to be caught
    #[arg(long, default_value_t = 1_000)]
    within: u64,
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
    if let Some(names) = &args.mutants {
        return hunt::mutants(&args, names);
    }
    if let Some(file) = &args.scenario {
        return scenario::print(file, args.seed);
    }
    match args.seeds {
        Some(Seeds(first, end)) => report::many(&args, first..end),
        None if args.twice => report::many(&args, args.seed..args.seed.saturating_add(1)),
        None => one(&args),
    }
}

fn one(args: &Args) -> ExitCode {
    if let Err(error) = std::env::var("RUST_LOG").map(|filter| {
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
    }) && args.trace
    {
        eprintln!("no log of the nodes: RUST_LOG: {error}");
    }
    let faults = match args.faults.as_deref().map(Kind::list).transpose() {
        Ok(faults) => faults,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let plan = Plan::of(args.seed, args.steps, args.nodes, faults);
    // On a thread of its own, with hash maps whose keys follow from the seed: the log and the arguments have drawn before.
    let run = || run::run(&plan, args.trace, args.mutant.as_deref());
    let ran = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        thread.map_err(|error| error.to_string())?.join().map_err(|_| "it panicked".to_owned())
    });
    match ran {
        Ok(report) => report.show(args),
        Err(why) => {
            eprintln!("the run has no end: {why}");
            ExitCode::FAILURE
        }
    }
}
