//! What an operator chooses about an executor.

use std::{num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use colony_protocol::{model::Name, time::Span};

/// What the executor promises the colony: to be heard at least this often. A lost machine's work goes back to the
/// queue after as long; the protocol allows 1 s to 1 h.
const HEARTBEAT: Span = Span::from_secs(10);
/// How long one request for work waits. Shorter than the minute after which idle connections are often cut.
const WAIT: Span = Span::from_secs(20);
/// How long running programs may take to end when the executor is told to stop: about what a person waits for.
const GRACE: Duration = Duration::from_secs(10);
/// Time between asking a program to end and killing it: enough to flush a file, too short to hold up a slot.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// What an operator chooses about an executor.
#[derive(Clone, Debug)]
pub struct ExecutorConfig {
    /// The executor's name in the colony; told to programs.
    pub name: Name,
    /// Its type; told to programs. The colony goes by what was registered.
    pub executor_type: Name,
    /// The colony's name; told to programs.
    pub colony_name: Name,
    /// How many programs run at once.
    pub parallel: NonZeroUsize,
    /// Where scratch directories are made.
    pub scratch: PathBuf,
    /// The promise to be heard at least this often; leases are renewed three times as often.
    pub heartbeat: Span,
    /// How long one request for work waits for some.
    pub wait: Span,
    /// How long running programs may go on after the executor is told to stop. Then they are killed; those that may be
    /// tried again go back to the queue, the others are closed as failed.
    pub grace: Duration,
    /// Time between `SIGTERM` and `SIGKILL` for a program that must end.
    pub kill_grace: Duration,
}

impl ExecutorConfig {
    /// One program per core, scratch directories in the system's temporary directory, default times.
    #[must_use]
    pub fn new(name: Name, executor_type: Name, colony_name: Name) -> Self {
        Self {
            name,
            executor_type,
            colony_name,
            parallel: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            scratch: std::env::temp_dir(),
            heartbeat: HEARTBEAT,
            wait: WAIT,
            grace: GRACE,
            kill_grace: KILL_GRACE,
        }
    }

    /// How often leases are renewed: three times per heartbeat, so that two lost renewals cost nothing.
    #[must_use]
    pub(super) fn renewal(&self) -> Duration {
        self.heartbeat.to_std() / 3
    }
}
