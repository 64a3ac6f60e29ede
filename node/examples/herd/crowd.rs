//! Many executors that hear announcements, each in a swarm of its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_node::{
    announcements::{Newest, listen},
    client::{Answering, Client, Remote, Transport},
    executor::NoopExecutor,
    net::{Caller, Handler, Handling, NetConfig, NetLimits, Network},
    runtime::Runtime,
};
use colony_protocol::{
    announcement::Listener,
    codec,
    envelope::{Body, Signed},
    identity::{Identity, SecretKey},
    model::Name,
};
use tokio_util::sync::CancellationToken;

use crate::trio::{Trio, colony};

pub(crate) fn key(number: usize) -> SecretKey {
    SecretKey::derive(format!("herd executor {number}").as_bytes())
}

pub(crate) fn name(number: usize) -> Name {
    Name::cut(&format!("executor-{number}"))
}

pub(crate) fn kind() -> Name {
    Name::cut("herd")
}

/// What all of them did.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// Requests for work.
    pub(crate) asks: AtomicUsize,
}

/// The executors.
pub(crate) struct Crowd {
    pub(crate) swarms: Vec<Network>,
    pub(crate) count: Arc<Count>,
    stop: CancellationToken,
}

/// Counts requests for work on their way out.
#[derive(Debug)]
struct Counting {
    inner: Remote,
    count: Arc<Count>,
}

impl Transport for Counting {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let signed = Signed::from_bytes(&request).unwrap();
        let body: Body = codec::decode(&signed.body).unwrap();
        if &*body.kind == "assign" {
            self.count.asks.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.call(request, timeout)
    }

    fn nodes(&self) -> usize {
        self.inner.nodes()
    }
}

impl Crowd {
    /// Starts them. Each is told of the coordinator, as by a ticket of it, and learns of everybody else by asking.
    pub(crate) async fn start(executors: usize, trio: &Trio, runtime: &Runtime) -> Self {
        let (count, stop) = (Arc::new(Count::default()), CancellationToken::new());
        let mut swarms: Vec<Network> = Vec::new();
        let nodes = trio.nodes();
        for number in 0..executors {
            let swarm = swarm(key(number), runtime).await;
            let remote = Remote::over(&swarm, nodes[0].1.clone(), runtime.clone());
            let transport = Arc::new(Counting { inner: remote.clone(), count: Arc::clone(&count) });
            let client = Client::new(transport, colony(), key(number), runtime.clone());
            let listener =
                Listener { id: key(number).identity(), name: name(number), executor_type: kind(), row: None };
            // What a member does when it has asked who the colony's nodes are.
            remote.learn(nodes.iter().flat_map(|(_, addresses)| addresses.clone()).collect());
            remote.spread(&swarm.peer()).await;
            let hints = listen(swarm.gossip(), client.clone(), listener, nodes[..1].to_vec()).await;
            let executor = NoopExecutor::new(client, 1).with_hints(hints);
            let stop = stop.clone();
            runtime.spawn("executor", async move {
                if let Err(error) = executor.run(stop).await {
                    panic!("an executor failed: {error}");
                }
            });
            swarms.push(swarm);
        }
        Self { swarms, count, stop }
    }

    pub(crate) fn asks(&self) -> usize {
        self.count.asks.load(Ordering::Relaxed)
    }

    /// Those with no peer in the mesh.
    pub(crate) async fn deaf(&self) -> usize {
        let mut deaf = 0;
        for swarm in &self.swarms {
            let there = swarm.gossip().neighbourhood(colony()).await;
            deaf += usize::from(there.mesh == 0);
        }
        deaf
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

/// When each wave was announced, as one who listens heard it.
pub(crate) fn record(mut newest: tokio::sync::watch::Receiver<Newest>, runtime: &Runtime) -> Waves {
    let waves = Waves::default();
    let told = Arc::clone(&waves);
    runtime.spawn("record", async move {
        while newest.changed().await.is_ok() {
            let heard = newest.borrow_and_update().clone();
            for heard in heard.into_iter() {
                for work in heard.announcement.waiting.iter() {
                    told.lock().unwrap().push((work.wave, heard.announcement.issued));
                }
            }
        }
    });
    waves
}

/// Waves and when they were first announced.
pub(crate) type Waves = Arc<Mutex<Vec<(u64, colony_protocol::time::Timestamp)>>>;

/// A place in the network that answers nothing.
pub(crate) async fn swarm(key: SecretKey, runtime: &Runtime) -> Network {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let config = NetConfig { key, listen, limits: NetLimits::default(), relay: false, tls: None, lab: false };
    Network::start(config, Arc::new(Mute), runtime.clone()).await.unwrap()
}

#[derive(Debug)]
struct Mute;

impl Handler for Mute {
    fn is_member(&self, _who: &Identity) -> bool {
        true
    }

    fn handle(&self, _from: Arc<Caller>, _request: Vec<u8>) -> Handling {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn overloaded(&self) -> Vec<u8> {
        Vec::new()
    }
}
