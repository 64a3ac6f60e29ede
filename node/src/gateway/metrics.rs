//! How the node is doing, for Prometheus.
//!
//! The ten gauges of ColonyOS's monitor by their own names, here for all colonies of the node together and with no other
//! process to run, and ours, which tell colonies apart.

use std::fmt::Write as _;

use colony_protocol::{model::State, reply::Statistics, time::Timestamp};

use super::{Shared, meter::Tally};
use crate::{
    histogram::{BUCKETS, Histogram},
    service::Colony,
};

/// States as the gauges name them, with their numbers.
const STATES: [(&str, State); 5] = [
    ("waiting", State::Waiting),
    ("running", State::Running),
    ("successful", State::Success),
    ("failed", State::Failed),
    ("cancelled", State::Cancelled),
];

/// The text.
pub(super) fn tell(shared: &Shared) -> String {
    let mut page = Page::default();
    let served = shared.behind.service.served();
    let mut all = Statistics::default();
    for colony in &served {
        let (Ok(status), Ok(name)) = (colony.desk.status(), colony.desk.name()) else { continue };
        let label = format!("{{colony=\"{}\"}}", escape(&name));
        let numbers = status.statistics;
        all.executors = all.executors.saturating_add(numbers.executors);
        for (sum, own) in all.processes.iter_mut().zip(numbers.processes) {
            *sum = sum.saturating_add(own);
        }
        for (sum, own) in all.workflows.iter_mut().zip(numbers.workflows) {
            *sum = sum.saturating_add(own);
        }
        for (word, state) in STATES {
            let label = format!("{{colony=\"{}\",state=\"{word}\"}}", escape(&name));
            page.gauge("colony_processes", "Processes by state", &label, numbers.processes_in(state));
            page.gauge("colony_workflows", "Workflows by state", &label, numbers.workflows_in(state));
        }
        page.gauge("colony_executors", "Executors ever registered", &label, numbers.executors);
        page.gauge(
            "colony_executors_active",
            "Executors that may take work",
            &label,
            numbers.active_executors,
        );
        page.gauge("colony_raft_term", "The election's number", &label, status.term);
        page.gauge("colony_raft_applied", "The last applied entry of the log", &label, status.applied);
        page.gauge("colony_raft_voters", "Members that vote", &label, status.voters.len() as u64);
        let leads = status.coordinator == Some(status.node);
        page.gauge("colony_coordinates", "Whether this node coordinates", &label, u64::from(leads));
        let led = status.coordinator.is_some();
        page.gauge("colony_has_coordinator", "Whether anybody does", &label, u64::from(led));
        work(&mut page, colony, &escape(&name), shared.behind.runtime.now());
        page.counter("colony_elections_total", "Elections since the colony was made", &label, status.term);
        page.gauge("colony_paused", "Whether assignment is paused", &label, u64::from(status.paused));
    }
    page.server("colonies", served.len() as u64);
    page.server("executors", all.executors);
    for (word, state) in &STATES[..4] {
        page.server(&format!("processes_{word}"), all.processes_in(*state));
        page.server(&format!("workflows_{word}"), all.workflows_in(*state));
    }
    let commits = "Transactions that are on this node's disk, since it started";
    page.counter("colony_store_commits_total", commits, "", shared.behind.book.commits());
    let reads = "Transactions that read from it, since it started";
    page.counter("colony_store_reads_total", reads, "", shared.behind.book.reads());
    let vitals = shared.behind.pulse.take();
    page.gauge("colony_peers", "Connected peers", "", vitals.peers.len() as u64);
    for peer in &vitals.peers {
        let label = format!("{{peer=\"{}\",path=\"{}\"}}", peer.id, peer.path.word());
        page.gauge("colony_peer_path", "How a peer is reached", &label, 1);
    }
    for (class, tally) in shared.meter.read() {
        page.tally(class, &tally);
    }
    page.0
}

/// How work flows through a colony.
fn work(page: &mut Page, colony: &Colony, name: &str, now: Timestamp) {
    let Ok(load) = colony.desk.load() else { return };
    let label = format!("{{colony=\"{name}\"}}");
    page.gauge("colony_queue_depth", "Processes that could be taken now", &label, load.ready);
    let age = load.oldest.map_or(0.0, |since| now.since(since).as_secs_f64());
    page.seconds("colony_queue_age_seconds", "How long the oldest of them has waited", &label, age);
    page.gauge("colony_leases", "Processes that executors hold", &label, load.leases);
    page.histogram(
        "colony_assign_wait_seconds",
        "From submission to assignment, of work that waited for no parents; counted where it is coordinated",
        &format!("colony=\"{name}\""),
        &colony.waits.read(),
    );
}

/// Text in Prometheus's form.
#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, label: &str, value: u64) {
        self.head(name, help, "gauge");
        // Text takes what is written to it.
        writeln!(self.0, "{name}{label} {value}").ok();
    }

    fn server(&mut self, name: &str, value: u64) {
        self.gauge(&format!("colonies_server_{name}"), "As ColonyOS's monitor has it", "", value);
    }

    fn tally(&mut self, class: &str, tally: &Tally) {
        let help = "How long answers took, by class of message";
        self.histogram("colony_gateway_seconds", help, &format!("class=\"{class}\""), &tally.times);
        self.head("colony_gateway_faults_total", "Messages that were refused", "counter");
        writeln!(self.0, "colony_gateway_faults_total{{class=\"{class}\"}} {}", tally.faults).ok();
    }

    fn histogram(&mut self, name: &str, help: &str, label: &str, times: &Histogram) {
        self.head(name, help, "histogram");
        let mut below = 0_u64;
        for (end, count) in BUCKETS.iter().zip(times.buckets) {
            below = below.saturating_add(count);
            #[expect(clippy::cast_precision_loss, reason = "the ends of the buckets are small")]
            let end = *end as f64 / 1e6;
            writeln!(self.0, "{name}_bucket{{{label},le=\"{end}\"}} {below}").ok();
        }
        let (count, sum) = (times.count(), times.sum.as_secs_f64());
        writeln!(self.0, "{name}_bucket{{{label},le=\"+Inf\"}} {count}").ok();
        writeln!(self.0, "{name}_sum{{{label}}} {sum}").ok();
        writeln!(self.0, "{name}_count{{{label}}} {count}").ok();
    }

    fn counter(&mut self, name: &str, help: &str, label: &str, value: u64) {
        self.head(name, help, "counter");
        writeln!(self.0, "{name}{label} {value}").ok();
    }

    fn seconds(&mut self, name: &str, help: &str, label: &str, value: f64) {
        self.head(name, help, "gauge");
        writeln!(self.0, "{name}{label} {value}").ok();
    }

    /// What a name means, once.
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let line = format!("# TYPE {name} {kind}\n");
        if !self.0.contains(&line) {
            write!(self.0, "# HELP {name} {help}.\n{line}").ok();
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
