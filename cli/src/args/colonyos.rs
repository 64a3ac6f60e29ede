//! ColonyOS's spellings, for hands and scripts that know them.

use clap::{Args, Subcommand};

use super::{CountArgs, ProcessRef, Read, Reading, SpecArgs, key_value};

/// Verbs of `colony function`.
#[derive(Subcommand, Debug)]
pub(crate) enum FunctionVerb {
    /// List the functions executors offer, and how their runs went
    Ls(Reading),
    /// Queue a function spec from a file
    Submit(SpecArgs),
    /// Queue one call of a function
    Exec(FunctionExecArgs),
}

/// `colony function exec`.
#[derive(Args, Debug, Clone)]
pub(crate) struct FunctionExecArgs {
    /// The function; for an OS executor, the program
    #[arg(long, value_name = "F")]
    pub(crate) func: String,
    /// Arguments, separated by commas
    #[arg(long, value_name = "A", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
    /// Environment variables, separated by commas
    #[arg(long, value_name = "K=V", value_delimiter = ',', value_parser = key_value)]
    pub(crate) env: Vec<(String, String)>,
    /// Which type of executor shall run it
    #[arg(long, value_name = "T")]
    pub(crate) targettype: String,
    /// Seconds in the queue before it fails; -1 means no limit
    #[arg(long, default_value_t = -1, value_name = "S", allow_negative_numbers = true)]
    pub(crate) maxwaittime: i64,
    /// Seconds at an executor before it goes back to the queue; -1 means no limit
    #[arg(long, default_value_t = -1, value_name = "S", allow_negative_numbers = true)]
    pub(crate) maxexectime: i64,
    /// How often it may go back to the queue; -1 means any number of times
    #[arg(long, default_value_t = -1, value_name = "N", allow_negative_numbers = true)]
    pub(crate) maxretries: i64,
    /// Free text to find it by
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    /// Wait until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Verbs of `colony process`.
#[derive(Subcommand, Debug)]
pub(crate) enum ProcessVerb {
    /// List running processes
    Ps(Read<CountArgs>),
    /// List waiting processes
    Psw(Read<CountArgs>),
    /// List successful processes
    Pss(Read<CountArgs>),
    /// List failed processes
    Psf(Read<CountArgs>),
    /// List cancelled processes
    Psc(Read<CountArgs>),
    /// Show one process
    Get(Read<ProcessIdArgs>),
    /// Stop a process
    Cancel(ProcessIdArgs),
    /// Give out no more work in this colony until `resume`
    Pause,
    /// Give out work again
    Resume,
}

/// Names one process.
#[derive(Args, Debug, Clone)]
pub(crate) struct ProcessIdArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(short, long, value_name = "ID")]
    pub(crate) processid: ProcessRef,
}

/// Verbs of `colony executor os`.
#[derive(Subcommand, Debug)]
pub(crate) enum OsVerb {
    /// Lend this machine: run programs for the colony until Ctrl-C
    Start(OsStartArgs),
}

/// `colony executor os start`.
#[derive(Args, Debug, Clone)]
pub(crate) struct OsStartArgs {
    /// Its name, unique in the colony
    #[arg(long, value_name = "N")]
    pub(crate) executorname: String,
    /// The type that processes ask for
    #[arg(long, value_name = "T")]
    pub(crate) executortype: String,
}
