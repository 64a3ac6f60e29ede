//! The words people type: the tree of commands, as clap reads it.
//!
//! Owns names, flags and help texts, and nothing else: what a command does stands in `commands`. Names are a promise
//! to scripts; the tests pin them.

mod automation;
mod colonyos;
mod dev;
mod ids;
mod membership;
mod nouns;
mod objects;
mod sim;
mod span;
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    automation::*, colonyos::*, dev::*, ids::*, membership::*, nouns::*, objects::*, sim::*, span::duration,
    work::*,
};
use crate::output::Format;

/// The first screen of `--help`.
const EXAMPLES: &str = "\
Examples:
  colony dev                       a whole colony on this machine
  colony exec -- uname -a          run a command in it and follow it
  colony submit spec.json --wait   queue work from a file

Exit codes:
  0 done, 1 the process failed, 2 usage, 3 unreachable, 4 denied, 5 timed out,
  130 interrupted";

/// A colony of machines that share signed work, with no server.
#[derive(Parser, Debug)]
#[command(
    name = "colony",
    version,
    before_help = EXAMPLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// Where keys, contexts and node data are kept [default: the user's data directory]
    #[arg(long, global = true, env = "COLONY_HOME", value_name = "DIR", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Which colony, key and nodes to use [default: the one `colony ctx use` chose]
    #[arg(long, global = true, env = "COLONY_CONTEXT", value_name = "NAME", hide_env_values = true)]
    pub(crate) context: Option<String>,
    /// How to print data
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// How a question is answered.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Let whichever node is reached answer from its own state, which may be behind
    #[arg(long)]
    pub(crate) stale: bool,
}

/// A question about something.
#[derive(Args, Debug, Clone)]
pub(crate) struct Read<T: Args> {
    /// About what.
    #[command(flatten)]
    pub(crate) what: T,
    /// How it is answered.
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Everything `colony` can do.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Run a development colony on this machine
    Dev(DevArgs),
    /// Show it working: a map-reduce over real text, in this process
    Demo(DemoArgs),
    /// Found a colony on this machine
    Init(InitArgs),
    /// Run this home's node
    Up(UpArgs),
    /// Print a ticket that lets somebody into the colony
    Invite(InviteArgs),
    /// Become a member of a colony and run
    Join(JoinArgs),
    /// End this home's membership of the colony
    Leave,
    /// Who belongs to the colony, and how it is reached
    Members(MembersArgs),
    /// Find out what is wrong here, or on the way to a peer, and what to do about it
    Doctor(DoctorArgs),
    /// Run a command somewhere in the colony and follow it like a local one
    Exec(ExecArgs),
    /// Queue a function spec, a list of them, or a workflow
    Submit(SubmitArgs),
    /// List processes
    Ps(Read<PsArgs>),
    /// Show one process or workflow
    Get(Read<AnyArgs>),
    /// Wait until a process or workflow has ended
    Wait(WaitArgs),
    /// Print what a process said
    Logs(Read<LogsArgs>),
    /// Stop a process or workflow
    Cancel(AnyArgs),
    /// Run a finished process or workflow again
    Retry(RetryArgs),
    /// Say why a process does not run
    Explain(Read<ProcessArgs>),
    /// Machines that take work
    #[command(subcommand)]
    Executor(ExecutorVerb),
    /// Graphs of processes
    #[command(subcommand)]
    Workflow(WorkflowVerb),
    /// Workflows that start by schedule
    #[command(subcommand)]
    Cron(CronVerb),
    /// Workflows that start when enough arguments were packed
    #[command(subcommand)]
    Generator(GeneratorVerb),
    /// How long finished work is kept
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Functions executors offer, and calls of them
    #[command(subcommand)]
    Function(FunctionVerb),
    /// Processes, in ColonyOS's words
    #[command(subcommand)]
    Process(ProcessVerb),
    /// People who may submit and look
    #[command(subcommand)]
    User(UserVerb),
    /// The keys that this home signs with
    #[command(subcommand)]
    Key(KeyVerb),
    /// What processes said
    #[command(subcommand)]
    Log(LogVerb),
    /// Files whose bytes are in a store, and their revisions
    #[command(subcommand)]
    File(FileVerb),
    /// Paths that files are in
    #[command(subcommand)]
    Label(LabelVerb),
    /// Files of a label as they were at a moment
    #[command(subcommand)]
    Snapshot(SnapshotVerb),
    /// Places that executors and blueprints are in
    #[command(subcommand)]
    Location(LocationVerb),
    /// What shall be there, and the functions that see to it
    #[command(subcommand)]
    Blueprint(BlueprintVerb),
    /// What a running process and its submitter say to each other
    #[command(subcommand)]
    Channel(ChannelVerb),
    /// Show the colony and its coordinator
    Status(Reading),
    /// Choose which colony commands talk to
    Ctx(CtxArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Put load on the colony and measure it
    Bench(BenchArgs),
    /// Try a whole network in virtual time
    #[command(subcommand)]
    Sim(SimVerb),
}

impl Verb {
    /// Whether this runs a node, an executor or many clients: it needs all cores, and says what goes wrong in it.
    pub(crate) const fn serves(&self) -> bool {
        matches!(
            self,
            Self::Dev(_)
                | Self::Demo(_)
                | Self::Init(_)
                | Self::Up(_)
                | Self::Join(_)
                | Self::Leave
                | Self::Bench(_)
                | Self::Executor(_)
        )
    }
}
