//! The laboratory against whole nodes: the same scenarios on both, no further apart than `lab::validate::BOUNDS` say. The
//! table that was published stands in `../VALIDATION.md`; `colony sim validate` makes it.

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use colony_simulations::lab::{
    engine,
    results::metrics,
    scenario::{read::Source, sweep},
    validate,
};

/// Both with some seeds, and how far they are apart.
fn compared(name: &str, seeds: (u64, u64)) -> Vec<validate::Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation").join(name);
    let plans = sweep::plans(&Source::open(&path).unwrap(), Some(seeds)).unwrap();
    let mut nodes: Vec<BTreeMap<String, f64>> = Vec::new();
    let mut laboratory = Vec::new();
    for plan in plans {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colony-emulation"));
        command.arg("--scenario").arg(&path).arg("--seed").arg(plan.seed.to_string());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        nodes.push(serde_json::from_slice(&output.stdout).unwrap());
        laboratory.push(metrics::of(&engine::run(Arc::new(plan), &mut |_| true)));
    }
    validate::compare(&validate::mean(&laboratory), &validate::mean(&nodes))
}

#[test]
fn the_laboratory_is_right_about_one_local_network() {
    let rows = compared("near.toml", (1, 2));
    assert!(rows.iter().all(|row| row.holds), "{}", validate::table(&rows));
}

#[test]
fn the_laboratory_is_right_about_distance_and_succession() {
    let rows = compared("far.toml", (1, 3));
    assert!(rows.iter().any(|row| row.metric == "election_p50"), "nobody was elected");
    assert!(rows.iter().all(|row| row.holds), "{}", validate::table(&rows));
}
