//! What colonies cost that nobody uses: processor and memory of one node that serves many.
//!
//! ```text
//! cargo run --release -p colony-node --example idle -- [COLONIES] [SECONDS] [DIRECTORY|memory]
//! ```
//!
//! The node is this process and listens on the loopback interface. Measured with one colony, then with all, so that the difference is
//! what the others cost.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool, not a part of the node")]

use std::{fs, path::PathBuf, time::Duration};

use colony_node::{
    consensus::Timing,
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{identity::SecretKey, model::Name};

/// Ticks of the clock in which the system counts processor time: 100 a second on every Linux we run on.
const TICKS: f64 = 100.0;
/// Until founding has come to rest.
const SETTLE: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (colonies, seconds) = (number(100), number(20));
    let data = match arguments.next().as_deref() {
        None | Some("memory") => Data::Memory,
        Some(path) => Data::Directory(PathBuf::from(path)),
    };
    let runtime = Runtime::new(Tokio::new());
    let config = NodeConfig {
        key: SecretKey::derive(b"idle node"),
        data,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        relay: false,
        tls: None,
        timing: Timing::Internet,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![colony(0)],
    };
    let node = Node::start(config, runtime.clone()).await.unwrap();
    let one = measure(&runtime, seconds).await;
    println!("1 colony: {:.2} % of a core, {:.1} MiB", one.0, one.1);
    for number in 1..colonies {
        node.open_colony(&colony(number)).await.unwrap();
    }
    let all = measure(&runtime, seconds).await;
    println!("{colonies} colonies: {:.2} % of a core, {:.1} MiB", all.0, all.1);
    let others = (colonies - 1).max(1) as f64;
    println!(
        "each: {:.4} % of a core, {:.0} KiB",
        (all.0 - one.0) / others,
        (all.1 - one.1) * 1024.0 / others
    );
    node.shutdown().await;
}

fn colony(number: u64) -> ColonyConfig {
    let owner = SecretKey::derive(format!("idle owner {number}").as_bytes());
    let founding = Founding {
        owner: owner.clone(),
        name: Name::cut(&format!("idle-{number}")),
        member: Name::cut("idle"),
        executors: Vec::new(),
        users: Vec::new(),
    };
    ColonyConfig { id: owner.identity(), found: Some(founding), peers: Vec::new() }
}

/// Percent of a core over some seconds, and MiB resident at their end.
async fn measure(runtime: &Runtime, seconds: u64) -> (f64, f64) {
    runtime.sleep(SETTLE).await;
    let (begun, before) = (runtime.elapsed(), ticks());
    runtime.sleep(Duration::from_secs(seconds)).await;
    let took = (runtime.elapsed() - begun).as_secs_f64();
    ((ticks() - before) / TICKS / took * 100.0, resident())
}

/// Processor time of this process, all threads: the 14th and 15th field, counted behind the name.
fn ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
