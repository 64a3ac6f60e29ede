//! What a long queue costs: time of an assignment, and memory.

use crate::{
    node::{Client, Node},
    timed::Latencies,
};

/// Processes that wait.
const WAITING: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Assignments measured at each of them; each process taken is replaced, so that the queue stays as long.
const ASSIGNS: usize = 500;
/// Processes that wait while memory is looked at.
const REMEMBERED: usize = 100_000;

/// Assignment by the length of the queue.
pub(super) fn assigns() {
    let node = Node::start();
    let mut client = Client::connect(&node.url);
    let mut there = 0;
    for waiting in WAITING {
        node.fill(waiting - there, "cli");
        there = waiting;
        let mut latencies = Latencies::default();
        for _ in 0..ASSIGNS {
            let id = latencies.time(|| client.assign(1)).expect("the queue is long");
            client.close(&id);
            client.submit();
        }
        println!("  {waiting} waiting: {latencies}");
    }
}

/// Resident memory by the length of the queue.
pub(super) fn memory() {
    let node = Node::start();
    let mebi = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("  nothing waiting: {:.1} MiB", mebi(node.resident()));
    node.fill(REMEMBERED, "nobody");
    println!("  {REMEMBERED} waiting: {:.1} MiB", mebi(node.resident()));
}
