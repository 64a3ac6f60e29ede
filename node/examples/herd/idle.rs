//! What it costs to wait: bytes on the wire of an executor to whom nothing happens.

use std::{fs, time::Duration};

use colony_node::runtime::Runtime;

use crate::{crowd::Crowd, trio::Trio};

/// Until nothing is made or closed any more.
const SETTLE: Duration = Duration::from_secs(75);

pub(crate) async fn measure(executors: usize, seconds: usize, runtime: &Runtime) {
    let trio = Trio::start(executors, runtime).await;
    runtime.sleep(Duration::from_secs(5)).await;
    let nodes = per_second(runtime, 60).await;
    println!("three nodes alone: {:.0} bytes/s", nodes);
    let crowd = Crowd::start(executors, &trio, runtime).await;
    runtime.sleep(SETTLE).await;
    let (asks, before) = (crowd.asks(), nodes);
    let all = per_second(runtime, seconds).await;
    let each = (all - before) / executors as f64;
    println!(
        "with {executors} executors: {all:.0} bytes/s; each {each:.0} bytes/s, {:.2} MiB an hour, {:.1} asks an hour",
        each * 3600.0 / 1_048_576.0,
        (crowd.asks() - asks) as f64 / executors as f64 / seconds as f64 * 3600.0
    );
    println!(
        "connections of the nodes, the coordinator first: {:?}; deaf: {}",
        trio.connections(),
        crowd.deaf().await
    );
    crowd.stop();
}

async fn per_second(runtime: &Runtime, seconds: usize) -> f64 {
    let (begun, before) = (runtime.elapsed(), received());
    runtime.sleep(Duration::from_secs(seconds as u64)).await;
    (received() - before) as f64 / (runtime.elapsed() - begun).as_secs_f64()
}

/// Bytes that the loopback interface has received: all that was sent on it, with every header.
fn received() -> u64 {
    let interfaces = fs::read_to_string("/proc/net/dev").unwrap();
    let line = interfaces.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
