//! Words for what a colony keeps beside work: files, snapshots, locations, blueprints, channels.

use clap::{Args, Subcommand};

use super::{NameArgs, ProcessArgs, ProcessRef, Read, Reading};

/// Verbs of `colony file`.
#[derive(Subcommand, Debug)]
pub(crate) enum FileVerb {
    /// List the files in a label
    Ls(Read<FileLsArgs>),
    /// Show a file, or one revision of it
    Get(Read<FileGetArgs>),
    /// Record a file whose bytes are in an S3 store already
    Add(FileAddArgs),
    /// Remove a revision, or a file with all its revisions
    #[command(visible_alias = "remove")]
    Rm(FileRefArgs),
}

/// `colony file ls`.
#[derive(Args, Debug, Clone)]
pub(crate) struct FileLsArgs {
    /// The label, a path such as /data
    #[arg(value_name = "LABEL")]
    pub(crate) label: String,
    /// At most this many
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Only names behind this one
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<String>,
}

/// Names a file.
#[derive(Args, Debug, Clone)]
pub(crate) struct FileRefArgs {
    /// The file, such as /data/in.csv, or the whole id of a revision
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
}

/// `colony file get`.
#[derive(Args, Debug, Clone)]
pub(crate) struct FileGetArgs {
    /// Which.
    #[command(flatten)]
    pub(crate) file: FileRefArgs,
    /// List all revisions, newest first
    #[arg(long)]
    pub(crate) all: bool,
}

/// `colony file add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct FileAddArgs {
    /// The file on this machine: its size and its SHA-256 are recorded
    #[arg(value_name = "PATH")]
    pub(crate) path: std::path::PathBuf,
    /// The label, a path such as /data
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: String,
    /// Its name there [default: the name it has here]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The store, host or host:port; never a key
    #[arg(long, value_name = "HOST")]
    pub(crate) server: String,
    /// The bucket in the store
    #[arg(long, value_name = "BUCKET")]
    pub(crate) bucket: String,
    /// The object in the bucket
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: String,
    /// The store speaks TLS
    #[arg(long)]
    pub(crate) tls: bool,
}

/// Verbs of `colony label`.
#[derive(Subcommand, Debug)]
pub(crate) enum LabelVerb {
    /// List labels with files in them
    Ls(Read<LabelLsArgs>),
    /// Remove all files in a label and below it
    #[command(visible_alias = "remove")]
    Rm(LabelArgs),
}

/// `colony label ls`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LabelLsArgs {
    /// Only this label and those below it
    #[arg(value_name = "LABEL", default_value = "/")]
    pub(crate) label: String,
}

/// Names one label.
#[derive(Args, Debug, Clone)]
pub(crate) struct LabelArgs {
    /// The label, a path such as /data
    #[arg(value_name = "LABEL")]
    pub(crate) label: String,
}

/// Verbs of `colony snapshot`.
#[derive(Subcommand, Debug)]
pub(crate) enum SnapshotVerb {
    /// Keep the newest revisions in a label and below it
    #[command(visible_alias = "add")]
    Create(SnapshotCreateArgs),
    /// List snapshots
    Ls(Reading),
    /// Show the files a snapshot keeps
    Get(Read<NameArgs>),
    /// Remove a snapshot
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
}

/// `colony snapshot create`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SnapshotCreateArgs {
    /// Its name, unique in the colony
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The label, a path such as /data
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: String,
}

/// Verbs of `colony location`.
#[derive(Subcommand, Debug)]
pub(crate) enum LocationVerb {
    /// Add a location
    Add(LocationAddArgs),
    /// List locations
    Ls(Reading),
    /// Show one location
    Get(Read<NameArgs>),
    /// Remove a location
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
}

/// `colony location add`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LocationAddArgs {
    /// Its name, unique in the colony
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// For people to read
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) description: String,
    /// Degrees east
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_name = "DEGREES")]
    pub(crate) long: f64,
    /// Degrees north
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_name = "DEGREES")]
    pub(crate) lat: f64,
}

/// Verbs of `colony blueprint`.
#[derive(Subcommand, Debug)]
pub(crate) enum BlueprintVerb {
    /// What kinds of blueprints there are
    #[command(subcommand)]
    Definition(DefinitionVerb),
    /// Add a blueprint from a file
    Add(BlueprintFileArgs),
    /// Replace a blueprint by what a file says
    Update(BlueprintUpdateArgs),
    /// List blueprints
    Ls(Read<BlueprintLsArgs>),
    /// Show one blueprint as JSON
    Get(Read<NameArgs>),
    /// Remove a blueprint; its handler is asked to clean up
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
    /// Ask the handler now
    Reconcile(ReconcileArgs),
    /// List what a blueprint said after each change
    History(Read<NameArgs>),
    /// Say what is there, from a file with a JSON object
    Status(BlueprintStatusArgs),
}

/// Verbs of `colony blueprint definition`.
#[derive(Subcommand, Debug)]
pub(crate) enum DefinitionVerb {
    /// Add a definition from a file
    Add(BlueprintFileArgs),
    /// List definitions
    Ls(Reading),
    /// Show one definition as JSON
    Get(Read<NameArgs>),
    /// Remove a definition that no blueprint needs
    #[command(visible_alias = "remove")]
    Rm(NameArgs),
}

/// A file with a blueprint or a definition.
#[derive(Args, Debug, Clone)]
pub(crate) struct BlueprintFileArgs {
    /// The file; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "spec")]
    file: Option<String>,
    /// The same, in ColonyOS's words
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    spec: Option<String>,
}

impl BlueprintFileArgs {
    /// The file, however it was written; clap has made sure that it was.
    pub(crate) fn file(&self) -> &str {
        self.file.as_deref().or(self.spec.as_deref()).unwrap_or_default()
    }
}

/// `colony blueprint update`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BlueprintUpdateArgs {
    /// The file.
    #[command(flatten)]
    pub(crate) file: BlueprintFileArgs,
    /// Begin a generation also if nothing differs
    #[arg(long)]
    pub(crate) force_generation: bool,
}

/// `colony blueprint ls`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BlueprintLsArgs {
    /// Only those of this kind
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
    /// Only those at this location
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) location: String,
}

/// `colony blueprint reconcile`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReconcileArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Begin a generation first, so that the handler does everything anew
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// `colony blueprint status`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BlueprintStatusArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
}

/// Verbs of `colony channel`.
#[derive(Subcommand, Debug)]
pub(crate) enum ChannelVerb {
    /// List the channels of a process
    Ls(Read<ProcessArgs>),
    /// Print what was said in a channel
    Read(Read<ChannelReadArgs>),
    /// Say something in a channel
    Append(ChannelAppendArgs),
}

/// `colony channel read`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ChannelReadArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: ProcessRef,
    /// The channel
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: String,
    /// Go on until the process has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// `colony channel append`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ChannelAppendArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: ProcessRef,
    /// The channel
    #[arg(value_name = "CHANNEL")]
    pub(crate) channel: String,
    /// What to say; - for standard input, up to 10 MiB
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Its number among what you say there
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) sequence: i64,
}
