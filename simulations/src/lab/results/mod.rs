//! What runs leave on disk: a folder with everything that went in and everything that came out.
//!
//! It is built beside its place and moved there whole, so that there is never a part of one. Its files are the same bytes
//! for the same scenario and seed, on any machine, except `wall-time.txt`.

pub mod chart;
pub mod metrics;
pub mod parquet;
mod plots;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use parquet::Column;
use serde_json::{Map, Value, json};

use super::{
    engine::{
        Outcome,
        measure::{Point, Row, What},
    },
    scenario::{read::Source, sweep::Plan},
};

/// The layout of a folder. It grows when files or keys change their meaning.
const FORMAT: u64 = 1;

/// Why results cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// There is something already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture.
    #[error("a plot cannot be drawn: {0}")]
    Plot(#[from] png::EncodingError),
    /// No results.
    #[error("{} holds no results of a simulation: {why}", path.display())]
    NoResults {
        /// Where.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// The numbers of one run of a series, and what it was.
#[derive(Debug, Clone)]
pub struct Sum {
    /// Its number in the series.
    pub number: usize,
    /// Its seed.
    pub seed: u64,
    /// What the sweep set.
    pub point: BTreeMap<String, String>,
    /// Its metrics.
    pub metrics: BTreeMap<&'static str, f64>,
}

/// A folder that is being filled.
#[derive(Debug)]
pub struct Folder {
    place: PathBuf,
    draft: PathBuf,
}

impl Folder {
    /// Begins one. Nothing is at its place before [`Self::finish`].
    ///
    /// # Errors
    /// [`ResultsError::Exists`] or [`ResultsError::Io`].
    pub fn begin(place: &Path) -> Result<Self, ResultsError> {
        if place.exists() {
            return Err(ResultsError::Exists(place.to_owned()));
        }
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let draft = place.with_file_name(format!(".{name}.{}", std::process::id()));
        fs::create_dir_all(&draft).map_err(|source| ResultsError::Io { path: draft.clone(), source })?;
        Ok(Self { place: place.to_owned(), draft })
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), ResultsError> {
        let path = self.draft.join(name);
        let failed = |source| ResultsError::Io { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, bytes).map_err(failed)
    }

    /// Writes everything that goes into a series.
    ///
    /// # Errors
    /// [`ResultsError::Io`].
    pub fn inputs(&self, source: &Source, plans: &[Plan]) -> Result<(), ResultsError> {
        self.write("scenario.toml", &source.text)?;
        for (name, text) in plans.iter().flat_map(|plan| &plan.files.raw) {
            self.write(&format!("files/{name}"), text)?;
        }
        let runs = plans
            .iter()
            .enumerate()
            .map(|(number, plan)| json!({ "run": number, "seed": plan.seed, "sweep": plan.point }));
        let inputs = json!({
            "format": FORMAT,
            "version": env!("CARGO_PKG_VERSION"),
            "scenario": plans.first().map(|plan| plan.scenario.name.clone()),
            "runs": runs.collect::<Vec<_>>(),
        });
        self.write("inputs.json", pretty(&inputs))
    }

    /// Writes one run: into the folder itself if it is the only one.
    ///
    /// # Errors
    /// [`ResultsError`].
    pub fn run(&self, number: usize, of: usize, outcome: &Outcome) -> Result<Sum, ResultsError> {
        let at = |name: &str| if of == 1 { name.to_owned() } else { format!("runs/{number:04}/{name}") };
        let measure = &outcome.measure;
        if outcome.plan.scenario.record.events {
            self.write(&at("events.parquet"), events(&measure.rows))?;
        }
        self.write(&at("series.parquet"), parquet::file(&columns(&measure.points)))?;
        self.write(&at("series.csv"), csv(&measure.points))?;
        for (name, picture) in plots::all(outcome)? {
            self.write(&at(&format!("plots/{name}.svg")), &picture.svg)?;
            self.write(&at(&format!("plots/{name}.png")), &picture.png)?;
        }
        let metrics = metrics::of(outcome);
        let sum = Sum { number, seed: outcome.plan.seed, point: outcome.plan.point.clone(), metrics };
        if of > 1 {
            self.write(&at("summary.json"), pretty(&one(outcome, &sum)))?;
        } else {
            self.write("summary.json", pretty(&one(outcome, &sum)))?;
        }
        Ok(sum)
    }

    /// Writes what several runs have in common.
    ///
    /// # Errors
    /// [`ResultsError`].
    pub fn series(&self, name: &str, sums: &[Sum]) -> Result<(), ResultsError> {
        if sums.len() == 1 {
            return Ok(());
        }
        let mut points: Vec<(&BTreeMap<String, String>, Vec<&Sum>)> = Vec::new();
        for sum in sums {
            match points.iter_mut().find(|(point, _)| **point == sum.point) {
                Some((_, all)) => all.push(sum),
                None => points.push((&sum.point, vec![sum])),
            }
        }
        let summary = json!({
            "format": FORMAT,
            "scenario": name,
            "runs": sums.len(),
            "points": points.iter().map(|(point, all)| json!({
                "sweep": point,
                "seeds": all.iter().map(|sum| sum.seed).collect::<Vec<_>>(),
                "metrics": means(all),
            })).collect::<Vec<_>>(),
        });
        self.write("summary.json", pretty(&summary))?;
        if points.len() > 1 {
            let means: Vec<_> = points.iter().map(|(point, all)| (*point, averages(all))).collect();
            for (name, picture) in plots::sweep(name, &means)? {
                self.write(&format!("plots/{name}.svg"), &picture.svg)?;
                self.write(&format!("plots/{name}.png"), &picture.png)?;
            }
        }
        self.write("runs.csv", table(sums))
    }

    /// Moves the folder to its place; `wall` is how long all of it took, in milliseconds.
    ///
    /// # Errors
    /// [`ResultsError::Io`].
    pub fn finish(self, wall: u64) -> Result<PathBuf, ResultsError> {
        self.write("wall-time.txt", format!("{}.{:03} s\n", wall / 1_000, wall % 1_000))?;
        fs::rename(&self.draft, &self.place)
            .map_err(|source| ResultsError::Io { path: self.place.clone(), source })?;
        Ok(self.place.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already, if it was moved to its place; otherwise a run was broken off, and nothing of it shall stay.
        drop(fs::remove_dir_all(&self.draft));
    }
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn one(outcome: &Outcome, sum: &Sum) -> Value {
    let mut values = Map::new();
    for (name, unit, _) in metrics::METRICS {
        if let Some(value) = sum.metrics.get(name) {
            values.insert((*name).to_owned(), json!({ "value": value, "unit": unit }));
        }
    }
    json!({
        "format": FORMAT,
        "version": env!("CARGO_PKG_VERSION"),
        "scenario": outcome.plan.scenario.name,
        "seed": sum.seed,
        "sweep": sum.point,
        "events_not_recorded": outcome.measure.rows_dropped,
        "metrics": values,
    })
}

fn means(all: &[&Sum]) -> Value {
    let mut values = Map::new();
    for (name, unit, _) in metrics::METRICS {
        let numbers: Vec<f64> = all.iter().filter_map(|sum| sum.metrics.get(name).copied()).collect();
        let (mean, half) = metrics::mean(&numbers);
        let mut value = json!({ "value": mean, "unit": unit });
        if let (Some(half), Some(object)) = (half, value.as_object_mut()) {
            object.insert("confidence95".to_owned(), json!(half));
        }
        values.insert((*name).to_owned(), value);
    }
    Value::Object(values)
}

fn averages(all: &[&Sum]) -> BTreeMap<&'static str, f64> {
    let names = metrics::METRICS.iter().map(|(name, ..)| *name);
    let mean = |name: &'static str| {
        let numbers: Vec<f64> = all.iter().filter_map(|sum| sum.metrics.get(name).copied()).collect();
        (name, metrics::mean(&numbers).0)
    };
    names.map(mean).collect()
}

/// All runs of a series, one a line.
fn table(sums: &[Sum]) -> String {
    let keys: Vec<&String> = sums.first().map(|sum| sum.point.keys().collect()).unwrap_or_default();
    let names = metrics::METRICS.iter().map(|(name, ..)| *name);
    let mut text = String::from("run,seed");
    keys.iter().for_each(|key| text.push_str(&format!(",{key}")));
    names.clone().for_each(|name| text.push_str(&format!(",{name}")));
    for sum in sums {
        text.push_str(&format!("\n{},{}", sum.number, sum.seed));
        keys.iter()
            .for_each(|key| text.push_str(&format!(",{}", sum.point.get(*key).map_or("", String::as_str))));
        names.clone().for_each(|name| {
            text.push_str(&format!(",{}", sum.metrics.get(name).copied().unwrap_or_default()));
        });
    }
    text.push('\n');
    text
}

/// A column of the time series: its name, and its value at a point.
type Reading = (&'static str, fn(&Point) -> u64);

const SERIES: [Reading; 12] = [
    ("time_us", |point| point.at),
    ("waiting", |point| point.waiting),
    ("running", |point| point.running),
    ("ended", |point| point.ended),
    ("submitted", |point| point.submitted),
    ("executors_up", |point| point.executors_up),
    ("executors_reachable", |point| point.executors_reachable),
    ("colonies_available", |point| point.colonies_available),
    ("asks", |point| point.asks),
    ("announcements", |point| point.announcements),
    ("leases_lost", |point| point.leases_lost),
    ("messages", |point| point.messages),
];

fn columns(points: &[Point]) -> Vec<(&'static str, Column)> {
    let numbers = |read: fn(&Point) -> u64| points.iter().map(|point| read(point) as i64).collect();
    SERIES.iter().map(|(name, read)| (*name, Column::Numbers(numbers(*read)))).collect()
}

fn csv(points: &[Point]) -> String {
    let mut text = SERIES.map(|(name, _)| name).join(",");
    text.push('\n');
    for point in points {
        text.push_str(&SERIES.map(|(_, read)| read(point).to_string()).join(","));
        text.push('\n');
    }
    text
}

fn events(rows: &[Row]) -> Vec<u8> {
    let words: Vec<&'static str> = What::ALL.iter().map(|what| what.word()).collect();
    let numbers = |read: fn(&Row) -> u64| Column::Numbers(rows.iter().map(|row| read(row) as i64).collect());
    parquet::file(&[
        ("time_us", numbers(|row| row.at)),
        ("event", Column::Words(words, rows.iter().map(|row| row.what as u8).collect())),
        ("colony", numbers(|row| u64::from(row.colony))),
        ("node", numbers(|row| u64::from(row.node))),
        ("subject", numbers(|row| row.subject)),
        ("value", numbers(|row| row.value)),
    ])
}

/// The summary of a folder of results.
///
/// # Errors
/// [`ResultsError::NoResults`].
pub fn summary(place: &Path) -> Result<Value, ResultsError> {
    let path = place.join("summary.json");
    let none = |why: String| ResultsError::NoResults { path: place.to_owned(), why };
    let text = fs::read_to_string(&path).map_err(|error| none(error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| none(error.to_string()))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => Ok(value),
        other => Err(none(format!("its format is {other:?}; this program reads {FORMAT}"))),
    }
}
