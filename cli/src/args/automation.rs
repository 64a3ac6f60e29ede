//! Words for what happens by itself: crons, generators, and what is forgotten.

use clap::{Args, Subcommand};
use colony_protocol::{time::Span, units::parse_duration};

use super::{Read, Reading};

/// Verbs of `colony cron`.
#[derive(Subcommand, Debug)]
pub(crate) enum CronVerb {
    /// Start a workflow again and again, by schedule
    Add(CronAddArgs),
    /// List crons
    Ls(Read<AutomationLsArgs>),
    /// Show one cron and its next five runs
    Get(Read<CronArgs>),
    /// Start a cron's workflow now; its schedule stays
    Run(CronArgs),
    /// Remove a cron; what it started goes on
    #[command(visible_alias = "remove")]
    Rm(CronArgs),
}

/// `colony cron add`.
#[derive(Args, Debug, Clone)]
#[command(group(clap::ArgGroup::new("schedule").required(true).args(["cron", "every"])))]
pub(crate) struct CronAddArgs {
    /// What it starts.
    #[command(flatten)]
    pub(crate) file: SpecFile,
    /// Its name, unique among the colony's crons
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// Six fields (second minute hour day-of-month month day-of-week), @hourly, @daily, @every 5m …; in UTC unless
    /// TZ=Area/City stands in front
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
    /// The same span again and again: 90s, 5m, 1h; a plain number is seconds
    #[arg(long, visible_alias = "interval", value_name = "SPAN", value_parser = span)]
    pub(crate) every: Option<Span>,
    /// Run at a random moment of each span
    #[arg(long, requires = "every")]
    pub(crate) random: bool,
    /// Run only when the workflow of the run before has ended
    #[arg(long, visible_alias = "waitprevious")]
    pub(crate) wait_previous: bool,
}

/// A file with what is started.
#[derive(Args, Debug, Clone)]
pub(crate) struct SpecFile {
    /// A file with a workflow or a function spec in JSON; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "spec")]
    file: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    spec: Option<String>,
}

impl SpecFile {
    /// The file, however it was written; clap has made sure that it was.
    pub(crate) fn file(&self) -> &str {
        self.file.as_deref().or(self.spec.as_deref()).unwrap_or_default()
    }
}

/// How many crons or generators to list.
#[derive(Args, Debug, Clone)]
pub(crate) struct AutomationLsArgs {
    /// At most this many
    #[arg(long, visible_alias = "limit", default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
}

/// Names one cron.
#[derive(Args, Debug, Clone)]
pub(crate) struct CronArgs {
    /// The cron: its name, c7, or the first characters of its id
    #[arg(value_name = "CRON", required_unless_present = "cronid")]
    cron: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "ID", conflicts_with = "cron")]
    cronid: Option<String>,
}

impl CronArgs {
    /// The cron, however it was written; clap has made sure that it was.
    pub(crate) fn named(&self) -> &str {
        self.cron.as_deref().or(self.cronid.as_deref()).unwrap_or_default()
    }
}

/// Verbs of `colony generator`.
#[derive(Subcommand, Debug)]
pub(crate) enum GeneratorVerb {
    /// Start a workflow whenever enough arguments were packed
    Add(GeneratorAddArgs),
    /// List generators
    Ls(Read<AutomationLsArgs>),
    /// Show one generator
    Get(Read<GeneratorArgs>),
    /// Add arguments; as soon as there are enough, they start a workflow
    Pack(PackArgs),
    /// Remove a generator and the arguments that wait in it
    #[command(visible_alias = "remove")]
    Rm(GeneratorArgs),
}

/// `colony generator add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct GeneratorAddArgs {
    /// What it starts.
    #[command(flatten)]
    pub(crate) file: SpecFile,
    /// Its name, unique among the colony's generators
    #[arg(long, value_name = "N")]
    pub(crate) name: String,
    /// How many arguments start a workflow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) trigger: u64,
    /// How long the oldest argument waits before it is taken with whatever is there: 30s, 5m; a plain number is seconds
    #[arg(long, value_name = "SPAN", value_parser = timeout, allow_negative_numbers = true)]
    pub(crate) timeout: Option<Timeout>,
}

/// A timeout; ColonyOS writes -1 for none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeout(pub(crate) Option<Span>);

/// Names one generator.
#[derive(Args, Debug, Clone)]
pub(crate) struct GeneratorArgs {
    /// The generator: its name, g7, or the first characters of its id
    #[arg(value_name = "GENERATOR", required_unless_present = "generatorid")]
    generator: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "ID", conflicts_with = "generator")]
    generatorid: Option<String>,
}

impl GeneratorArgs {
    /// The generator, however it was written; clap has made sure that it was.
    pub(crate) fn named(&self) -> &str {
        self.generator.as_deref().or(self.generatorid.as_deref()).unwrap_or_default()
    }
}

/// `colony generator pack`.
#[derive(Args, Debug, Clone)]
pub(crate) struct PackArgs {
    /// The generator: its name, g7, or the first characters of its id; in ColonyOS's words with --generatorid
    #[arg(value_name = "GENERATOR", required_unless_present = "generatorid")]
    generator: Option<String>,
    /// The arguments, in order
    #[arg(value_name = "ARG", required_unless_present = "arg", allow_hyphen_values = true)]
    args: Vec<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "ID", requires = "arg", conflicts_with = "generator")]
    generatorid: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, conflicts_with = "args")]
    arg: Option<String>,
}

impl PackArgs {
    /// The generator, however it was written; clap has made sure that it was.
    pub(crate) fn named(&self) -> &str {
        self.generator.as_deref().or(self.generatorid.as_deref()).unwrap_or_default()
    }

    /// The arguments, however they were written.
    pub(crate) fn args(&self) -> impl Iterator<Item = &str> {
        self.args.iter().chain(&self.arg).map(String::as_str)
    }
}

/// Verbs of `colony policy`.
#[derive(Subcommand, Debug)]
pub(crate) enum PolicyVerb {
    /// Show how long finished work is kept
    Get(Reading),
    /// Say how long finished work is kept; what is not named is kept for ever
    Set(PolicyArgs),
}

/// `colony policy set`.
#[derive(Args, Debug, Clone)]
pub(crate) struct PolicyArgs {
    /// Keep successful processes and workflows, and their logs, this long: 30d, 12h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) success: Option<Span>,
    /// Keep failed ones this long
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) failed: Option<Span>,
    /// Keep cancelled ones this long
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) cancelled: Option<Span>,
    /// Keep logs of finished processes this long
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) logs: Option<Span>,
}

/// A span of time; a plain number is seconds, as in ColonyOS.
fn span(text: &str) -> Result<Span, String> {
    parse_duration(text, "").map_err(|error| error.why())
}

fn timeout(text: &str) -> Result<Timeout, String> {
    if text == "-1" { Ok(Timeout(None)) } else { span(text).map(|span| Timeout(Some(span))) }
}
