//! Words for the laboratory: whole networks in virtual time.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use colony_simulations::lab::scenario::sweep;

/// Verbs of `colony sim`.
#[derive(Subcommand, Debug)]
pub(crate) enum SimVerb {
    /// Run a scenario and write a folder of results
    Run(SimRunArgs),
    /// Say whether a scenario makes sense, and how many runs it makes
    Check(SimScenario),
    /// List the scenarios that ship, and the results in a directory
    Ls(SimLsArgs),
    /// Show the summary of a folder of results
    Show(SimShowArgs),
    /// Compare two folders of results, metric by metric
    Compare(SimCompareArgs),
    /// Print a scenario that ships, to begin one's own with
    Print(SimPrintArgs),
    /// Run a scenario with whole nodes, too, and say how far apart the two are
    Validate(SimValidateArgs),
    /// Write a scenario for another simulator
    Export(SimExportArgs),
}

/// A scenario.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimScenario {
    /// A scenario's file, or the name of one that ships
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,
    /// Change a key before: network.loss=0.01, nodes.executors.count=50
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// `colony sim run`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimRunArgs {
    /// What is run.
    #[command(flatten)]
    pub(crate) scenario: SimScenario,
    /// Fix all chance with this seed
    #[arg(long, conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Run with each of these seeds, from the first up to and without the last: 1..6
    #[arg(long, value_name = "A..B", value_parser = sweep::range)]
    pub(crate) seeds: Option<(u64, u64)>,
    /// Where the results go [default: results/NAME-SEED]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// `colony sim ls`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimLsArgs {
    /// Where results are
    #[arg(value_name = "DIR", default_value = "results")]
    pub(crate) place: PathBuf,
}

/// `colony sim show`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimShowArgs {
    /// A folder of results
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

/// `colony sim compare`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimCompareArgs {
    /// A folder of results
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
}

/// `colony sim print`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimPrintArgs {
    /// Its name, as `colony sim ls` has it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `colony sim validate`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimValidateArgs {
    /// What is run.
    #[command(flatten)]
    pub(crate) scenario: SimScenario,
    /// The emulator of whole nodes: cargo build --release --manifest-path simulations/emulation/Cargo.toml
    #[arg(
        long,
        value_name = "FILE",
        default_value = "simulations/emulation/target/release/colony-emulation"
    )]
    pub(crate) emulator: PathBuf,
    /// Run both with each of these seeds, from the first up to and without the last
    #[arg(long, value_name = "A..B", value_parser = sweep::range, default_value = "1..4")]
    pub(crate) seeds: (u64, u64),
}

/// `colony sim export`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SimExportArgs {
    /// What is written.
    #[command(flatten)]
    pub(crate) scenario: SimScenario,
    /// A configuration for the Shadow simulator, in a directory that is not there yet
    #[arg(long, value_name = "DIR")]
    pub(crate) shadow: PathBuf,
    /// The program that hosts run [default: this one]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Fix all chance with this seed
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}
