//! How a program ended, in the words a person reads.

use std::{io, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use nix::errno::Errno;

use super::stop::Stop;

/// What shells report for a program that does not exist.
const NOT_FOUND: i32 = 127;
/// What shells report for a program that cannot be run.
const NOT_RUNNABLE: i32 = 126;
/// What shells add to the number of the signal that killed a program.
const SIGNAL_BASE: i32 = 128;

/// How a program ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It never began.
    NotStarted {
        /// What was to be run.
        program: String,
        /// Why not, and what a shell would report.
        why: String,
        /// What a shell would report.
        code: i32,
    },
    /// The executor's scratch directory could not be made.
    NoScratch(String),
    /// It could not be waited for.
    Unknown,
    /// It had to end before it was done.
    Stopped(Stop),
}

impl Ending {
    /// Of a program that ran.
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Killed(signal.unwrap_or_default()),
        }
    }

    /// Of a program that could not be started.
    pub(super) fn not_started(program: &str, error: &io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE };
        Self::NotStarted { program: program.to_owned(), why: describe(error), code }
    }

    /// Whether the process succeeded.
    pub(super) const fn success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// The status a shell would report; `None` if the program is not to blame.
    pub(super) const fn code(&self) -> Option<i32> {
        match self {
            Self::Exited(code) | Self::NotStarted { code, .. } => Some(*code),
            Self::Killed(signal) => Some(SIGNAL_BASE.saturating_add(*signal)),
            Self::NoScratch(_) | Self::Unknown | Self::Stopped(_) => None,
        }
    }

    /// Why it failed; `None` if it did not.
    pub(super) fn error(&self) -> Option<String> {
        match self {
            Self::Exited(0) => None,
            Self::Exited(code) => Some(format!("exit status {code}")),
            Self::Killed(signal) => Some(format!("killed by signal {signal}")),
            Self::NotStarted { program, why, .. } => Some(format!("cannot start `{program}`: {why}")),
            Self::NoScratch(why) => Some(why.clone()),
            Self::Unknown => Some("the executor lost track of the program".to_owned()),
            Self::Stopped(stop) => Some(stop.word().to_owned()),
        }
    }
}

/// The error without Rust's `(os error 2)`.
pub(super) fn describe(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| Errno::from_raw(code).desc().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_is_named() {
        let ending = Ending::of(ExitStatus::from_raw(3 << 8));
        assert_eq!((ending.error().as_deref(), ending.code()), (Some("exit status 3"), Some(3)));
        assert!(Ending::of(ExitStatus::from_raw(0)).success());
    }

    #[test]
    fn a_signal_is_named_and_counted_as_shells_do() {
        let ending = Ending::of(ExitStatus::from_raw(9));
        assert_eq!((ending.error().as_deref(), ending.code()), (Some("killed by signal 9"), Some(137)));
    }

    #[test]
    fn a_missing_program_is_told_without_numbers_of_the_system() {
        let ending = Ending::not_started("foo", &io::Error::from_raw_os_error(2));
        assert_eq!(ending.error().as_deref(), Some("cannot start `foo`: No such file or directory"));
        assert_eq!(ending.code(), Some(127));
        let ending = Ending::not_started("/etc", &io::Error::from_raw_os_error(13));
        assert_eq!(ending.error().as_deref(), Some("cannot start `/etc`: Permission denied"));
        assert_eq!(ending.code(), Some(126));
    }
}
