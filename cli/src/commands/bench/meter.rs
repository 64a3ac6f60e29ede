//! Counts and latencies, phase by phase.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::error::Failure;

/// Latencies are kept to a thousandth.
const DIGITS: u8 = 3;

/// What a request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Queued processes.
    Submit,
    /// Took processes.
    Assign,
    /// Ended processes.
    Close,
}

/// One phase.
#[derive(Debug)]
struct Gauge {
    /// How long requests took, in microseconds.
    latency: Histogram<u64>,
    /// How many processes they were for.
    processes: u64,
    /// When the last one was done.
    last: Duration,
    /// The longest time between two that were done.
    gap: Duration,
}

/// All phases.
#[derive(Debug)]
pub(super) struct Meter {
    submit: Gauge,
    assign: Gauge,
    close: Gauge,
    queue: Gauge,
}

/// One phase, to be shown.
#[derive(Debug)]
pub(super) struct Figure {
    /// The phase.
    pub(super) name: &'static str,
    /// Processes.
    processes: u64,
    /// Processes a second.
    rate: f64,
    /// Requests.
    requests: u64,
    /// Latencies in milliseconds: median, 90 and 99 of a hundred, the longest.
    millis: [f64; 4],
    /// The longest time in milliseconds during which none was done.
    gap: f64,
}

impl Gauge {
    fn new() -> Result<Self, Failure> {
        let latency = Histogram::new(DIGITS).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { latency, processes: 0, last: Duration::ZERO, gap: Duration::ZERO })
    }

    fn add(&mut self, took: Duration, processes: u64, at: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        if !self.latency.is_empty() {
            self.gap = self.gap.max(at.saturating_sub(self.last));
        }
        // The histogram grows as needed, so recording cannot fail.
        self.latency.record(micros).ok();
        self.processes = self.processes.saturating_add(processes);
        self.last = self.last.max(at);
    }

    fn figure(&self, name: &'static str) -> Figure {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let millis = |micros: u64| micros as f64 / 1e3;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let processes = self.processes as f64;
        Figure {
            name,
            processes: self.processes,
            rate: processes / self.last.as_secs_f64().max(1e-6),
            requests: self.latency.len(),
            gap: self.gap.as_secs_f64() * 1e3,
            millis: [0.5, 0.9, 0.99, 1.0].map(|q| millis(self.latency.value_at_quantile(q))),
        }
    }
}

impl Meter {
    /// Nothing measured yet.
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self { submit: Gauge::new()?, assign: Gauge::new()?, close: Gauge::new()?, queue: Gauge::new()? })
    }

    /// One request took that long for so many processes, and was done at that time.
    pub(super) fn done(&mut self, phase: Phase, took: Duration, processes: u64, at: Duration) {
        let gauge = match phase {
            Phase::Submit => &mut self.submit,
            Phase::Assign => &mut self.assign,
            Phase::Close => &mut self.close,
        };
        gauge.add(took, processes, at);
    }

    /// One process was in the queue that long.
    pub(super) fn queued(&mut self, span: Duration) {
        self.queue.add(span, 1, self.assign.last);
    }

    /// How many processes are closed.
    pub(super) const fn closed(&self) -> u64 {
        self.close.processes
    }

    /// All phases, to be shown.
    pub(super) fn figures(&self) -> [Figure; 4] {
        [
            self.submit.figure("submit"),
            self.assign.figure("assign"),
            self.close.figure("close"),
            self.queue.figure("queue"),
        ]
    }
}

impl Figure {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let [p50, p90, p99, max] = self.millis;
        json!({
            "processes": self.processes,
            "persecond": self.rate,
            "requests": self.requests,
            "p50_ms": p50,
            "p90_ms": p90,
            "p99_ms": p99,
            "max_ms": max,
            "longest_gap_ms": self.gap,
        })
    }

    /// For people, beside the table: how long nothing was done.
    pub(super) fn gap(&self) -> String {
        format!("{} {:.0} ms", self.name, self.gap)
    }

    /// For people.
    pub(super) fn cells(&self) -> Vec<String> {
        let head = [
            self.name.to_owned(),
            self.processes.to_string(),
            format!("{:.0}", self.rate),
            self.requests.to_string(),
        ];
        head.into_iter().chain(self.millis.map(|millis| format!("{millis:.1} ms"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_count_processes_and_latencies_count_requests() {
        let mut meter = Meter::new().unwrap();
        for step in 1..=10 {
            meter.done(Phase::Close, Duration::from_millis(step), 10, Duration::from_millis(step * 100));
        }
        let [_, _, close, _] = meter.figures();
        assert_eq!((close.processes, close.requests), (100, 10));
        assert!((close.rate - 100.0).abs() < 1e-9);
        assert!((close.gap - 100.0).abs() < 1e-9);
        assert!((close.millis[0] - 5.0).abs() < 0.1 && (close.millis[3] - 10.0).abs() < 0.1);
    }
}
