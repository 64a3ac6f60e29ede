//! How a colony wakes its executors: how many ask for one piece of work, how soon it is assigned, what waiting costs.
//!
//! ```text
//! cargo run --release -p colony-node --example herd -- work [EXECUTORS] [ROUNDS]
//! cargo run --release -p colony-node --example herd -- mesh [SWARMS] [WORDS]
//! unshare -rn sh -c 'ip link set lo up; herd idle [EXECUTORS] [SECONDS]'
//! ```
//!
//! Three nodes and all executors are this process; each executor has a swarm of its own on the loopback interface and is
//! told of one node. `work` counts requests for work and measures from submission and from
//! announcement to assignment; `mesh` measures how fast word spreads; `idle` counts the bytes of the loopback interface,
//! with and without executors, so nothing else may use it: hence the namespace.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a measuring tool, not a part of the node"
)]

mod crowd;
mod idle;
mod mesh;
mod trio;
mod work;

use std::time::Duration;

use colony_node::runtime::{Runtime, Tokio};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "work".to_owned());
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let runtime = Runtime::new(Tokio::new());
    match what.as_str() {
        "work" => work::measure(number(200), number(20), &runtime).await,
        "mesh" => mesh::measure(number(200), number(100), &runtime).await,
        "idle" => idle::measure(number(20), number(300), &runtime).await,
        other => panic!("work, mesh or idle, not {other}"),
    }
}

/// The middle, the 99th of a hundred, and the longest.
fn percentiles(mut times: Vec<Duration>) -> String {
    if times.is_empty() {
        return "nothing was measured".to_owned();
    }
    times.sort();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).unwrap();
    format!(
        "p50 {:.1?}, p99 {:.1?}, longest {:.1?} of {}",
        at(50),
        at(99),
        times.last().unwrap(),
        times.len()
    )
}
