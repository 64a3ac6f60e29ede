//! Words for a colony on this machine, for the proof that it works, and for choosing between colonies.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;

/// `colony dev`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DevArgs {
    /// How many nodes keep the colony; any minority of them may fail
    #[arg(long, value_enum, default_value = "1", value_name = "N")]
    pub(crate) nodes: Nodes,
    /// Keep data in this directory [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen; loopback only, because the keys are public [default: 127.0.0.1 port 50081, TCP and QUIC]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Where to serve ColonyOS's clients; loopback only [default: 127.0.0.1:50080, unless --listen is given]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Do not take work on this machine: work of type cli is for programs that use ColonyOS's documented key
    #[arg(long)]
    pub(crate) no_executor: bool,
}

/// How many nodes a development colony has: numbers with a clear majority.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// One: it survives a restart
    #[value(name = "1")]
    One,
    /// Three: any one of them may fail
    #[value(name = "3")]
    Three,
    /// Five: any two of them may fail
    #[value(name = "5")]
    Five,
}

impl From<Nodes> for usize {
    fn from(nodes: Nodes) -> Self {
        match nodes {
            Nodes::One => 1,
            Nodes::Three => 3,
            Nodes::Five => 5,
        }
    }
}

/// `colony demo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// How many pieces the text is cut into
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) tasks: u16,
    /// Count the words of this file [default: the licence text]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// `colony ctx`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CtxArgs {
    /// What to do [default: ls]
    #[command(subcommand)]
    pub(crate) verb: Option<CtxVerb>,
}

/// Verbs of `colony ctx`.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum CtxVerb {
    /// List contexts
    Ls,
    /// Choose the context that commands use
    Use {
        /// Its name
        name: String,
    },
    /// Show the context that commands use
    Show,
}

/// `colony completions`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// `colony bench`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BenchArgs {
    /// Clients that submit at the same time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) submitters: u16,
    /// Executors that take and close at the same time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) executors: u16,
    /// Processes in all
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) processes: u64,
    /// Processes in one request
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) batch: u16,
}
