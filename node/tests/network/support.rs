//! A node that echoes, and how to call it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_node::{
    client::{Mode, Remote, Transport as _, TransportError},
    net::{Caller, Handler, Handling, Multiaddr, NetConfig, NetError, NetLimits, Network, Tls},
    runtime::{Runtime, Tokio},
};
use colony_protocol::identity::{Identity, SecretKey};

/// Both protocols.
pub(crate) const MODES: [Mode; 2] = [Mode::Stream, Mode::PerRequest];
/// Any free port.
pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
/// The same over QUIC.
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
/// Ample for any call here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with what it was asked. `sleep:` in front takes a while, `forever` never ends, `vouch` makes a member of a
/// stranger.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// Requests under way.
    pub(crate) under_way: Arc<AtomicUsize>,
    /// Whether everybody is a stranger; otherwise everybody is a member.
    pub(crate) strangers: bool,
}

/// Counts a request until it is dropped.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Handler for Echo {
    fn handle(&self, from: Arc<Caller>, request: Vec<u8>) -> Handling {
        if request == b"vouch" {
            from.vouch();
        }
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let counted = UnderWay(Arc::clone(&self.under_way));
        Box::pin(async move {
            if request.starts_with(b"sleep:") {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            if request == b"forever" {
                std::future::pending::<()>().await;
            }
            drop(counted);
            request
        })
    }

    fn is_member(&self, _who: &Identity) -> bool {
        !self.strangers
    }

    fn overloaded(&self) -> Vec<u8> {
        b"busy".to_vec()
    }
}

/// A node that listens on `addresses`.
pub(crate) async fn start(
    addresses: &[&str],
    limits: NetLimits,
    runtime: &Runtime,
) -> Result<(Network, Arc<Echo>), NetError> {
    start_echo(Echo::default(), addresses, None, limits, runtime).await
}

/// A node that answers with `echo`, and shows a certificate if it has one.
pub(crate) async fn start_echo(
    echo: Echo,
    addresses: &[&str],
    tls: Option<Tls>,
    limits: NetLimits,
    runtime: &Runtime,
) -> Result<(Network, Arc<Echo>), NetError> {
    let echo = Arc::new(echo);
    let config = NetConfig {
        key: SecretKey::derive(&runtime.random::<32>()),
        listen: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        tls,
        limits,
        relay: false,
        lab: false,
    };
    let handler = Arc::clone(&echo) as Arc<dyn Handler>;
    Ok((Network::start(config, handler, runtime.clone()).await?, echo))
}

/// A runtime of its own, so that a test can end everything it started.
pub(crate) fn runtime() -> Runtime {
    Runtime::new(Tokio::new())
}

/// A client of a node.
pub(crate) fn remote(addresses: Vec<Multiaddr>, mode: Mode, runtime: &Runtime) -> Remote {
    Remote::connect_with(addresses, mode, runtime.clone())
}

/// One call.
pub(crate) async fn call(remote: &Remote, request: &[u8]) -> Result<Vec<u8>, TransportError> {
    remote.call(request.to_vec(), PATIENCE).await
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
