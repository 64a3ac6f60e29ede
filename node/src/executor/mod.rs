//! Executors: they pull work from a colony, do it and report what came out.
//!
//! [`OsExecutor`] runs programs of this machine; [`NoopExecutor`] succeeds at everything at once and so measures the
//! colony alone. Both are ordinary members that talk through [`Client`]; the colony knows neither.
//!
//! How the parts of an [`OsExecutor`] talk:
//!
//! * `asking` decides when to ask: all the time, or when called by announcements;
//! * `pull` asks for as much work as there are free slots and starts one `run` for each process it is given;
//! * `run` owns one attempt: its `scratch` directory, its `child` process group, its `journal` of output;
//! * `heartbeat` renews all `leases` at once and tells a `run` when its lease is lost or its process cancelled;
//! * `books` finds what the colony believes this executor runs although it does not;
//! * `reports` folds what became of the work into as few requests as possible;
//! * `slots` says how much work is taken and how much of it runs at once.
//!
//! What may never happen: a program that goes on after its lease ended, because somebody else may run the same work by
//! then. So each `run` watches its lease by this machine's own monotonic clock, needs no message to stop, and takes
//! its whole process group down whichever way it ends. Two things are out of reach of safe code: a program that
//! leaves its process group on purpose, and the children of an executor that is itself killed by signal 9.

mod asking;
mod books;
mod child;
mod config;
mod ending;
mod heartbeat;
mod journal;
mod leases;
mod lines;
mod noop;
mod output;
mod plan;
mod pull;
mod reports;
mod run;
mod scratch;
mod ship;
mod shop;
mod slots;
mod stop;
mod watch;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use futures::future;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use config::ExecutorConfig;
pub use noop::NoopExecutor;
pub use scratch::ScratchError;

use crate::{announcements::Hints, client::Client};
use shop::Shop;

/// Reports waiting to be sent. Each may hold 256 KiB of output; when this many wait, no more work is taken.
const REPORTS_WAITING: usize = 128;

/// Runs programs of this machine for a colony.
///
/// A process's `func_name` is the program, `args` its arguments: strings as they are, other JSON values as their JSON
/// text. It starts in an empty scratch directory, which is removed afterwards, with the executor's environment (less
/// the colony's secrets), the spec's `env`, and these variables:
///
/// | variable | value |
/// |---|---|
/// | `COLONY_PROCESS_ID`, `COLONY_PROCESS_NUMBER` | the process: 64 hex characters, and the number in `p7` |
/// | `COLONY_ATTEMPT` | which try this is, from 1 |
/// | `COLONY_NAME`, `COLONY_ID` | the colony |
/// | `COLONY_EXECUTOR_NAME`, `COLONY_EXECUTOR_TYPE` | who runs it |
/// | `COLONY_WORKFLOW_ID`, `COLONY_NODE_NAME` | in a workflow only: the workflow and the node's name |
/// | `COLONY_INPUT` | with input only: a file with one value per line, strings without their quotes |
/// | `COLONY_INPUT_JSON` | with input only: a file with the same values as a JSON array |
/// | `COLONY_KWARGS` | with `kwargs` only: a file with them as a JSON object |
///
/// The input of a process of a workflow is its parents' outputs. It also arrives on standard input, in the form of
/// `COLONY_INPUT`; without input, standard input is empty.
///
/// Standard output and standard error become log lines while the program runs. Standard output is also the process's
/// output: one string, less its trailing line breaks. The exit status decides whether the process succeeded.
#[derive(Debug)]
pub struct OsExecutor {
    /// What the operator chose.
    config: ExecutorConfig,
    /// How to reach the colony, as this executor.
    client: Client,
    /// Tell when to ask for work.
    hints: Option<Hints>,
}

/// Why an executor could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// There is no place for scratch directories.
    #[error(transparent)]
    Scratch(#[from] ScratchError),
}

impl OsExecutor {
    /// An executor that signs with `client`'s key.
    #[must_use]
    pub const fn new(config: ExecutorConfig, client: Client) -> Self {
        Self { config, client, hints: None }
    }

    /// The same, which asks for work when `hints` say so, and leaves no request waiting at the coordinator meanwhile.
    #[must_use]
    pub fn with_hints(self, hints: Hints) -> Self {
        Self { hints: Some(hints), ..self }
    }

    /// Pulls and runs work until `stop`, then ends as [`ExecutorConfig::grace`] says.
    ///
    /// If the future is dropped instead, every program it runs is killed at once.
    ///
    /// # Errors
    /// [`ExecutorError`] if it cannot start. A colony that cannot be reached, or refuses, is asked again and again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ExecutorError> {
        let (reports, made) = mpsc::channel(REPORTS_WAITING);
        let shop = Shop::open(self.config, self.client, self.hints, stop)?;
        // Dropping this future must end the detached runs too.
        let _abandon = shop.abandoned.clone().drop_guard();
        let told = CancellationToken::new();
        let pulling = async {
            books::return_old(&shop).await;
            pull::pull(&shop, reports).await;
        };
        let telling = async {
            reports::deliver_all(&shop, made).await;
            told.cancel();
        };
        future::join3(pulling, telling, heartbeat::beat(&shop, &told)).await;
        Ok(())
    }
}
