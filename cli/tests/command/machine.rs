//! A machine: a home with a node that was founded or has joined, and the process that runs it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::lab::{Done, Home, signal};

/// Any port of this machine.
pub(crate) const ANYWHERE: [&str; 2] = ["--listen", "/ip4/127.0.0.1/tcp/0"];
/// How long a colony may take to do what it will do: elections and catching up, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home whose node runs.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) home: Home,
    pub(crate) ready: Value,
    process: Child,
}

impl Machine {
    /// Founds `lab` with this machine as `alpha`, and runs it.
    pub(crate) fn founder(more: &[&str]) -> Self {
        let home = Home::new();
        let init = ["init", "--name", "lab", "--node-name", "alpha"];
        home.run(&[&init[..], &ANYWHERE].concat()).exits(0);
        Self::up(home, more)
    }

    /// Runs a home's node.
    pub(crate) fn up(home: Home, more: &[&str]) -> Self {
        Self::started(home, &[&["up"], more].concat())
    }

    /// Joins with a ticket of `inviter` and runs.
    pub(crate) fn joined(inviter: &Self, name: &str, more: &[&str]) -> Self {
        let ticket = inviter.ticket(&[]);
        Self::started(Home::new(), &[&["join", &ticket, "--name", name], &ANYWHERE[..], more].concat())
    }

    /// Joins with a ticket, under a name, and runs.
    pub(crate) fn joined_with_name(ticket: &str, name: &str) -> Self {
        Self::started(Home::new(), &[&["join", ticket, "--name", name], &ANYWHERE[..]].concat())
    }

    /// Joins again with a home that was a member before.
    pub(crate) fn joined_with(home: Home, ticket: &str) -> Self {
        Self::started(home, &["join", ticket])
    }

    #[track_caller]
    fn started(home: Home, args: &[&str]) -> Self {
        let all = [args, &["-o", "json"]].concat();
        let mut process = home.command(&all).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{args:?}: {error}: {line:?}"));
        Self { home, ready, process }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.home.run(args)
    }

    /// A ticket for another machine.
    #[track_caller]
    pub(crate) fn ticket(&self, more: &[&str]) -> String {
        self.run(&[&["invite"], more].concat()).exits(0).out.trim().to_owned()
    }

    /// The status as this home sees it, once it is as wanted.
    #[track_caller]
    pub(crate) fn until_status(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let done = self.run(&["status", "-o", "json"]);
            let status = serde_json::from_str(&done.out).unwrap_or(Value::Null);
            if fits(&status) {
                return status;
            }
            assert!(Instant::now() < until, "the status never came to fit: {done:#?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Home {
        signal(&self.process, Signal::SIGINT);
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        self.home()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) -> Home {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.home()
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (Option<i32>, Home) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status.code(), self.home());
            }
            assert!(Instant::now() < until, "the node still runs");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn home(&mut self) -> Home {
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
