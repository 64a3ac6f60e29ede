//! A user's home that lasts as long as a test.
//!
//! Commands run in it see nothing of the machine's own configuration: no `COLONY_*` or `COLONIES_*` variable, no key, no context.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    binary::colony_binary,
    outcome::{DEADLINE, Outcome, Running, run},
};

/// Names what is logged.
const LOG_VARIABLE: &str = "COLONY_LOG";

/// A home directory, removed at the end.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    /// Where programs are looked for before anywhere else.
    tools: OnceLock<PathBuf>,
}

impl Home {
    /// Makes an empty one.
    ///
    /// # Panics
    /// If there is no place for temporary files.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that makes a directory would surprise")]
    pub fn new() -> Self {
        Self {
            dir: tempfile::Builder::new().prefix("colony-test-").tempdir().unwrap(),
            tools: OnceLock::new(),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Lets its programs be looked for in a directory before anywhere else. The first call counts.
    pub fn prefer(&self, directory: &Path) {
        self.tools.get_or_init(|| directory.to_owned());
    }

    /// Writes a file and tells where it is.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Any program, run as this home's user, in this directory.
    #[must_use]
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let tools = std::env::var("PATH").unwrap_or_default();
        let beside = colony_binary().parent().map(Path::display).into_iter();
        let path = beside.map(|dir| format!("{dir}:{tools}")).next().unwrap_or(tools);
        let path =
            self.tools.get().map_or_else(|| path.clone(), |first| format!("{}:{path}", first.display()));
        command.env_clear().env("HOME", self.path()).env("PATH", path).env("LANG", "C.UTF-8");
        if let Some(wanted) = std::env::var_os(LOG_VARIABLE) {
            // For finding faults in a test: what its nodes log is part of what they said.
            command.env(LOG_VARIABLE, wanted);
        }
        command.current_dir(self.path());
        command
    }

    /// `colony` with arguments.
    #[must_use]
    pub fn colony<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(colony_binary());
        command.args(args);
        command
    }

    /// Runs `colony` to its end.
    ///
    /// # Panics
    /// If it takes longer than [`DEADLINE`].
    #[must_use]
    #[track_caller]
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        run(self.colony(args), None, DEADLINE)
    }

    /// Starts `colony` and lets it run.
    #[must_use]
    pub fn start<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        Running::start(self.colony(args), None)
    }

    /// Asks again until an answer fits.
    ///
    /// # Panics
    /// If none does within `deadline`; the message shows the last answer.
    #[track_caller]
    pub fn until<T>(
        &self,
        deadline: Duration,
        args: &[&str],
        mut fits: impl FnMut(&Outcome) -> Option<T>,
    ) -> T {
        let until = std::time::Instant::now() + deadline;
        loop {
            let outcome = self.run(args);
            if let Some(found) = fits(&outcome) {
                return found;
            }
            assert!(
                std::time::Instant::now() < until,
                "no fitting answer within {deadline:?}; last:\n{outcome:#?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
