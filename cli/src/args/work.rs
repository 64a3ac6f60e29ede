//! Words for work: queueing it, following it, finding out about it.

use clap::{Args, ValueEnum};
use colony_protocol::model::State;

use super::{AnyId, ProcessRef};

/// `colony exec`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ExecArgs {
    /// Which type of executor shall run it
    #[arg(long = "type", default_value = "cli", value_name = "TYPE")]
    pub(crate) executor_type: String,
    /// Stop it after this many seconds of running
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) timeout: Option<i64>,
    /// Run it again up to this often if its executor is lost or it runs out of time
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(i64).range(-1..))]
    pub(crate) retries: i64,
    /// Set an environment variable
    #[arg(long = "env", value_name = "K=V", value_parser = key_value)]
    pub(crate) env: Vec<(String, String)>,
    /// Print the id and return at once
    #[arg(long)]
    pub(crate) detach: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// Reads `K=V`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// `colony submit`.
#[derive(Args, Debug, Clone)]
pub(crate) struct SubmitArgs {
    /// A file with the specs in JSON; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Wait until all of it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

/// A state, as people write it.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateWord {
    /// In the queue
    Waiting,
    /// At an executor
    Running,
    /// Ended well
    Success,
    /// Ended badly
    Failed,
    /// Stopped by a member
    Cancelled,
}

impl From<StateWord> for State {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Waiting => Self::Waiting,
            StateWord::Running => Self::Running,
            StateWord::Success => Self::Success,
            StateWord::Failed => Self::Failed,
            StateWord::Cancelled => Self::Cancelled,
        }
    }
}

/// `colony ps`, and `ls` of workflows.
#[derive(Args, Debug, Clone)]
pub(crate) struct PsArgs {
    /// Only those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) state: Option<StateWord>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

/// `colony wait`.
#[derive(Args, Debug, Clone)]
pub(crate) struct WaitArgs {
    /// The process or workflow: p7, w3, the first characters of a process id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: AnyId,
    /// Give up after this many seconds
    #[arg(long, value_name = "S")]
    pub(crate) timeout: Option<u64>,
}

/// `colony logs`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LogsArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: ProcessRef,
    /// Go on until the process has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// `colony retry`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RetryArgs {
    /// The process or workflow: p7, w3, the first characters of a process id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: AnyId,
    /// Of a workflow, run only what did not succeed; results of the rest are used again
    #[arg(long)]
    pub(crate) failed: bool,
}
