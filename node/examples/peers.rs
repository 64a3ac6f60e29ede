//! How many round trips a second one stream between two nodes carries, one at a time and many at once.
//!
//! `cargo run --release -p colony-node --example peers`
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "measures by the real clock and prints")]

use std::{
    collections::BTreeSet,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use colony_node::{
    consensus::{Timing, Types},
    net::{Caller, Handler, Handling, NetConfig, NetLimits, Network},
    peers::{Colleague, Deciding, Installing, Peers},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::member::{MemberKey, StoreId},
};
use colony_store::{MemberId, MemberInfo, Snapshot, Vote};
use futures::FutureExt as _;
use openraft::{
    error::{Fatal, RaftError},
    raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse},
};

const COLONY: Identity = Identity::from_bytes([7; 32]);
/// A request and its outcome, about as large as a small submission.
const BYTES: usize = 300;
/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(3);

/// Echoes clients' requests, and has no engine.
struct Echo(BTreeSet<Identity>);

impl Colleague for Echo {
    fn hears(&self, from: &Identity) -> bool {
        self.0.contains(from)
    }

    fn knows(&self, identity: &Identity) -> bool {
        self.hears(identity)
    }

    fn store(&self) -> StoreId {
        StoreId::default()
    }

    fn append(&self, _: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn vote(&self, _: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn install_snapshot(&self, _: Vote, _: openraft::Snapshot<Types>) -> Installing {
        async { Err(Fatal::Stopped) }.boxed()
    }

    fn forwarded(&self, _: Identity, request: Vec<u8>) -> Handling {
        Box::pin(async move { request })
    }
}

impl Handler for Echo {
    fn handle(&self, _: Arc<Caller>, request: Vec<u8>) -> Handling {
        Box::pin(async move { request })
    }

    fn is_member(&self, _: &Identity) -> bool {
        true
    }

    fn overloaded(&self) -> Vec<u8> {
        Vec::new()
    }
}

async fn node(
    key: &SecretKey,
    other: &SecretKey,
    runtime: &Runtime,
) -> Result<(Peers, MemberInfo), Box<dyn Error>> {
    let echo = || Echo(BTreeSet::from([other.identity()]));
    let (peers, door) = Peers::new(key, Timing::Local, runtime.clone());
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    let config = NetConfig {
        key: key.clone(),
        listen,
        tls: None,
        limits: NetLimits::default(),
        relay: false,
        lab: false,
    };
    let network = Network::start_with(config, Arc::new(echo()), door, runtime.clone()).await?;
    peers.serve(COLONY, Arc::new(echo()));
    let addresses: Result<Vec<_>, _> =
        network.addresses().iter().map(|address| Text::new(address.to_string())).collect();
    let info =
        MemberInfo { addresses: List::new(addresses?)?, key: MemberKey::of(key), ..MemberInfo::default() };
    Ok((peers, info))
}

async fn measure(
    peers: &Peers,
    to: Identity,
    info: &MemberInfo,
    at_once: usize,
) -> Result<u64, Box<dyn Error>> {
    let start = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (peers, info) = (peers.clone(), info.clone());
        asking.spawn(async move {
            let mut count = 0_u64;
            while start.elapsed() < SPAN {
                peers.forward(COLONY, to, &info, vec![1; BYTES], SPAN).await?;
                count += 1;
            }
            Ok::<_, colony_node::consensus::LinkError>(count)
        });
    }
    let mut sum = 0;
    while let Some(count) = asking.join_next().await {
        sum += count??;
    }
    Ok(sum / SPAN.as_secs())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new(Tokio::new());
    let (one, other) = (SecretKey::derive(b"one"), SecretKey::derive(b"other"));
    let (peers, _) = node(&one, &other, &runtime).await?;
    let (_there, info) = node(&other, &one, &runtime).await?;
    peers.keep(COLONY, vec![(other.identity(), info.clone())]);
    for at_once in [1, 64] {
        let rate = measure(&peers, other.identity(), &info, at_once).await?;
        println!("{at_once:>3} at once: {rate} round trips/s of {BYTES} bytes each way");
    }
    Ok(())
}
