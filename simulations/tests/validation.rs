//! The laboratory against what whole nodes did: `validation/nodes.json` has their metrics, as the emulator measured them.
//! The emulator's own tests measure them anew; this holds the laboratory in place without building it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use colony_simulations::lab::{
    engine,
    results::metrics,
    scenario::{read::Source, sweep},
    validate,
};

/// Means over the seeds, by scenario.
type Nodes = BTreeMap<String, Measured>;

/// What whole nodes did.
#[derive(serde::Deserialize)]
struct Measured {
    seeds: (u64, u64),
    metrics: BTreeMap<String, f64>,
}

#[test]
fn the_laboratory_is_as_near_to_whole_nodes_as_it_was_found_to_be() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation");
    let text = std::fs::read_to_string(place.join("nodes.json")).unwrap();
    let nodes: Nodes = serde_json::from_str(&text).unwrap();
    assert_eq!(nodes.keys().collect::<Vec<_>>(), ["far.toml", "near.toml"]);
    for (name, measured) in nodes {
        let plans = sweep::plans(&Source::open(&place.join(&name)).unwrap(), Some(measured.seeds)).unwrap();
        let runs = plans.into_iter().map(|plan| metrics::of(&engine::run(Arc::new(plan), &mut |_| true)));
        let laboratory = validate::mean(&runs.collect::<Vec<_>>());
        let rows = validate::compare(&laboratory, &measured.metrics);
        assert!(rows.len() > 10, "{name}: {rows:?}");
        assert!(rows.iter().all(|row| row.holds), "{name}\n{}", validate::table(&rows));
    }
}
