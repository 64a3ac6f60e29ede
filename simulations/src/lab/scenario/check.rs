//! Whether a scenario makes sense: what serde cannot know. Each fault names its key and its remedy.

use super::{
    Arrivals, ChurnModel, Class, Deed, Happening, Nodes, Scenario, Topology, Work,
    read::{Fault, ScenarioError, nearest},
};
use crate::lab::{amounts::WHOLE, matrix::Matrix};

/// Most nodes of a run. A quarter of a million take about a gigabyte.
pub const NODES_MAX: u64 = 250_000;
/// Most executors of one colony: what its members' tables hold.
const EXECUTORS_MAX: u64 = 100_000;
/// Most voters of a colony.
const VOTERS_MAX: u64 = 51;
/// Most processes of a run: what fits into the memory of a workstation with its events.
const PROCESSES_MAX: u64 = 50_000_000;
/// Most points of a time series.
const POINTS_MAX: u64 = 100_000;

/// Fills in names that were left out.
pub fn complete(scenario: &mut Scenario) {
    for nodes in &mut scenario.nodes {
        if nodes.name.is_empty() {
            nodes.name = match nodes.class {
                Class::Voter => "voters",
                Class::Executor => "executors",
                Class::Submitter => "submitters",
                Class::Relay => "relays",
                Class::Observer => "observers",
            }
            .to_owned();
        }
    }
}

/// Looks at everything.
///
/// # Errors
/// [`ScenarioError::Senseless`] with all that is wrong.
pub fn check(scenario: &Scenario, name: &str, matrix: &Matrix) -> Result<(), ScenarioError> {
    let mut faults = Faults(Vec::new());
    faults.whole(scenario);
    for (place, nodes) in scenario.nodes.iter().enumerate() {
        faults.nodes(scenario, place, nodes, matrix);
    }
    for (place, work) in scenario.work.iter().enumerate() {
        faults.work(scenario, place, work);
    }
    for (place, happening) in scenario.timeline.iter().enumerate() {
        faults.happening(scenario, place, happening, matrix);
    }
    if faults.0.is_empty() {
        Ok(())
    } else {
        Err(ScenarioError::Senseless { name: name.to_owned(), faults: faults.0 })
    }
}

/// How many nodes a group has, in each colony.
#[must_use]
pub fn count(nodes: &Nodes) -> u32 {
    match (nodes.count, nodes.share, nodes.of) {
        (Some(count), ..) => count,
        (None, Some(share), Some(of)) => {
            let count = u64::from(of) * u64::from(share.0) / u64::from(WHOLE);
            u32::try_from(count).unwrap_or(u32::MAX)
        }
        _ => 0,
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Fault { key: key.into(), what: what.into(), fix: fix.into() });
    }

    fn whole(&mut self, scenario: &Scenario) {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if scenario.name.is_empty() || scenario.name.len() > 64 || !scenario.name.chars().all(fits) {
            self.add("name", "is no name of a folder", "use letters, digits, `-` and `_`, at most 64");
        }
        if scenario.colonies == 0 || scenario.colonies > 1_000 {
            self.add("colonies", "is out of bounds", "write a number from 1 to 1000");
        }
        if scenario.stop.after.0 == 0 {
            self.add("stop.after", "is no time", "write how long work arrives, for example `10m`");
        }
        if scenario.record.every.is_some_and(|every| {
            let whole = scenario.stop.after.0.saturating_add(scenario.stop.drain.0);
            every.0 == 0 || whole / every.0 > POINTS_MAX
        }) {
            self.add("record.every", "gives too many points", format!("keep them below {POINTS_MAX}"));
        }
        for (class, word) in [(Class::Voter, "voter"), (Class::Executor, "executor")] {
            for colony in 0..scenario.colonies {
                let of = |nodes: &&Nodes| {
                    nodes.class == class
                        && nodes.colony.is_none_or(|named| named == colony)
                        && count(nodes) > 0
                };
                if !scenario.nodes.iter().any(|nodes| of(&nodes)) {
                    let fix = format!("add a [[nodes]] with class = \"{word}\" and a count");
                    self.add("nodes", format!("has no {word} for colony {colony}"), fix);
                    return;
                }
            }
        }
        let total: u64 = scenario.nodes.iter().map(|nodes| in_all(scenario, nodes)).sum();
        if total > NODES_MAX {
            self.add("nodes", format!("has {total} nodes"), format!("keep them at {NODES_MAX} or below"));
        }
        let processes: u64 = scenario.work.iter().map(|work| processes(scenario, work)).sum();
        if processes > PROCESSES_MAX {
            let fix = format!("keep them at {PROCESSES_MAX} or below: lower `rate`, or set `count`");
            self.add("work", format!("makes about {processes} processes"), fix);
        }
        if scenario.mesh.topology == Topology::File && scenario.mesh.file.is_none() {
            self.add("mesh.file", "is missing", "name the file with the neighbours");
        }
        if !(1..=64).contains(&scenario.mesh.degree) {
            self.add("mesh.degree", "is out of bounds", "write a number from 1 to 64");
        }
    }

    fn nodes(&mut self, scenario: &Scenario, place: usize, nodes: &Nodes, matrix: &Matrix) {
        let key = |field: &str| format!("nodes.{}.{field}", nodes.name);
        if scenario.nodes.iter().take(place).any(|other| other.name == nodes.name) {
            self.add(key("name"), "is taken", "give each group a name of its own");
        }
        match (nodes.count, nodes.share, nodes.of) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
            _ => self.add(key("count"), "is missing or said twice", "write `count`, or `share` and `of`"),
        }
        let most = match nodes.class {
            Class::Voter => VOTERS_MAX,
            Class::Executor => EXECUTORS_MAX,
            _ => NODES_MAX,
        };
        if u64::from(count(nodes)) > most {
            self.add(key("count"), "is too large", format!("keep it at {most} or below"));
        }
        if nodes.colony.is_some_and(|colony| colony >= scenario.colonies) {
            self.add(key("colony"), "is none", format!("colonies are numbered below {}", scenario.colonies));
        }
        self.regions(&key("regions"), &nodes.regions, matrix);
        let nat = [nodes.nat.open, nodes.nat.cone, nodes.nat.symmetric, nodes.nat.blocked];
        let sum: u64 = nat.iter().map(|share| u64::from(share.0)).sum();
        if sum > u64::from(WHOLE) {
            self.add(key("nat"), "adds up to more than 1", "lower one of the shares");
        }
        if nodes.parallel == 0 || nodes.parallel > 1_000 {
            self.add(key("parallel"), "is out of bounds", "write a number from 1 to 1000");
        }
        if let Some(churn) = &nodes.churn {
            if churn.up.0 < 1_000_000 || churn.down.0 < 1_000_000 {
                self.add(key("churn"), "is faster than a second", "write at least `1s` for `up` and `down`");
            }
            if !(0.1..=10.0).contains(&churn.shape) {
                self.add(key("churn.shape"), "is out of bounds", "write a number from 0.1 to 10");
            }
            if (churn.model == ChurnModel::Trace) != churn.file.is_some() {
                self.add(
                    key("churn.file"),
                    "and the model do not fit",
                    "a trace, and only that, needs a file",
                );
            }
        }
        if let Some(contacts) = &nodes.contacts {
            let periodic = contacts.period.0 > 0 && contacts.window.0 > 0;
            if contacts.file.is_some() == periodic {
                self.add(
                    key("contacts"),
                    "are missing or said twice",
                    "write `period` and `window`, or `file`",
                );
            }
            if periodic && contacts.window >= contacts.period {
                self.add(key("contacts.window"), "is no shorter than the period", "leave `contacts` out");
            }
            if nodes.class != Class::Executor {
                self.add(key("contacts"), "are for executors", "take them out here");
            }
        }
    }

    fn regions(&mut self, key: &str, regions: &[String], matrix: &Matrix) {
        for region in regions.iter().filter(|region| matrix.place(region).is_none()) {
            let known = matrix.names.iter().map(String::as_str);
            let fix = match nearest(region, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", matrix.names.join(", ")),
            };
            self.add(key, format!("names no region with `{region}`"), fix);
        }
    }

    fn work(&mut self, scenario: &Scenario, place: usize, work: &Work) {
        let key = |field: &str| format!("work[{place}].{field}");
        if !(work.rate > 0.0 && work.rate <= 100_000.0) {
            self.add(key("rate"), "is out of bounds", "write submissions a second, from above 0 to 100000");
        }
        if work.arrivals == Arrivals::Burst && work.count.is_none() {
            self.add(key("count"), "is missing", "a burst needs one");
        }
        if work.until.is_some_and(|until| until <= work.from) {
            self.add(key("until"), "is not after `from`", "write a later time");
        }
        if work.batch == 0 || work.batch > 1_000 {
            self.add(key("batch"), "is out of bounds", "write a number from 1 to 1000");
        }
        if work.colony.is_some_and(|colony| colony >= scenario.colonies) {
            self.add(key("colony"), "is none", format!("colonies are numbered below {}", scenario.colonies));
        }
        if work.functions.is_empty() {
            self.add(key("functions"), "is missing", "add one, with `name` and `takes`");
        }
        let sum: u64 = work.functions.iter().map(|function| u64::from(function.share.0)).sum();
        if sum > u64::from(WHOLE) + 10 {
            self.add(key("functions"), "have shares of more than 1 in all", "lower one of the shares");
        }
        for function in &work.functions {
            let runs = |nodes: &Nodes| {
                nodes.class == Class::Executor && nodes.executor_type == function.executor_type
            };
            if !scenario.nodes.iter().any(runs) {
                let what =
                    format!("of `{}` is `{}`, which no executor has", function.name, function.executor_type);
                self.add(key("functions.type"), what, "add such executors, or use their type");
            }
        }
        if let Some(flow) = &work.workflow
            && (flow.width == 0 || flow.depth == 0 || u32::from(flow.width) * u32::from(flow.depth) > 1_000)
        {
            self.add(key("workflow"), "is out of bounds", "keep width x depth from 1 to 1000");
        }
    }

    fn happening(&mut self, scenario: &Scenario, place: usize, happening: &Happening, matrix: &Matrix) {
        let key = |field: &str| format!("timeline[{place}].{field}");
        self.regions(&key("regions"), &happening.regions, matrix);
        if let Some(group) = &happening.group
            && !scenario.nodes.iter().any(|nodes| nodes.name == *group)
        {
            let fix = match nearest(group, scenario.nodes.iter().map(|nodes| nodes.name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write the name of a group of [[nodes]]".to_owned(),
            };
            self.add(key("group"), format!("names no group with `{group}`"), fix);
        }
        let selects = !happening.regions.is_empty() || happening.group.is_some() || happening.coordinator;
        match happening.what {
            Deed::Partition | Deed::Kill | Deed::Start | Deed::ClockJump if !selects => {
                self.add(key("do"), "says not to whom", "add `regions`, `group` or `coordinator`");
            }
            Deed::FlashCrowd if happening.processes.is_none() => {
                self.add(key("processes"), "is missing", "say how many arrive");
            }
            Deed::FlashCrowd if scenario.work.is_empty() => {
                self.add(key("do"), "has no kind of work", "add a [[work]]; the crowd sends its functions");
            }
            Deed::Sybil if happening.count.is_none() => {
                self.add(key("count"), "is missing", "say how many false nodes there are");
            }
            Deed::ClockJump if happening.by.is_none() => {
                self.add(key("by"), "is missing", "say how far the clocks jump");
            }
            _ => {}
        }
        if happening.at > scenario.stop.after {
            self.add(key("at"), "is after the end", "lower it, or raise `stop.after`");
        }
    }
}

/// Nodes of a group in all colonies.
fn in_all(scenario: &Scenario, nodes: &Nodes) -> u64 {
    let once = nodes.colony.is_some() || nodes.class == Class::Relay;
    let times = if once { 1 } else { u64::from(scenario.colonies) };
    u64::from(count(nodes)).saturating_mul(times)
}

/// About how many processes a kind of work makes.
fn processes(scenario: &Scenario, work: &Work) -> u64 {
    let span = work.until.unwrap_or(scenario.stop.after).0.saturating_sub(work.from.0);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, held against a bound"
    )]
    let arrivals = (work.rate.max(0.0) * (span as f64 / 1e6)) as u64;
    let submissions = work.count.unwrap_or(u64::MAX).min(match work.arrivals {
        Arrivals::Burst => u64::MAX,
        Arrivals::Poisson | Arrivals::Steady => arrivals,
    });
    let each = work
        .workflow
        .map_or_else(|| u64::from(work.batch), |flow| u64::from(flow.width) * u64::from(flow.depth));
    let colonies = if work.colony.is_some() { 1 } else { u64::from(scenario.colonies) };
    submissions.saturating_mul(each).saturating_mul(colonies)
}
