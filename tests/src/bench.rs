//! `colony bench`, run as a person runs it: the load that is counted by whoever makes it.

use std::time::Duration;

use serde_json::Value;

use crate::{cluster::Member, outcome::Running};

/// How long a run may take for each thousand processes, on a busy machine and with a debug build.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run under way.
#[derive(Debug)]
pub struct Bench {
    running: Running,
    processes: u64,
}

/// What a run said about itself.
#[derive(Debug, Clone)]
pub struct Report {
    /// The executor type of all its processes.
    pub executor_type: String,
    /// How many it queued and saw ended.
    pub processes: u64,
    /// The longest time without an answer to a submit.
    pub submit_gap: Duration,
    /// The longest time without an answer to a close.
    pub close_gap: Duration,
    /// How long it ran.
    pub took: Duration,
}

impl Bench {
    /// Starts one with the keys of a member's home: so many submitters, as many executors, one process in each request.
    #[must_use]
    pub fn start(member: &Member, processes: u64, clients: u64) -> Self {
        let (processes_word, clients) = (processes.to_string(), clients.to_string());
        let args = ["bench", "-o", "json", "--processes", &processes_word];
        let load = ["--submitters", &clients, "--executors", &clients];
        let running = Running::start(member.colony(&[&args[..], &load[..]].concat()), None);
        Self { running, processes }
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        self.running.is_running()
    }

    /// Waits for its end, and insists that it did what it was told and had nothing to complain about.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    #[track_caller]
    pub fn finish(self) -> Report {
        let thousands = u32::try_from(self.processes / 1_000).unwrap_or(u32::MAX).saturating_add(1);
        let outcome = self.running.finish(PATIENCE.saturating_mul(thousands)).ok();
        assert!(!outcome.stderr.contains("cannot"), "it complained:\n{outcome:#?}");
        let said = outcome.json();
        for phase in ["submit", "assign", "close"] {
            assert_eq!(said[phase]["processes"], self.processes, "{phase}: {said:#}");
        }
        Report {
            executor_type: said["executortype"].as_str().unwrap_or_default().to_owned(),
            processes: self.processes,
            submit_gap: gap(&said["submit"]),
            close_gap: gap(&said["close"]),
            took: outcome.took,
        }
    }
}

fn gap(phase: &Value) -> Duration {
    Duration::from_secs_f64(phase["longest_gap_ms"].as_f64().unwrap_or_default() / 1e3)
}
