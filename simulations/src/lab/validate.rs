//! How far the laboratory is from whole nodes: the same scenario on both, metric by metric.
//!
//! Whole nodes are played by the emulator, a program of its own (`simulations/emulation`). It plays less than a scenario
//! may say, and [`misfits`] names what. The two draw their chance from different streams, so they agree as two
//! measurements of one thing do; [`BOUNDS`] say how far apart they may be, and why.

use std::collections::BTreeMap;

use super::{
    results::metrics::METRICS,
    scenario::{Class, Deed, Topology, check, sweep::Plan},
};

/// Most nodes, executors and submitters that the emulator plays.
pub const NODES_MAX: u32 = 100;
/// Longest run of a function: the emulator's executors end everything at once.
const TAKES_MAX: u64 = 1_000;

/// How far two values of one metric may be apart.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Which metric.
    pub metric: &'static str,
    /// As a part of the larger of the two.
    pub share: f64,
    /// Or, whatever their size, by so much: what chance and rounding do to small values.
    pub least: f64,
}

const fn bound(metric: &'static str, share: f64, least: f64) -> Bound {
    Bound { metric, share, least }
}

/// What is compared. Promises are compared exactly. Medians may be a tenth to a quarter apart: both are means of a few
/// seeds, and the laboratory models neither signatures nor framing. The wait for an executor may be further: an emulated
/// one asks over a connection that nodes end when it is idle, and makes it anew, which costs round trips. Counts differ by
/// the luck of arrivals. The 99th percentile of some hundred requests is the luck of one or two, above all of those that a
/// succession struck.
pub const BOUNDS: [Bound; 16] = [
    bound("lost", 0.0, 0.0),
    bound("unfinished", 0.0, 0.0),
    bound("re_executions", 0.0, 1.0),
    bound("processes", 0.15, 5.0),
    bound("succeeded", 0.15, 5.0),
    bound("acknowledgement_p50", 0.10, 0.5),
    bound("acknowledgement_p99", 0.60, 2.0),
    bound("wait_p50", 0.45, 0.5),
    bound("in_colony_p50", 0.25, 0.5),
    bound("in_colony_p99", 0.60, 2.0),
    bound("asks", 0.15, 10.0),
    bound("announcements", 0.25, 3.0),
    bound("propagation_p50", 0.10, 0.5),
    bound("entries", 0.20, 10.0),
    bound("election_p50", 0.15, 50.0),
    bound("unavailability", 0.15, 0.2),
];

/// One metric on both.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which.
    pub metric: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// In the laboratory.
    pub laboratory: f64,
    /// With whole nodes.
    pub nodes: f64,
    /// How far they are apart, as a part of the larger one.
    pub apart: f64,
    /// How far they may be.
    pub bound: f64,
    /// Whether they are no further apart.
    pub holds: bool,
}

/// Everything in a scenario that the emulator cannot play.
#[must_use]
pub fn misfits(plan: &Plan) -> Vec<String> {
    let scenario = &plan.scenario;
    let mut all = Vec::new();
    let mut no = |wrong: bool, what: &str| {
        if wrong {
            all.push(what.to_owned());
        }
    };
    no(scenario.colonies != 1, "more than one colony");
    no(plan.files.matrix.names.len() != 1, "more than one region: all nodes are equally far from each other");
    no(scenario.network.loss.0 > 0, "`network.loss`");
    let count: u32 = scenario.nodes.iter().map(check::count).sum();
    no(count > NODES_MAX, "more than 100 nodes, executors and submitters");
    for nodes in &scenario.nodes {
        let nat = nodes.nat;
        no(nat.cone.0 + nat.symmetric.0 + nat.blocked.0 > 0, "`nat`");
        no(nodes.class == Class::Relay, "relays");
        no(nodes.churn.is_some(), "`churn`");
        no(nodes.contacts.is_some(), "`contacts`");
        no(nodes.clock.offset.0 > 0 || nodes.clock.drift_ppm > 0, "`clock`");
        let stores = matches!(nodes.class, Class::Voter | Class::Observer);
        no(stores && nodes.disk.slow_share.0 > 0, "`disk.slow_share`: write 0");
        no(nodes.class == Class::Executor && nodes.parallel != 1, "`parallel`");
    }
    for work in &scenario.work {
        no(work.workflow.is_some(), "`workflow`");
        no(work.max_wait.is_some() || work.max_exec.is_some(), "`max_wait` and `max_exec`");
        let long = |takes: u64| takes > TAKES_MAX;
        no(work.functions.len() != 1, "more than one function of a kind of work");
        no(work.functions.iter().any(|one| long(one.takes.0)), "functions that take more than `1ms`");
        no(work.functions.iter().any(|one| one.fails.0 > 0), "`fails`");
    }
    let kills = |deed: &super::scenario::Happening| deed.what == Deed::Kill && deed.coordinator;
    no(!scenario.timeline.iter().all(kills), "anything in the timeline but a `kill` of the `coordinator`");
    no(scenario.timeline.iter().any(|deed| deed.lasts.is_none()), "a kill without `for`");
    no(scenario.mesh.topology != Topology::Gossipsub, "`mesh.topology`");
    let rules = scenario.rules;
    no(!(rules.announcements && rules.ranking && rules.contact_windows), "`rules`");
    all.dedup();
    all
}

/// Compares what both have.
#[must_use]
pub fn compare(laboratory: &BTreeMap<&'static str, f64>, nodes: &BTreeMap<String, f64>) -> Vec<Row> {
    let row = |bound: &Bound| {
        let (one, other) = (*laboratory.get(bound.metric)?, *nodes.get(bound.metric)?);
        let unit = METRICS.iter().find(|(name, ..)| *name == bound.metric).map_or("", |(_, unit, _)| *unit);
        let (difference, larger) = ((one - other).abs(), one.abs().max(other.abs()));
        let apart = if larger > 0.0 { difference / larger } else { 0.0 };
        let holds = difference <= bound.least || apart <= bound.share;
        Some(Row {
            metric: bound.metric,
            unit,
            laboratory: one,
            nodes: other,
            apart,
            bound: bound.share,
            holds,
        })
    };
    BOUNDS.iter().filter_map(row).collect()
}

/// The means of several runs of one scenario, of the metrics that all of them have.
#[must_use]
pub fn mean<K: Ord + Clone>(runs: &[BTreeMap<K, f64>]) -> BTreeMap<K, f64> {
    let Some(first) = runs.first() else { return BTreeMap::new() };
    let names = first.keys().filter(|name| runs.iter().all(|run| run.contains_key(*name)));
    let mean = |name: &K| runs.iter().filter_map(|run| run.get(name)).sum::<f64>() / runs.len() as f64;
    names.map(|name| (name.clone(), mean(name))).collect()
}

/// The comparison as a table of Markdown.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| metric | unit | laboratory | whole nodes | apart | may be | holds |\n|---|---|---:|---:|---:|---:|---|\n",
    );
    for row in rows {
        text.push_str(&format!(
            "| `{}` | {} | {:.3} | {:.3} | {:.0} % | {:.0} % | {} |\n",
            row.metric,
            row.unit,
            row.laboratory,
            row.nodes,
            row.apart * 100.0,
            row.bound * 100.0,
            if row.holds { "yes" } else { "**no**" }
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{library, scenario::sweep};

    #[test]
    fn what_is_further_apart_than_its_bound_is_told() {
        let laboratory = BTreeMap::from([("lost", 0.0), ("acknowledgement_p50", 11.0), ("asks", 100.0)]);
        let other = |name: &str, value: f64| (name.to_owned(), value);
        let nodes =
            BTreeMap::from([other("lost", 1.0), other("acknowledgement_p50", 12.0), other("asks", 30.0)]);
        let rows = compare(&laboratory, &nodes);
        let holds: Vec<_> = rows.iter().map(|row| (row.metric, row.holds)).collect();
        assert_eq!(holds, [("lost", false), ("acknowledgement_p50", true), ("asks", false)]);
        assert!(table(&rows).contains("| `asks` | requests | 100.000 | 30.000 | 70 % | 15 % | **no** |"));
    }

    #[test]
    fn what_whole_nodes_cannot_play_is_named() {
        let source = library::source("internet").unwrap().unwrap();
        let plan = sweep::plans(&source, None).unwrap().remove(0);
        let misfits = misfits(&plan).join("; ");
        for part in ["more than one region", "`nat`", "relays", "more than 100"] {
            assert!(misfits.contains(part), "{misfits}");
        }
    }
}
