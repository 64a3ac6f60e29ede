//! The laboratory: every scenario that ships runs, in small, and what must hold holds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::{path::PathBuf, sync::Arc};

use colony_simulations::lab::{
    engine::{self, Outcome},
    library::{self, LIBRARY},
    results::metrics,
    scenario::{read::Source, sweep},
    series,
};

/// Most nodes of a group, and most submissions a second, in a small run.
const SMALL: (i64, f64) = (20, 0.4);

/// A scenario of the library with few nodes, little work, and little time.
fn small(name: &str) -> Source {
    let mut source = library::source(name).unwrap().unwrap();
    let table = &mut source.table;
    for nodes in table.get_mut("nodes").unwrap().as_array_mut().unwrap() {
        let nodes = nodes.as_table_mut().unwrap();
        let count = nodes["count"].as_integer().unwrap();
        nodes.insert("count".to_owned(), count.min(SMALL.0).into());
    }
    for work in table.get_mut("work").unwrap().as_array_mut().unwrap() {
        let work = work.as_table_mut().unwrap();
        let rate = work["rate"].as_float().unwrap();
        work.insert("rate".to_owned(), rate.min(SMALL.1).into());
    }
    if name == "satellites" {
        let stop = toml::toml! { after = "1900m" drain = "300m" };
        table.insert("stop".to_owned(), stop.into());
    }
    if name == "many-colonies" {
        table.insert("colonies".to_owned(), 4.into());
    }
    if name == "flash-crowd" {
        sweep::set(table, "timeline.0.processes", 500.into()).unwrap();
    }
    source
}

fn outcomes(source: &Source) -> Vec<Outcome> {
    let plans = sweep::plans(source, None).unwrap();
    plans.into_iter().map(|plan| engine::run(Arc::new(plan), &mut |_| true)).collect()
}

fn scenario(text: &str) -> Source {
    Source::new("test".to_owned(), PathBuf::new(), text.to_owned()).unwrap()
}

#[test]
fn every_scenario_that_ships_ends_with_nothing_lost_and_nothing_doubled() {
    for (name, _) in LIBRARY {
        for outcome in outcomes(&small(name)) {
            let point = &outcome.plan.point;
            assert_eq!((outcome.lost, outcome.doubled), (0, 0), "{name} {point:?}");
            assert_eq!(outcome.measure.acknowledged_without_quorum, 0, "{name} {point:?}");
            assert!(!outcome.lives.iter().all(Vec::is_empty), "{name} {point:?} did nothing");
            // Work that is longer than a pass never ends where silence is taken for failure: that is the point.
            if point.get("rules.contact_windows").is_none_or(|declared| declared == "true") {
                assert_eq!(outcome.unfinished, 0, "{name} {point:?} {:?}", metrics::of(&outcome));
            }
        }
    }
}

#[test]
fn a_seed_gives_the_same_bytes_twice_and_another_seed_other_ones() {
    let directory = tempfile::tempdir().unwrap();
    let made = |name: &str, seed: u64| {
        let source = small("internet");
        let plans = sweep::plans(&source, Some((seed, seed + 1))).unwrap();
        let place = directory.path().join(name);
        series::run(&source, plans, &place, &|_| true, &|| 0).unwrap();
        files(&place)
    };
    let (one, again, other) = (made("a", 7), made("b", 7), made("c", 8));
    assert_eq!(one, again);
    assert_ne!(one["summary.json"], other["summary.json"]);
    for name in [
        "scenario.toml",
        "inputs.json",
        "events.parquet",
        "series.csv",
        "series.parquet",
        "plots/queue.png",
        "plots/map.svg",
    ] {
        assert!(one.contains_key(name), "{name} is missing");
    }
}

#[test]
fn a_sweep_is_drawn_over_the_values_it_tried() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = small("lan");
    let swept = toml::toml! { "nodes.executors.count" = [2, 5, 10] };
    source.table.insert("sweep".to_owned(), swept.into());
    let plans = sweep::plans(&source, None).unwrap();
    let (place, _) = series::run(&source, plans, &directory.path().join("x"), &|_| true, &|| 0).unwrap();
    let all = files(&place);
    let drawn = String::from_utf8(all["plots/sweep-makespan.svg"].clone()).unwrap();
    assert!(drawn.contains("nodes.executors.count") && drawn.contains("makespan (s)"));
    assert!(all.contains_key("plots/sweep-makespan.png") && all.contains_key("runs/0002/plots/queue.png"));
}

/// The figures of a page: by metric, those of each run.
fn figures(name: &str) -> std::collections::BTreeMap<String, Vec<String>> {
    let page = format!("{}/library/{name}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(page).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let row = |row: &str| {
        let (metric, rest) = row.split_once("` | ").unwrap();
        (metric.to_owned(), rest.split(" | ").skip(1).map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_figures_of_pages_are_those_of_their_scenarios() {
    // Those that run fast; the same bytes everywhere, so the same digits.
    for name in ["partition", "nat-heavy", "herd"] {
        let runs: Vec<_> =
            outcomes(&library::source(name).unwrap().unwrap()).iter().map(metrics::of).collect();
        for (metric, figures) in figures(name) {
            let value = |run: &std::collections::BTreeMap<&str, f64>| match run[metric.as_str()] {
                whole if whole.fract() == 0.0 => format!("{whole:.0}"),
                large if large >= 100.0 => format!("{large:.1}"),
                small => format!("{small:.3}"),
            };
            assert_eq!(figures, runs.iter().map(value).collect::<Vec<_>>(), "{name} {metric}");
        }
    }
}

fn files(place: &std::path::Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    let mut open = vec![place.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(place).unwrap().display().to_string();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

#[test]
fn a_series_that_is_stopped_leaves_no_folder() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("x");
    let source = library::source("lan").unwrap().unwrap();
    let plans = sweep::plans(&source, None).unwrap();
    assert!(series::run(&source, plans, &place, &|_| false, &|| 0).is_err());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_minority_acknowledges_nothing_and_the_majority_goes_on() {
    let source = small("partition");
    let outcome = outcomes(&source).remove(0);
    let m = &outcome.measure;
    assert!(m.elections.count() >= 1, "nobody was elected");
    // The majority elects within some seconds; the continent that is cut off has to wait until it is back.
    assert!(m.windows.iter().all(|(_, from, to)| to - from < 10_000_000), "{:?}", m.windows);
    assert_eq!(m.acknowledged_without_quorum, 0);
}

#[test]
fn ranking_keeps_the_herd_away() {
    let factors: Vec<f64> =
        outcomes(&small("herd")).iter().map(|outcome| metrics::of(outcome)["herd_factor"]).collect();
    let [ranked, herd] = factors[..] else { panic!("{factors:?}") };
    assert!(ranked < 2.0 && herd > 5.0 * ranked, "{factors:?}");
}

#[test]
fn foretold_silence_costs_nothing_and_silence_that_was_not_foretold_does() {
    let lost: Vec<(u64, u64)> = outcomes(&small("satellites"))
        .iter()
        .map(|outcome| (outcome.measure.leases_lost_to_silence, outcome.measure.leases_lost))
        .collect();
    let [(silence, _), (undeclared, _)] = lost[..] else { panic!("{lost:?}") };
    assert_eq!(silence, 0);
    assert!(undeclared > 0, "{lost:?}");
}

#[test]
fn a_coordinator_that_dies_is_replaced_within_the_shipped_patience() {
    for outcome in outcomes(&small("coordinator-loss")) {
        let longest = outcome.measure.elections.max();
        assert!(outcome.measure.elections.count() >= 3);
        // 1.6 s, and 1.0 to 1.6 s more, and votes over the world; some elections are split.
        assert!((2_000_000..8_000_000).contains(&longest), "{longest}");
    }
}

#[test]
fn an_idle_executor_asks_about_once_in_twenty_seconds() {
    let source = scenario(
        "name = \"idle\"\n[[nodes]]\nclass = \"voter\"\ncount = 3\n[[nodes]]\nclass = \"executor\"\ncount = 200\n\
         [stop]\nafter = \"5m\"\ndrain = \"0s\"\n",
    );
    let outcome = outcomes(&source).remove(0);
    // About one request in 22 s of each.
    let asks = outcome.measure.asks;
    assert!((2_000..4_000).contains(&asks), "{asks}");
}
