//! A workflow of a thousand nodes, as a client of ColonyOS submits it and as its executors carry it out.

use std::{collections::BTreeMap, thread, time::Instant};

use colony_tests::{home::Home, http::Api};
use serde_json::{Value, json};

use crate::{
    EXECUTOR, dev, key,
    plain::{metric, metrics},
};

/// Nodes of a layer, and layers: each node waits for two of the layer above.
const WIDTH: usize = 20;
const LAYERS: usize = 50;
/// Executors at work.
const EXECUTORS: usize = 4;

fn name(layer: usize, place: usize) -> String {
    format!("n{layer}-{}", place % WIDTH)
}

fn node(layer: usize, place: usize) -> Value {
    let parents = match layer {
        0 => Vec::new(),
        _ => vec![name(layer - 1, place), name(layer - 1, place + 1)],
    };
    let conditions = json!({"colonyname": "dev", "executortype": "cli", "dependencies": parents});
    json!({"nodename": name(layer, place), "funcname": "f", "conditions": conditions})
}

/// Takes and closes until nothing is left; says what it took.
fn work(url: &str) -> Vec<String> {
    let (mut api, key) = (Api::connect(url), key(EXECUTOR));
    let mut taken = Vec::new();
    loop {
        let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 3});
        let reply = api.call(&assign, &key);
        if reply.status == 404 {
            return taken;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        taken.push(reply.payload["spec"]["nodename"].as_str().unwrap().to_owned());
        let close =
            json!({"msgtype": "closesuccessfulmsg", "processid": reply.payload["processid"], "out": ["o"]});
        assert_eq!(api.call(&close, &key).status, 200);
    }
}

#[test]
fn a_workflow_of_a_thousand_nodes_is_carried_out_once_each() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, key) = (Api::connect(&url), key(EXECUTOR));
    let nodes: Vec<Value> =
        (0..LAYERS).flat_map(|layer| (0..WIDTH).map(move |place| node(layer, place))).collect();
    let submit =
        json!({"msgtype": "submitworkflowspecmsg", "spec": {"colonyname": "dev", "functionspecs": nodes}});
    let begun = Instant::now();
    let submitted = api.call(&submit, &key);
    assert_eq!(submitted.status, 200, "{}", submitted.payload);
    let id = submitted.payload["processgraphid"].clone();
    let executors: Vec<_> = (0..EXECUTORS)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || work(&url))
        })
        .collect();
    let taken: Vec<String> = executors.into_iter().flat_map(|executor| executor.join().unwrap()).collect();
    println!("{} nodes in {:?}, of which 3 s are the wait for more", LAYERS * WIDTH, begun.elapsed());
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for node in &taken {
        *times.entry(node).or_default() += 1;
    }
    assert_eq!((times.len(), times.values().max()), (LAYERS * WIDTH, Some(&1)));
    let shown = json!({"msgtype": "getprocessgraphmsg", "processgraphid": id});
    let graph = api.call(&shown, &key).payload;
    assert_eq!((&graph["state"], graph["nodes"].as_array().unwrap().len()), (&json!(2), LAYERS * WIDTH));
    let listed = json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 100, "state": 2});
    assert_eq!(api.call(&listed, &key).payload.as_array().unwrap().len(), 100);
    let inner = json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 100, "state": -1,
        "processgraphid": id});
    assert_eq!(api.call(&inner, &key).payload.as_array().unwrap().len(), 100);

    // However many processes are shown, the disk is looked at once for them at most, and once for their workflow.
    let looks = || metric(&metrics(&url), "colony_store_reads_total");
    for (message, most) in [(listed, 1.0), (inner, 2.0), (shown, 2.0)] {
        let mut counted: Vec<f64> = Vec::new();
        for _ in 0..5 {
            let before = looks();
            assert_eq!(api.call(&message, &key).status, 200);
            counted.push(looks() - before);
        }
        // What ended lately is in memory still; and the node has other things to read, too, now and then.
        assert!(counted.iter().any(|looks| *looks <= most), "{message}: {counted:?}");
    }
}
