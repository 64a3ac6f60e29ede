//! Words for the things a colony has: executors, workflows, users, logs.

use clap::{Args, Subcommand};
use colony_protocol::identity::Identity;

use super::{OsVerb, ProcessRef, PsArgs, Read, Reading, WorkflowRef};

/// Verbs of `colony executor`.
#[derive(Subcommand, Debug)]
pub(crate) enum ExecutorVerb {
    /// Lend this machine: run programs for the colony until Ctrl-C
    Start(ExecutorStartArgs),
    /// List executors
    Ls(Reading),
    /// Show one executor
    Get(Read<NameArgs>),
    /// Let an executor take work
    Approve(NameArgs),
    /// Refuse an executor
    Reject(NameArgs),
    /// Remove an executor; what it runs goes back to the queue
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
    /// Add an executor that is run elsewhere
    Add(ExecutorAddArgs),
    /// Executors that run programs, in ColonyOS's words
    #[command(subcommand)]
    Os(OsVerb),
}

/// `colony executor start`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ExecutorStartArgs {
    /// Its name, unique in the colony
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// The type that processes ask for
    #[arg(long = "type", value_name = "T")]
    pub(crate) executor_type: String,
    /// How many programs may run at the same time [default: the number of cores]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) parallel: Option<u16>,
    /// When it can be reached, if that is not always: a file of windows in JSON. Silence between them is no failure
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Option<std::path::PathBuf>,
}

/// `colony executor add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ExecutorAddArgs {
    /// Its name, unique in the colony
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// The type that processes ask for
    #[arg(long = "type", value_name = "T")]
    pub(crate) executor_type: String,
    /// The identity of its key [default: a new key in this home]
    #[arg(long, visible_alias = "executorid", value_name = "HEX")]
    pub(crate) id: Option<Identity>,
    /// Let it take work at once
    #[arg(long)]
    pub(crate) approve: bool,
}

/// Names one thing.
#[derive(Args, Debug, Clone)]
pub(crate) struct NameArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Verbs of `colony workflow`.
#[derive(Subcommand, Debug)]
pub(crate) enum WorkflowVerb {
    /// Queue a graph of work
    Submit(SpecArgs),
    /// List workflows
    Ls(Read<PsArgs>),
    /// Show one workflow and its processes
    Get(Read<WorkflowArgs>),
    /// Stop what is unfinished of a workflow
    Cancel(WorkflowArgs),
    /// Forget an ended workflow and its processes
    #[command(visible_alias = "remove")]
    Rm(WorkflowArgs),
    /// List running workflows
    Ps(Read<CountArgs>),
    /// List waiting workflows
    Psw(Read<CountArgs>),
    /// List successful workflows
    Pss(Read<CountArgs>),
    /// List failed workflows
    Psf(Read<CountArgs>),
    /// List cancelled workflows
    Psc(Read<CountArgs>),
}

/// Names one workflow.
#[derive(Args, Debug, Clone)]
pub(crate) struct WorkflowArgs {
    /// The workflow: w3, the first characters of its id, or last
    #[arg(value_name = "ID", required_unless_present = "workflowid")]
    id: Option<WorkflowRef>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    workflowid: Option<WorkflowRef>,
}

impl WorkflowArgs {
    /// The workflow, however it was written; clap has made sure that it was.
    pub(crate) fn workflow(self) -> Option<WorkflowRef> {
        self.id.or(self.workflowid)
    }
}

/// A file with specs.
#[derive(Args, Debug, Clone)]
pub(crate) struct SpecArgs {
    /// A file with the specs in JSON; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "spec")]
    file: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    spec: Option<String>,
    /// Wait until all of it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

impl SpecArgs {
    /// The file, however it was written; clap has made sure that it was.
    pub(crate) fn file(&self) -> &str {
        self.file.as_deref().or(self.spec.as_deref()).unwrap_or_default()
    }
}

/// How many rows to list.
#[derive(Args, Debug, Clone)]
pub(crate) struct CountArgs {
    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
}

/// Verbs of `colony user`.
#[derive(Subcommand, Debug)]
pub(crate) enum UserVerb {
    /// List users
    Ls(Reading),
    /// Add a user
    Add(UserAddArgs),
    /// Remove a user
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
}

/// `colony user add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct UserAddArgs {
    /// The name, unique in the colony
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// The identity of the user's key [default: a new key in this home]
    #[arg(long, visible_alias = "userid", value_name = "HEX")]
    pub(crate) id: Option<Identity>,
    /// For people to read
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) email: String,
    /// For people to read
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) phone: String,
}

/// Verbs of `colony key`.
#[derive(Subcommand, Debug)]
pub(crate) enum KeyVerb {
    /// Take a new key; from then on the old one counts for nothing
    Change(KeyChangeArgs),
}

/// `colony key change`.
#[derive(Args, Debug, Clone)]
pub(crate) struct KeyChangeArgs {
    /// Which key of this home, by its file's name without `.key` [default: the one that signs]
    #[arg(value_name = "NAME", conflicts_with = "owner")]
    pub(crate) name: Option<String>,
    /// The colony owner's key; the colony takes no tickets after that
    #[arg(long)]
    pub(crate) owner: bool,
    /// The identity of a new key that is elsewhere [default: a new key in the old one's place]
    #[arg(long, value_name = "HEX")]
    pub(crate) to: Option<Identity>,
}

/// Verbs of `colony log`.
#[derive(Subcommand, Debug)]
pub(crate) enum LogVerb {
    /// List a process's lines with their times and streams
    Ls(Read<LogLsArgs>),
    /// Print a process's lines as they were written
    Get(Read<LogGetArgs>),
    /// Find lines in all logs, those of the newest process first
    Search(Read<LogSearchArgs>),
    /// Add a line to the log of a process that this key's executor runs, or to the executor's own
    Add(LogAddArgs),
}

/// `colony log add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LogAddArgs {
    /// The line; more lines at once are more lines of the log
    #[arg(value_name = "TEXT", required_unless_present = "msg")]
    words: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(short, long, value_name = "TEXT", conflicts_with = "words")]
    msg: Option<String>,
    /// The process: p7, the first characters of its id, or last [default: the executor's own log]
    #[arg(short, long, value_name = "ID")]
    pub(crate) processid: Option<ProcessRef>,
}

impl LogAddArgs {
    /// The text, however it was written; clap has made sure that it was.
    pub(crate) fn text(&self) -> &str {
        self.words.as_deref().or(self.msg.as_deref()).unwrap_or_default()
    }
}

/// `colony log search`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LogSearchArgs {
    /// What the line contains; case counts
    #[arg(value_name = "TEXT", required_unless_present = "text")]
    words: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(short, long, value_name = "TEXT", conflicts_with = "words")]
    text: Option<String>,
    /// Only lines of the last so many days
    #[arg(short, long, value_name = "N")]
    pub(crate) days: Option<u32>,
    /// Only lines this executor wrote
    #[arg(short, long, value_name = "NAME")]
    pub(crate) executorname: Option<String>,
    /// At most this many
    #[arg(long, visible_alias = "limit", default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
}

impl LogSearchArgs {
    /// The text, however it was written; clap has made sure that it was.
    pub(crate) fn text(&self) -> &str {
        self.words.as_deref().or(self.text.as_deref()).unwrap_or_default()
    }
}

/// `colony log ls`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LogLsArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: ProcessRef,
    /// At most this many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

/// `colony log get`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LogGetArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(short, long, value_name = "ID")]
    pub(crate) processid: ProcessRef,
    /// Go on until the process has ended
    #[arg(long)]
    pub(crate) follow: bool,
}
