//! `colony sim validate`: the same scenario in the laboratory and on whole nodes, metric by metric. The nodes are played by
//! the emulator, which is a program of its own; what is compared, and how far apart it may be, is decided in
//! `colony_simulations::lab::validate`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use colony_simulations::lab::{
    engine,
    results::metrics,
    scenario::sweep::{self, Plan},
    validate,
};
use serde_json::json;

use super::{number, source, unreadable};
use crate::{
    app::App,
    args::SimValidateArgs,
    error::{Exit, Failure},
    output::{self, Listing, Row, column},
};

/// Runs both and compares them; fails where a bound does not hold.
pub(super) fn run(app: &App, args: &SimValidateArgs) -> Result<Exit, Failure> {
    let source = source(&args.scenario)?;
    let plans = sweep::plans(&source, Some(args.seeds)).map_err(unreadable)?;
    let misfits = plans.first().map(validate::misfits).unwrap_or_default();
    if !misfits.is_empty() {
        return Err(Failure::usage(format!("whole nodes cannot play it: {}", misfits.join("; "))));
    }
    if plans.iter().any(|plan| !plan.point.is_empty()) {
        return Err(Failure::usage("it sweeps: take out [sweep]"));
    }
    if !args.emulator.is_file() {
        let what = format!("no emulator at {}", args.emulator.display());
        return Err(Failure::usage(format!(
            "{what}: build it with `cargo build --release --manifest-path simulations/emulation/Cargo.toml`"
        )));
    }
    let place = Draft::write(&source.text, plans.first())?;
    let (mut laboratory, mut nodes) = (Vec::new(), Vec::new());
    for plan in plans {
        let seed = plan.seed;
        output::note(&format!("seed {seed}"));
        laboratory.push(metrics::of(&engine::run(Arc::new(plan), &mut |_| true)));
        nodes.push(emulated(&args.emulator, &place.file(), seed)?);
    }
    let rows = validate::compare(&validate::mean(&laboratory), &validate::mean(&nodes));
    let holds = rows.iter().all(|row| row.holds);
    listing(&rows).print(app.format())?;
    if holds { Ok(Exit::DONE) } else { Err(Failure::new("further apart than they may be")) }
}

/// The metrics of a run with whole nodes.
fn emulated(emulator: &Path, scenario: &Path, seed: u64) -> Result<BTreeMap<String, f64>, Failure> {
    let failed = |why: String| Failure::new(format!("{}: {why}", emulator.display()));
    let mut command = Command::new(emulator);
    command.arg("--scenario").arg(scenario).arg("--seed").arg(seed.to_string());
    let ran = command.output().map_err(|error| failed(error.to_string()))?;
    if !ran.status.success() {
        return Err(failed(String::from_utf8_lossy(&ran.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&ran.stdout).map_err(|error| failed(error.to_string()))
}

/// The scenario with its files, as the emulator reads it; gone when dropped.
struct Draft(PathBuf);

impl Draft {
    fn write(text: &str, plan: Option<&Plan>) -> Result<Self, Failure> {
        let draft = Self(std::env::temp_dir().join(format!("colony-validate.{}", std::process::id())));
        let files = plan.iter().flat_map(|plan| &plan.files.raw);
        let files = files.map(|(name, text)| (draft.0.join(name), text.as_str()));
        for (path, text) in files.chain([(draft.file(), text)]) {
            let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            std::fs::write(&path, text).map_err(failed)?;
        }
        Ok(draft)
    }

    fn file(&self) -> PathBuf {
        self.0.join("scenario.toml")
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is in the directory for what may go at any time.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn listing(rows: &[validate::Row]) -> Listing {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let rows = rows.iter().map(|row| Row {
        cells: vec![
            row.metric.to_owned(),
            number(row.laboratory),
            number(row.nodes),
            row.unit.to_owned(),
            percent(row.apart),
            percent(row.bound),
            if row.holds { "yes" } else { "NO" }.to_owned(),
        ],
        json: json!({
            "metric": row.metric, "laboratory": row.laboratory, "nodes": row.nodes, "unit": row.unit,
            "apart": row.apart, "bound": row.bound, "holds": row.holds,
        }),
        quiet: row.metric.to_owned(),
    });
    let columns = ["METRIC", "LABORATORY", "NODES", "UNIT", "APART", "MAY BE", "HOLDS"].map(column);
    Listing { columns: columns.into(), rows: rows.collect(), empty: "nothing in common" }
}
