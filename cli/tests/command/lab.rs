//! A home, a development colony in it, and the command.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Insists on an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Insists on words on stderr.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "stderr lacks {text:?}: {self:#?}");
        self
    }

    /// Insists on words on stdout.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.out.contains(text), "stdout lacks {text:?}: {self:#?}");
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A home directory.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// `colony` with arguments, seeing nothing of the machine's own configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colony"));
        command.args(args).env_clear().env("COLONY_HOME", self.path("home"));
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        done(self.command(args).spawn().unwrap())
    }

    /// Runs it with something on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Done {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        done(child)
    }

    /// Runs it with variables set.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Done {
        done(self.command(args).envs(variables.iter().copied()).spawn().unwrap())
    }
}

/// Waits for a command.
pub(crate) fn done(child: Child) -> Done {
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// A development colony, ended with the test.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) home: Home,
    pub(crate) ready: Value,
    dev: Child,
}

impl Lab {
    pub(crate) fn start() -> Self {
        Self::start_with(Home::new(), &[])
    }

    pub(crate) fn start_with(home: Home, args: &[&str]) -> Self {
        let mut all = vec!["dev", "-o", "json", "--listen", "/ip4/127.0.0.1/tcp/0"];
        all.extend(args);
        let mut dev = home.command(&all).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(dev.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { home, ready: serde_json::from_str(&line).unwrap(), dev }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.home.run(args)
    }

    /// Ends the colony as Ctrl-C does.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Home {
        signal(&self.dev, Signal::SIGINT);
        assert_eq!(self.dev.wait().unwrap().code(), Some(0));
        std::mem::replace(&mut self.home, Home::new())
    }

    /// Ends the colony as a power cut does.
    pub(crate) fn kill(mut self) -> Home {
        self.dev.kill().unwrap();
        self.dev.wait().unwrap();
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.dev.kill());
        drop(self.dev.wait());
    }
}
