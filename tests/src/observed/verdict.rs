//! Whether some order of the calls explains all that was told: the checker, process by process.
//!
//! Processes do not touch each other, so a history is explained if that of each process is. An unanswered call ends never:
//! the checker may place it anywhere after its begin, also after everything else, where it changes nothing.

use std::time::Duration;

use colony_protocol::model::ProcessId;
use porcupine_rs::{CheckResult, Operation, check_operations_timeout};

use super::{
    Observed, Seen,
    act::{Act, Sight},
    clock::Moment,
    queue::{LeasedQueue, Step},
};

/// How long one process may be thought about. They have tens of calls, which take microseconds.
const THINKING: Duration = Duration::from_secs(20);

/// What the checker found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Processes looked at.
    pub processes: usize,
    /// Calls looked at, each item of a batch counted.
    pub calls: usize,
    /// Processes whose calls nothing explains; each with all its calls.
    pub illegal: Vec<String>,
    /// Processes that took too long to think about.
    pub unknown: Vec<ProcessId>,
}

impl Observed {
    /// Looks for an explanation of all that was told.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        for (id, seen) in &self.acts {
            let calls = self.with_origin(*id, seen);
            verdict.processes += 1;
            verdict.calls += calls.len();
            let operations: Vec<_> = calls.iter().map(operation).collect();
            match check_operations_timeout(&operations, THINKING) {
                CheckResult::Ok => {}
                CheckResult::Illegal => verdict.illegal.push(told(id, &calls)),
                CheckResult::Unknown => verdict.unknown.push(*id),
            }
        }
        verdict
    }

    /// The calls on a process, and the submit it stems from if that was never answered.
    fn with_origin(&self, id: ProcessId, seen: &[Seen]) -> Vec<Seen> {
        let mut calls = seen.to_vec();
        // Not finding a process that was never acknowledged is no riddle.
        let exists = calls.iter().any(|seen| seen.act != Act::Read(Sight::Absent));
        if exists && !self.submitted.contains_key(&id) {
            let origin = self.tags.get(&id).and_then(|tag| self.maybe_submitted.get(tag));
            if let Some((by, begin)) = origin {
                calls.push(Seen { by: *by, begin: *begin, end: None, act: Act::Submit });
            }
        }
        calls
    }
}

fn operation(seen: &Seen) -> Operation<LeasedQueue> {
    Operation {
        client_id: None,
        call_time: seen.begin.0,
        return_time: seen.end.unwrap_or(Moment::NEVER).0,
        op: Step { by: seen.by, act: seen.act },
        metadata: None,
    }
}

/// All calls on a process, for a person to read.
fn told(id: &ProcessId, calls: &[Seen]) -> String {
    let mut calls = calls.to_vec();
    calls.sort_by_key(|seen| seen.begin);
    let lines: Vec<String> = calls.iter().map(line).collect();
    format!("p{} ({id}): no order of these calls explains what was told:\n{}", id.number(), lines.join("\n"))
}

fn line(seen: &Seen) -> String {
    let ms = |moment: Moment| format!("{:.3}", moment.since(Moment::START).as_secs_f64() * 1e3);
    let end = seen.end.map_or_else(|| "never".to_owned(), ms);
    format!("  {:>12} .. {end:>12} ms  {}  {:?}", ms(seen.begin), &seen.by.to_hex()[..8], seen.act)
}
