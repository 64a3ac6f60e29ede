//! Many runs of one scenario: every combination of swept values, each with every seed.

use std::collections::BTreeMap;

use super::{
    Scenario, check,
    files::{self, Files},
    read::{Fault, ScenarioError, Source},
};

/// Most runs of a series. It is a laptop.
pub const RUNS_MAX: u64 = 10_000;

/// One run to make: a scenario that makes sense, with its files.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is run.
    pub scenario: Scenario,
    /// Its chance.
    pub seed: u64,
    /// What is in its files.
    pub files: Files,
    /// What the sweep set, by key.
    pub point: BTreeMap<String, String>,
}

/// All runs of a series, in order.
///
/// # Errors
/// The [`ScenarioError`] of the first that makes no sense.
pub fn plans(source: &Source, seeds: Option<(u64, u64)>) -> Result<Vec<Plan>, ScenarioError> {
    let senseless = |key: &str, what: String, fix: String| ScenarioError::Senseless {
        name: source.name.clone(),
        faults: vec![Fault { key: key.to_owned(), what, fix }],
    };
    let base = source.scenario(source.table.clone())?;
    let seeds = match (seeds, &base.seeds) {
        (Some(seeds), _) => seeds,
        (None, Some(text)) => {
            range(text).map_err(|why| senseless("seeds", why, "write \"1..6\"".to_owned()))?
        }
        (None, None) => (base.seed, base.seed.saturating_add(1)),
    };
    let mut runs = seeds.1.saturating_sub(seeds.0);
    for (key, values) in &base.sweep {
        let count = values.as_array().map_or(0, Vec::len);
        if count == 0 {
            let fix = "write a list, for example [10, 100]".to_owned();
            return Err(senseless(&format!("sweep.{key}"), "has no values".to_owned(), fix));
        }
        runs = runs.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
    }
    if runs > RUNS_MAX {
        let fix = format!("keep values times seeds at {RUNS_MAX} or below");
        return Err(senseless("sweep", format!("makes {runs} runs"), fix));
    }
    let mut plans = Vec::new();
    for point in points(&base.sweep) {
        let mut table = source.table.clone();
        for (key, value) in &point {
            set(&mut table, key, value.clone()).map_err(|why| {
                senseless(&format!("sweep.{key}"), why, "write the path of a key".to_owned())
            })?;
        }
        let swept: Vec<String> = point.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let mut scenario = source.scenario(table).map_err(|error| {
            let what = format!("leads to `{}`: {}", swept.join("`, `"), error.what());
            senseless("sweep", what, "write values of the kind that the scenario has".to_owned())
        })?;
        check::complete(&mut scenario);
        let files = files::load(&scenario, &source.name, &source.beside)?;
        check::check(&scenario, &source.name, &files.matrix)?;
        let point: BTreeMap<_, _> = point.into_iter().map(|(key, value)| (key, plain(&value))).collect();
        plans.extend((seeds.0..seeds.1).map(|seed| Plan {
            scenario: scenario.clone(),
            seed,
            files: files.clone(),
            point: point.clone(),
        }));
    }
    Ok(plans)
}

/// Reads `A..B`: from the first up to and without the last.
///
/// # Errors
/// What is wrong with it.
pub fn range(text: &str) -> Result<(u64, u64), String> {
    let ends =
        text.split_once("..").and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    match ends {
        Some((first, end)) if first < end => Ok((first, end)),
        Some(_) => Err(format!("`{text}` has no seed in it")),
        None => Err(format!("`{text}` is no range")),
    }
}

/// Every combination; one empty one if nothing is swept.
fn points(sweep: &BTreeMap<String, toml::Value>) -> Vec<BTreeMap<String, toml::Value>> {
    let mut points = vec![BTreeMap::new()];
    for (key, values) in sweep {
        let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
        let longer = points.into_iter().flat_map(|point| {
            values.iter().map(move |value| {
                let mut point = point.clone();
                point.insert(key.clone(), value.clone());
                point
            })
        });
        points = longer.collect();
    }
    points
}

/// Sets a value by its path: names of keys, and for a list the number of an element or its `name` or `class`.
///
/// # Errors
/// Which part of the path leads nowhere.
pub fn set(table: &mut toml::Table, path: &str, value: toml::Value) -> Result<(), String> {
    let (last, parents) = match path.rsplit_once('.') {
        Some((parents, last)) => (last, parents.split('.').collect()),
        None => (path, Vec::new()),
    };
    let mut here = table;
    let mut parents = parents.into_iter();
    while let Some(key) = parents.next() {
        // A table that was left out is at its defaults; what is wrong with the name is found when it is read.
        let next = here.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        here = match next {
            toml::Value::Table(table) => table,
            toml::Value::Array(items) => {
                let wanted = parents.next().ok_or_else(|| format!("`{key}` is a list: say which"))?;
                let place = items.iter().enumerate().position(|(place, item)| is_called(item, place, wanted));
                let item = place.and_then(|place| items.get_mut(place)).and_then(toml::Value::as_table_mut);
                item.ok_or_else(|| format!("`{key}` has nothing called `{wanted}`"))?
            }
            _ => return Err(format!("`{key}` has nothing below it")),
        };
    }
    here.insert(last.to_owned(), value);
    Ok(())
}

/// The value at a path, if there is one.
pub(super) fn get<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let mut keys = path.split('.');
    let mut here = table.get(keys.next()?)?;
    for key in keys {
        here = match here {
            toml::Value::Table(table) => table.get(key)?,
            toml::Value::Array(items) => {
                let called = items.iter().enumerate().find(|(place, item)| is_called(item, *place, key));
                called.map(|(_, item)| item)?
            }
            _ => return None,
        };
    }
    Some(here)
}

fn is_called(item: &toml::Value, place: usize, wanted: &str) -> bool {
    let text = |key: &str| item.get(key).and_then(toml::Value::as_str);
    wanted == place.to_string()
        || text("name") == Some(wanted)
        || text("class").is_some_and(|class| class == wanted || format!("{class}s") == wanted)
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const BASE: &str = "name = \"x\"\n[stop]\nafter = \"1m\"\n[[nodes]]\nclass = \"voter\"\ncount = 1\n\
        [[nodes]]\nclass = \"executor\"\ncount = 2\n";

    fn plans_of(more: &str) -> Result<Vec<Plan>, String> {
        let source = Source::new("s.toml".to_owned(), PathBuf::new(), format!("{BASE}{more}"));
        let source = source.map_err(|error| error.to_string())?;
        plans(&source, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sweep_makes_every_combination_with_every_seed() {
        let plans = plans_of(
            "[sweep]\n\"nodes.executors.count\" = [1, 5]\n\"network.latency\" = [\"lan\", \"internet\"]\n",
        );
        let plans = plans.unwrap();
        let counts: Vec<_> = plans.iter().map(|plan| plan.scenario.nodes[1].count).collect();
        assert_eq!((plans.len(), counts), (4, vec![Some(1), Some(5), Some(1), Some(5)]));
        assert_eq!(plans[0].point["network.latency"], "lan");
    }

    #[test]
    fn what_makes_no_sense_names_its_key_and_its_remedy() {
        for (more, parts) in [
            ("regions = [\"eurpe\"]", ["nodes.executors.regions", "did you mean `europe`?"]),
            ("nat = { cone = 0.8, symmetric = 0.8 }", ["nodes.executors.nat", "lower one"]),
            (
                "churn = { model = \"trace\", file = \"none.csv\" }",
                ["nodes.executors.churn.file", "cannot be read"],
            ),
            ("[[work]]\nrate = -1.0\nfunctions = []", ["work[0].rate", "above 0"]),
            ("[[timeline]]\nat = \"5s\"\ndo = \"kill\"", ["timeline[0].do", "add `regions`"]),
            (
                "[[timeline]]\nat = \"5s\"\ndo = \"kill\"\ngroup = \"votrs\"",
                ["timeline[0].group", "`voters`"],
            ),
            ("[sweep]\nseed = []", ["sweep.seed", "write a list"]),
            (
                "[sweep]\n\"nodes.voters.count\" = [1, true]",
                ["`sweep` leads to", "nodes.voters.count = true"],
            ),
            ("[sweep]\n\"nodes.none.count\" = [1]", ["sweep.nodes.none.count", "nothing called `none`"]),
            ("[network]\nlatency = \"far.csv\"", ["network.latency", "`internet`"]),
        ] {
            let error = plans_of(more).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{more}: {error}");
        }
    }

    #[test]
    fn a_billion_runs_are_refused_before_any() {
        let list = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let swept = ["seed", "nodes.voters.count", "nodes.executors.count"];
        let sweep: String = swept.iter().map(|key| format!("\"{key}\" = [{list}]\n")).collect();
        let error = plans_of(&format!("[sweep]\n{sweep}")).unwrap_err();
        assert!(error.contains("makes 1000000000 runs"), "{error}");
    }
}
