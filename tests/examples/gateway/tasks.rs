//! A layered workflow, carried out by executors that wait for its nodes.

use std::{thread, time::Instant};

use serde_json::{Value, json};

use crate::node::{Client, Node};

/// Nodes of a layer, and layers: each node waits for two of the layer above.
const WIDTH: usize = 20;
const LAYERS: usize = 50;
/// Executors at work.
const EXECUTORS: usize = 8;

fn name(layer: usize, place: usize) -> String {
    format!("n{layer}-{}", place % WIDTH)
}

fn task(layer: usize, place: usize) -> Value {
    let parents = match layer {
        0 => Vec::new(),
        _ => vec![name(layer - 1, place), name(layer - 1, place + 1)],
    };
    let conditions = json!({"colonyname": "dev", "executortype": "cli", "dependencies": parents});
    json!({"nodename": name(layer, place), "funcname": "f", "conditions": conditions})
}

/// A workflow of a thousand nodes, from its submission to the close of its last node.
pub(super) fn workflow() {
    let node = Node::start();
    let executors: Vec<_> = (0..EXECUTORS)
        .map(|_| {
            let mut client = Client::connect(&node.url);
            thread::spawn(move || {
                let (mut done, mut last) = (0, Instant::now());
                // The first wait is for the submission; a short one at the end tells that there is no more.
                while let Some(id) = client.assign(3) {
                    client.close(&id);
                    (done, last) = (done + 1, Instant::now());
                }
                (done, last)
            })
        })
        .collect();
    let tasks: Vec<Value> =
        (0..LAYERS).flat_map(|layer| (0..WIDTH).map(move |place| task(layer, place))).collect();
    let submit =
        json!({"msgtype": "submitworkflowspecmsg", "spec": {"colonyname": "dev", "functionspecs": tasks}});
    let begun = Instant::now();
    let reply = Client::connect(&node.url).call(&submit);
    assert_eq!(reply.status, 200, "{reply:?}");
    let submitted = begun.elapsed();
    let (done, last) = executors
        .into_iter()
        .map(|executor| executor.join().unwrap())
        .reduce(|all, one| (all.0 + one.0, all.1.max(one.1)))
        .unwrap();
    assert_eq!(done, WIDTH * LAYERS);
    println!(
        "  {done} nodes, {LAYERS} layers, {EXECUTORS} executors: submitted in {:.0} ms, all closed after {:.2} s",
        submitted.as_secs_f64() * 1e3,
        last.saturating_duration_since(begun).as_secs_f64()
    );
}
