//! The laboratory against whole nodes: the same scenarios on both, no further apart than `lab::validate::BOUNDS` say. The
//! table that was published stands in `../VALIDATION.md`; `colony sim validate` makes it.

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use colony_simulations::lab::{
    engine,
    results::metrics,
    scenario::{read::Source, sweep},
    validate,
};

/// What whole nodes and the laboratory make of each seed.
struct Both {
    nodes: Vec<BTreeMap<String, f64>>,
    laboratory: Vec<BTreeMap<&'static str, f64>>,
}

impl Both {
    fn play(name: &str, seeds: (u64, u64)) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation").join(name);
        let plans = sweep::plans(&Source::open(&path).unwrap(), Some(seeds)).unwrap();
        let mut both = Self { nodes: Vec::new(), laboratory: Vec::new() };
        for plan in plans {
            let mut command = Command::new(env!("CARGO_BIN_EXE_colony-emulation"));
            command.arg("--scenario").arg(&path).arg("--seed").arg(plan.seed.to_string());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            both.nodes.push(serde_json::from_slice(&output.stdout).unwrap());
            both.laboratory.push(metrics::of(&engine::run(Arc::new(plan), &mut |_| true)));
        }
        both
    }

    /// How far the means are apart; panics where that is further than they may be.
    fn agree(&self) -> Vec<validate::Row> {
        let rows = validate::compare(&validate::mean(&self.laboratory), &validate::mean(&self.nodes));
        assert!(rows.iter().all(|row| row.holds), "{}", validate::table(&rows));
        rows
    }
}

#[test]
fn the_laboratory_is_right_about_one_city_and_about_the_syncs_of_a_commit() {
    let both = Both::play("near.toml", (1, 5));
    both.agree();
    for nodes in &both.nodes {
        let syncs = nodes["syncs"] / nodes["entries"];
        assert!((syncs - engine::COMMIT_SYNCS as f64).abs() < 0.05, "{syncs} syncs for an entry");
    }
}

#[test]
fn the_laboratory_is_right_about_distance_and_succession() {
    let rows = Both::play("far.toml", (1, 9)).agree();
    assert!(rows.iter().any(|row| row.metric == "election_p50"), "nobody was elected");
}
