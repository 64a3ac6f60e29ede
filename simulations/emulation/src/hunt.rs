//! Looks whether deliberate bugs are caught: an emulator that misses them proves nothing.
//!
//! A bug counts as caught by a seed only if the shipped code passes that seed, under the same faults.

use std::process::ExitCode;

use crate::{Args, mutants, report};

/// What a run says of a fault that never happened: no bug was caught by that.
const IDLE: &str = "was not exercised";
/// How much of a finding is told.
const TOLD: usize = 160;

/// Runs each bug with one seed after the other until an invariant breaks. Each line is one of a table.
pub fn mutants(args: &Args, names: &str) -> ExitCode {
    let wanted: Vec<&str> = names.split(',').map(str::trim).collect();
    let is_known = |name: &&&str| mutants::ALL.iter().any(|(known, _)| *known == **name);
    if let Some(unknown) = wanted.iter().find(|name| names != "all" && !is_known(name)) {
        eprintln!("there is no mutant `{unknown}`");
        return ExitCode::FAILURE;
    }
    let mut missed = Vec::new();
    for (name, faults) in mutants::ALL.iter().filter(|(name, _)| names == "all" || wanted.contains(name)) {
        let faults = args.faults.clone().unwrap_or_else(|| (*faults).to_owned());
        let shipped = Args { faults: Some(faults.clone()), ..args.clone() };
        let mutated = Args { mutant: Some((*name).to_owned()), ..shipped.clone() };
        let found = (1..=args.within).find_map(|seed| Some((seed, caught(&mutated, &shipped, seed)?)));
        if let Some((seed, by)) = found {
            println!("| `{name}` | `{faults}` | {seed} | {by} |");
        } else {
            println!("| `{name}` | `{faults}` | MISSED by {} | |", args.within);
            missed.push(*name);
        }
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first thing that broke under a seed, and does not without the bug.
fn caught(mutated: &Args, shipped: &Args, seed: u64) -> Option<String> {
    let said = report::outcome(report::start(mutated, seed)).err()?;
    let mut lines = said.lines().skip(1).map(str::trim);
    let first = lines.find(|line| !line.contains(IDLE) && !line.starts_with("replay:"))?;
    report::outcome(report::start(shipped, seed)).ok()?;
    Some(first.chars().take(TOLD).collect::<String>().replace('|', "/"))
}
