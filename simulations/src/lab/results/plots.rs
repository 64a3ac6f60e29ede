//! The pictures of a run, and of a sweep.

use std::collections::BTreeMap;

use crate::lab::{
    engine::{Outcome, histogram::Histogram, node::PROTOCOLS},
    results::{
        chart::{Bars, Lines, Picture, Regions, Scale, Series, Stretches},
        metrics,
    },
    scenario::Class,
};

/// All pictures of a run, by name.
///
/// # Errors
/// What the encoder says.
pub(super) fn all(outcome: &Outcome) -> Result<Vec<(&'static str, Picture)>, png::EncodingError> {
    let name = &outcome.plan.scenario.name;
    Ok(vec![
        ("queue", queue(outcome, name).draw()?),
        ("assign-latency", latency(outcome, name).draw()?),
        ("propagation", propagation(outcome, name).draw()?),
        ("duplicates", duplicates(outcome, name).draw()?),
        ("unavailability", unavailability(outcome, name).draw()?),
        ("load", load(outcome, name).draw()?),
        ("executors", executors(outcome, name).draw()?),
        ("map", map(outcome, name).draw()?),
    ])
}

/// Metrics of which a sweep is drawn.
const SWEPT: [&str; 8] = [
    "submit_to_assigned_p50",
    "submit_to_assigned_p99",
    "turnaround_p99",
    "makespan",
    "herd_factor",
    "propagation_p95",
    "unavailability",
    "re_executions",
];

/// What a sweep set, and the means of the metrics over the seeds.
type Tried<'a> = (&'a BTreeMap<String, String>, BTreeMap<&'static str, f64>);

/// Pictures of a sweep, by name: each metric over the values of the only swept key if those are numbers, else a bar for
/// each point. `points` are what was set, and the means of the metrics over the seeds.
///
/// # Errors
/// What the encoder says.
pub(super) fn sweep(name: &str, points: &[Tried<'_>]) -> Result<Vec<(String, Picture)>, png::EncodingError> {
    let mut pictures = Vec::new();
    for metric in SWEPT {
        let unit =
            metrics::METRICS.iter().find(|(known, ..)| *known == metric).map_or("", |(_, unit, _)| unit);
        let values = points.iter().map(|(_, means)| means.get(metric).copied().unwrap_or_default());
        let (title, y) = (format!("{name}: {metric}"), format!("{metric} ({unit})"));
        let picture = match numbers(points) {
            Some((key, at)) => {
                let mut line: Vec<(f64, f64)> = at.into_iter().zip(values).collect();
                line.sort_by(|(one, _), (other, _)| one.total_cmp(other));
                let series = vec![Series { name: metric.to_owned(), points: line }];
                Lines { title, x: key, y, scale: Scale::Linear, series }.draw()?
            }
            None => {
                let bars = points.iter().zip(values).map(|((point, _), value)| {
                    let label: Vec<&str> = point.values().map(String::as_str).collect();
                    (label.join(" "), vec![value])
                });
                Bars { title, y, parts: vec![metric.to_owned()], bars: bars.collect() }.draw()?
            }
        };
        pictures.push((format!("sweep-{metric}"), picture));
    }
    Ok(pictures)
}

/// The only key that is swept, and its values, if there is one and they are numbers.
fn numbers(points: &[Tried<'_>]) -> Option<(String, Vec<f64>)> {
    let key = points.first()?.0.keys().next()?.clone();
    let values = points.iter().map(|(point, _)| {
        let value = point.get(&key).filter(|_| point.len() == 1)?;
        value.parse::<f64>().ok().filter(|number| number.is_finite())
    });
    let values = values.collect::<Option<_>>()?;
    Some((key, values))
}

fn series(outcome: &Outcome, name: &str, value: fn(&crate::lab::engine::measure::Point) -> u64) -> Series {
    let points = outcome.measure.points.iter();
    let points = points.map(|point| (point.at as f64 / 1e6, value(point) as f64)).collect();
    Series { name: name.to_owned(), points }
}

fn cdf(name: &str, histogram: &Histogram) -> Series {
    let points =
        histogram.cumulative().into_iter().map(|(micros, share)| ((micros as f64 / 1e3).max(0.01), share));
    Series { name: name.to_owned(), points: points.collect() }
}

fn queue(outcome: &Outcome, name: &str) -> Lines {
    Lines {
        title: format!("{name}: queue depth"),
        x: "virtual time (s)".to_owned(),
        y: "processes".to_owned(),
        scale: Scale::Linear,
        series: vec![
            series(outcome, "waiting", |point| point.waiting),
            series(outcome, "running", |point| point.running),
        ],
    }
}

fn executors(outcome: &Outcome, name: &str) -> Lines {
    Lines {
        title: format!("{name}: executors"),
        x: "virtual time (s)".to_owned(),
        y: "executors".to_owned(),
        scale: Scale::Linear,
        series: vec![
            series(outcome, "up", |point| point.executors_up),
            series(outcome, "reachable", |point| point.executors_reachable),
        ],
    }
}

fn latency(outcome: &Outcome, name: &str) -> Lines {
    let measure = &outcome.measure;
    Lines {
        title: format!("{name}: from submission to executor"),
        x: "latency (ms)".to_owned(),
        y: "share of processes".to_owned(),
        scale: Scale::Logarithmic,
        series: vec![
            cdf("acknowledged", &measure.acknowledgement),
            cdf("assigned", &measure.submit_to_assigned),
            cdf("ended", &measure.turnaround),
        ],
    }
}

fn propagation(outcome: &Outcome, name: &str) -> Lines {
    Lines {
        title: format!("{name}: how announcements spread"),
        x: "since it was made (ms)".to_owned(),
        y: "share of listeners".to_owned(),
        scale: Scale::Logarithmic,
        series: vec![cdf("heard", &outcome.measure.propagation)],
    }
}

fn duplicates(outcome: &Outcome, name: &str) -> Bars {
    let measure = &outcome.measure;
    let each = |count: u64| count as f64 / measure.announcements.max(1) as f64;
    Bars {
        title: format!("{name}: receptions of an announcement"),
        y: "receptions per announcement".to_owned(),
        parts: vec!["receptions".to_owned()],
        bars: vec![
            ("listeners".to_owned(), vec![each(measure.hearings_due)]),
            ("first".to_owned(), vec![each(measure.hearings)]),
            ("again".to_owned(), vec![each(measure.duplicates)]),
        ],
    }
}

fn unavailability(outcome: &Outcome, name: &str) -> Stretches {
    let colonies = outcome.plan.scenario.colonies.min(40);
    let rows = (0..colonies).map(|colony| {
        let own = outcome.measure.windows.iter().filter(|(of, ..)| *of == colony);
        (
            format!("colony {colony}"),
            own.map(|(_, from, to)| (*from as f64 / 1e6, *to as f64 / 1e6)).collect(),
        )
    });
    Stretches {
        title: format!("{name}: when nothing could be committed"),
        x: "virtual time (s)".to_owned(),
        end: outcome.ended as f64 / 1e6,
        rows: rows.collect(),
    }
}

fn load(outcome: &Outcome, name: &str) -> Bars {
    let classes = [
        ("voter", Class::Voter),
        ("executor", Class::Executor),
        ("submitter", Class::Submitter),
        ("relay", Class::Relay),
        ("observer", Class::Observer),
    ];
    let there =
        classes.into_iter().filter(|(_, class)| outcome.nodes.iter().any(|node| node.class == *class));
    Bars {
        title: format!("{name}: bytes sent by a node, by protocol"),
        y: "kB per node".to_owned(),
        parts: PROTOCOLS.iter().map(|name| (*name).to_owned()).collect(),
        bars: there.map(|(word, class)| (word.to_owned(), metrics::bytes(outcome, class))).collect(),
    }
}

fn map(outcome: &Outcome, name: &str) -> Regions {
    let names = &outcome.plan.files.matrix.names;
    let regions = names.iter().enumerate().map(|(place, region)| {
        let here = outcome.nodes.iter().filter(|node| usize::from(node.region) == place);
        (region.clone(), here.count() as u64)
    });
    Regions { title: format!("{name}: nodes by region"), regions: regions.collect() }
}
