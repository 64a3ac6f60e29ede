//! What clients speak: a substream for each request, or one stream for all.

use std::{sync::Arc, time::Duration};

use colony_node::{
    client::{Mode, Remote, Transport as _},
    net::{Multiaddr, NetConfig, NetLimits, Network},
    runtime::{Runtime, Tokio},
};
use colony_protocol::identity::SecretKey;

use crate::{BYTES, echo::Echo, rate};

/// Longer than any round trip.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn measure(listen: &Multiaddr, mode: Mode, at_once: usize, span: Duration) -> f64 {
    let runtime = Runtime::new(Tokio::new());
    let config = NetConfig {
        key: SecretKey::derive(b"echo"),
        listen: vec![listen.clone()],
        tls: None,
        limits: NetLimits::default(),
        relay: false,
        lab: false,
    };
    let network = Network::start(config, Arc::new(Echo::default()), runtime.clone()).await.unwrap();
    let remote = Remote::connect_with(network.addresses(), mode, runtime.clone());
    let rate = rate(at_once, span, move || {
        let remote = remote.clone();
        async move {
            assert_eq!(remote.call(vec![1; BYTES], PATIENCE).await.unwrap().len(), BYTES);
        }
    })
    .await;
    network.shutdown().await;
    rate
}
