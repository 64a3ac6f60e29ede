//! How fast word spreads among many swarms, each of which knows six others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use colony_node::{
    net::{
        Network, PeerId,
        gossip::{Ear, Verdict},
    },
    runtime::Runtime,
};
use colony_protocol::identity::SecretKey;

use crate::{crowd, percentiles, trio::colony};

/// Until the mesh has come to rest.
const SETTLE: Duration = Duration::from_secs(15);
/// Between two words: as fast as a coordinator speaks.
const PACE: Duration = Duration::from_millis(100);
/// As large as an announcement of a few kinds of work.
const SIZE: usize = 400;

/// When each word reached each of them.
#[derive(Debug)]
struct Log {
    times: Mutex<BTreeMap<u64, Vec<Duration>>>,
    runtime: Runtime,
}

/// One of them. Judging costs what a signature costs.
#[derive(Debug)]
struct Member(Arc<Log>);

impl Ear for Member {
    fn hear(&self, _from: PeerId, message: &[u8]) -> Verdict {
        let now = self.0.runtime.elapsed();
        let number = u64::from_le_bytes(*message.first_chunk().unwrap());
        self.0.times.lock().unwrap().entry(number).or_default().push(now);
        Verdict::Accept
    }
}

pub(crate) async fn measure(count: usize, words: usize, runtime: &Runtime) {
    let log = Arc::new(Log { times: Mutex::default(), runtime: runtime.clone() });
    let (mut swarms, mut seats): (Vec<Network>, Vec<_>) = (Vec::new(), Vec::new());
    for number in 0..count {
        let key = SecretKey::derive(format!("mesh {number}").as_bytes());
        let swarm = crowd::swarm(key, runtime).await;
        seats.push(swarm.gossip().join(colony(), Arc::new(Member(Arc::clone(&log)))).await);
        let mut known = Vec::new();
        for _ in 0..6.min(swarms.len()) {
            let other = &swarms[usize::from(u16::from_le_bytes(runtime.random())) % swarms.len()];
            known.push((other.peer(), other.addresses()));
        }
        swarm.gossip().introduce(colony(), known).await;
        swarms.push(swarm);
    }
    runtime.sleep(SETTLE).await;
    let mut said = Vec::new();
    for number in 0..words {
        let mut word = vec![0; SIZE];
        word[..8].copy_from_slice(&(number as u64).to_le_bytes());
        said.push(runtime.elapsed());
        swarms[number % swarms.len()].gossip().publish(colony(), word).await;
        runtime.sleep(PACE).await;
    }
    runtime.sleep(Duration::from_secs(5)).await;
    let times = log.times.lock().unwrap();
    let mut delays = Vec::new();
    let mut last = Vec::new();
    for (number, said) in said.iter().enumerate() {
        let heard = times.get(&(number as u64)).cloned().unwrap_or_default();
        last.extend(heard.iter().max().map(|at| *at - *said));
        delays.extend(heard.iter().map(|at| *at - *said));
    }
    let expected = words * (count - 1);
    println!("{count} swarms, {words} words: heard {} of {expected}", delays.len());
    println!("  by each: {}", percentiles(delays));
    println!("  by the last: {}", percentiles(last));
}
