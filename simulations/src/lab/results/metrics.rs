//! What a run is summed up in: one table of names, units and definitions, from which `simulations/METRICS.md` is made, and
//! the numbers.

use std::collections::BTreeMap;

use crate::lab::{
    engine::{Outcome, histogram::Histogram, node::PROTOCOLS},
    scenario::Class,
};

/// A metric: its name, its unit, what it is.
pub type Metric = (&'static str, &'static str, &'static str);

/// All metrics, in the order in which they are shown.
pub const METRICS: &[Metric] = &[
    ("processes", "processes", "Processes that entered a colony's log."),
    ("succeeded", "processes", "Processes that ended well."),
    ("failed", "processes", "Processes that ended badly, by their own fault or by a limit."),
    ("unfinished", "processes", "Processes that had not ended when the run was stopped."),
    ("lost", "processes", "Acknowledged processes that are neither ended nor in the colony. Must be 0."),
    ("doubled", "processes", "Processes with more than one applied result. Must be 0."),
    ("unacknowledged_commits", "entries", "Entries answered on fewer disks than a quorum. Must be 0."),
    ("re_executions", "grants", "Grants beyond the first of each process."),
    ("leases_lost", "leases", "Leases that ended under their holder, by silence or by a limit."),
    (
        "leases_lost_to_silence",
        "leases",
        "Of these: the holder was silent as it had declared, and had missed no window.",
    ),
    ("results_refused", "results", "Results that came from a holder whose lease was over."),
    ("given_up", "requests", "Requests that expired without an answer."),
    ("resent", "requests", "Requests sent more than once."),
    ("refused_clock", "requests", "Requests refused because two clocks disagree too much."),
    (
        "submit_to_assigned_p50",
        "ms",
        "From a submission's first sending until its process is at an executor: median,",
    ),
    ("submit_to_assigned_p95", "ms", "95th percentile,"),
    ("submit_to_assigned_p99", "ms", "99th percentile."),
    ("acknowledgement_p50", "ms", "From a submission's first sending to its acknowledgement: median,"),
    ("acknowledgement_p99", "ms", "99th percentile."),
    ("wait_p50", "ms", "Time in the queue by the colony's own clock, for each grant: median,"),
    ("wait_p99", "ms", "99th percentile."),
    ("turnaround_p50", "ms", "From a submission's first sending to the end of its process: median,"),
    ("turnaround_p99", "ms", "99th percentile."),
    ("in_colony_p50", "ms", "From a process' submission to its end, by the colony's own clock: median,"),
    ("in_colony_p99", "ms", "99th percentile."),
    ("makespan", "s", "From the start to the end of the last process."),
    (
        "fairness",
        "1",
        "Jain's index of grants over executors that were ever up: 1 is all alike, 1/n is one for all.",
    ),
    ("asks", "requests", "Requests for work that reached a coordinator."),
    (
        "herd_factor",
        "1",
        "Requests for work made because of announcements, for each process announced. About 1 is ideal.",
    ),
    (
        "ask_p99",
        "ms",
        "From a request for work to its answer, where it did not wait for work: 99th percentile.",
    ),
    ("announcements", "words", "Announcements made."),
    ("delivery_ratio", "1", "Of the listeners up and linked at each announcement, those it reached."),
    ("propagation_p50", "ms", "From an announcement to each who hears it: median,"),
    ("propagation_p95", "ms", "95th percentile,"),
    ("propagation_p99", "ms", "99th percentile."),
    ("hops_mean", "hops", "Hops of an announcement to each who hears it."),
    ("duplicates", "receptions", "Receptions of an announcement by who has it already, for each first one."),
    ("elections", "elections", "Elections won."),
    ("election_p50", "ms", "From the loss of a coordinator to the next one elected: median,"),
    ("election_max", "ms", "the longest."),
    ("unavailability", "s", "Time in which a colony could commit nothing, in all."),
    ("unavailability_max", "s", "The longest such time."),
    ("lookups", "lookups", "Lookups in the table of peers."),
    ("lookup_success", "1", "Those that found an honest holder of the record."),
    ("lookup_p50", "ms", "How long they took: median,"),
    ("lookup_p99", "ms", "99th percentile."),
    ("lookup_hops_mean", "hops", "Rounds of questions they took."),
    ("direct", "1", "Messages that went directly,"),
    ("punched", "1", "through a hole in two NATs,"),
    ("relayed", "1", "by way of a relay."),
    ("bytes_per_executor", "kB", "Sent by an executor, on average, in the whole run."),
    ("bytes_per_voter", "kB", "Sent by a voter, on average."),
    ("bytes_per_relay", "kB", "Sent by a relay, on average."),
    ("entries", "entries", "Log entries."),
    ("requests_per_entry", "requests", "Requests in an entry, on average."),
    ("messages", "messages", "Messages carried between nodes."),
    ("events", "events", "Events simulated."),
    ("virtual_time", "s", "Virtual time of the run."),
];

/// The numbers of a run, by name.
#[must_use]
pub fn of(outcome: &Outcome) -> BTreeMap<&'static str, f64> {
    let m = &outcome.measure;
    let lives = || outcome.lives.iter().flatten();
    let count =
        |is: fn(&crate::lab::engine::measure::Life) -> bool| lives().filter(|life| is(life)).count() as f64;
    let millis = |micros: u64| micros as f64 / 1e3;
    let seconds = |micros: u64| micros as f64 / 1e6;
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let quantiles = |histogram: &Histogram, per_mille| millis(histogram.quantile(per_mille));
    let messages: u64 = m.paths.iter().sum();
    use colony_protocol::model::State;
    let mut all = BTreeMap::from([
        ("processes", lives().count() as f64),
        ("succeeded", count(|life| life.ended > 0 && life.state == State::Success)),
        ("failed", count(|life| life.ended > 0 && life.state == State::Failed)),
        ("unfinished", outcome.unfinished as f64),
        ("lost", outcome.lost as f64),
        ("doubled", outcome.doubled as f64),
        ("unacknowledged_commits", m.acknowledged_without_quorum as f64),
        ("re_executions", lives().map(|life| u64::from(life.grants.saturating_sub(1))).sum::<u64>() as f64),
        ("leases_lost", m.leases_lost as f64),
        ("leases_lost_to_silence", m.leases_lost_to_silence as f64),
        ("results_refused", m.results_refused as f64),
        ("given_up", m.given_up as f64),
        ("resent", m.resent as f64),
        ("refused_clock", m.refused_clock as f64),
        ("submit_to_assigned_p50", quantiles(&m.submit_to_assigned, 500)),
        ("submit_to_assigned_p95", quantiles(&m.submit_to_assigned, 950)),
        ("submit_to_assigned_p99", quantiles(&m.submit_to_assigned, 990)),
        ("acknowledgement_p50", quantiles(&m.acknowledgement, 500)),
        ("acknowledgement_p99", quantiles(&m.acknowledgement, 990)),
        ("wait_p50", quantiles(&m.wait, 500)),
        ("wait_p99", quantiles(&m.wait, 990)),
        ("turnaround_p50", quantiles(&m.turnaround, 500)),
        ("turnaround_p99", quantiles(&m.turnaround, 990)),
        ("in_colony_p50", quantiles(&m.in_colony, 500)),
        ("in_colony_p99", quantiles(&m.in_colony, 990)),
        ("makespan", seconds(m.last_end)),
        ("fairness", fairness(outcome)),
        ("asks", m.asks as f64),
        ("herd_factor", ratio(m.asks_called, m.announced)),
        ("ask_p99", quantiles(&m.ask_latency, 990)),
        ("announcements", m.announcements as f64),
        ("delivery_ratio", ratio(m.hearings, m.hearings_due)),
        ("propagation_p50", quantiles(&m.propagation, 500)),
        ("propagation_p95", quantiles(&m.propagation, 950)),
        ("propagation_p99", quantiles(&m.propagation, 990)),
        ("hops_mean", m.hops.mean()),
        ("duplicates", ratio(m.duplicates, m.hearings)),
        ("elections", m.elections.count() as f64),
        ("election_p50", quantiles(&m.elections, 500)),
        ("election_max", millis(m.elections.max())),
        // A sum of nothing is minus zero, which looks odd.
        ("unavailability", m.windows.iter().map(|(_, from, to)| seconds(to - from)).sum::<f64>() + 0.0),
        ("unavailability_max", seconds(m.unavailability.max())),
        ("lookups", m.lookups as f64),
        ("lookup_success", ratio(m.lookups_found, m.lookups)),
        ("lookup_p50", quantiles(&m.lookup_time, 500)),
        ("lookup_p99", quantiles(&m.lookup_time, 990)),
        ("lookup_hops_mean", m.lookup_hops.mean()),
        ("entries", m.entries as f64),
        ("requests_per_entry", ratio(m.entry_requests, m.entries)),
        ("messages", m.messages as f64),
        ("events", m.events as f64),
        ("virtual_time", seconds(outcome.ended)),
    ]);
    for (name, count) in ["direct", "punched", "relayed"].into_iter().zip(m.paths) {
        all.insert(name, ratio(count, messages));
    }
    for (name, class) in [
        ("bytes_per_executor", Class::Executor),
        ("bytes_per_voter", Class::Voter),
        ("bytes_per_relay", Class::Relay),
    ] {
        all.insert(name, bytes(outcome, class).iter().sum::<f64>());
    }
    all
}

/// Kilobytes sent by a node of a class on average, by protocol.
#[must_use]
pub fn bytes(outcome: &Outcome, class: Class) -> Vec<f64> {
    let nodes: Vec<_> = outcome.nodes.iter().filter(|node| node.class == class).collect();
    let sum = |place: usize| nodes.iter().filter_map(|node| node.sent.get(place)).sum::<u64>();
    (0..PROTOCOLS.len()).map(|place| sum(place) as f64 / 1e3 / nodes.len().max(1) as f64).collect()
}

fn fairness(outcome: &Outcome) -> f64 {
    let grants = &outcome.measure.granted_by;
    let executors = outcome.nodes.iter().filter(|node| node.class == Class::Executor).count() as f64;
    let sum: f64 = grants.values().map(|count| *count as f64).sum();
    let squares: f64 = grants.values().map(|count| (*count as f64) * (*count as f64)).sum();
    if squares > 0.0 { sum * sum / (executors * squares) } else { 0.0 }
}

/// The mean of some runs, and half the width of its 95 % confidence interval; no interval of one run.
#[must_use]
pub fn mean(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    if values.len() < 2 {
        return (mean, None);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    let student = STUDENT.get(values.len() - 2).copied().unwrap_or(1.96);
    (mean, Some(student * (variance / count).sqrt()))
}

/// Student's t for 95 %, by degrees of freedom from 1.
const STUDENT: [f64; 29] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
];

/// The page about metrics.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nEvery run's `summary.json` has these. Several seeds give their mean and the half-width of its 95 % \
         confidence\ninterval (Student's t). Times are virtual.\n\n| metric | unit | definition |\n|---|---|---|\n",
    );
    for (name, unit, definition) in METRICS {
        page.push_str(&format!("| `{name}` | {unit} | {definition} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_that_of_few_runs() {
        assert_eq!(mean(&[3.0]), (3.0, None));
        let (mean, half) = mean(&[1.0, 2.0, 3.0]);
        assert_eq!(mean, 2.0);
        assert!((half.unwrap() - 2.484).abs() < 0.001);
    }

    #[test]
    fn the_page_about_metrics_is_the_one_in_the_folder() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
        if std::env::var_os("COLONY_WRITE_PAGES").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), page(), "write it anew with COLONY_WRITE_PAGES=1");
    }
}
