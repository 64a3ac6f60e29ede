//! Looks whether deliberate bugs are caught: an emulator that misses them proves nothing.

use std::process::ExitCode;

use crate::{Args, mutants, report};

/// What a run says of a fault that never happened: no bug was caught by that.
const IDLE: &str = "was not exercised";

/// Runs each bug with one seed after the other until an invariant breaks.
pub fn mutants(args: &Args, names: &str) -> ExitCode {
    let wanted: Vec<&str> = names.split(',').map(str::trim).collect();
    let mut missed = Vec::new();
    for (name, faults) in mutants::ALL.iter().filter(|(name, _)| names == "all" || wanted.contains(name)) {
        let args = Args {
            mutant: Some((*name).to_owned()),
            faults: args.faults.clone().or_else(|| Some((*faults).to_owned())),
            ..args.clone()
        };
        if let Some((seed, by)) = (1..=args.within).find_map(|seed| Some((seed, caught(&args, seed)?))) {
            println!("mutant={name} faults={} caught by seed={seed}: {by}", args.faults.unwrap_or_default());
        } else {
            println!("mutant={name} MISSED by {} seeds", args.within);
            missed.push(*name);
        }
    }
    println!("{} missed {missed:?}", missed.len());
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first thing that broke under a seed.
fn caught(args: &Args, seed: u64) -> Option<String> {
    let said = report::outcome(report::start(args, seed)).err()?;
    let lines = said.lines().skip(1).map(str::trim);
    let first = lines.clone().find(|line| !line.contains(IDLE) && !line.starts_with("replay:"))?;
    Some(first.chars().take(160).collect())
}
