//! The one stream between two nodes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colony_node::{
    consensus::Timing,
    net::{Multiaddr, NetConfig, NetLimits, Network},
    peers::Peers,
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::member::MemberKey,
};
use colony_store::MemberInfo;

use crate::{BYTES, echo::Echo, rate};

const COLONY: Identity = Identity::from_bytes([7; 32]);
/// Longer than any round trip.
const PATIENCE: Duration = Duration::from_secs(10);

async fn node(
    key: &SecretKey,
    other: &SecretKey,
    listen: &Multiaddr,
    runtime: &Runtime,
) -> (Peers, Network, MemberInfo) {
    let echo = || Echo(BTreeSet::from([other.identity()]));
    let (peers, door) = Peers::new(key, Timing::Local, runtime.clone());
    let config = NetConfig {
        key: key.clone(),
        listen: vec![listen.clone()],
        tls: None,
        limits: NetLimits::default(),
        relay: false,
        lab: false,
    };
    let network = Network::start_with(config, Arc::new(echo()), door, runtime.clone()).await.unwrap();
    peers.serve(COLONY, Arc::new(echo()));
    let addresses =
        network.addresses().iter().map(|address| Text::new(address.to_string()).unwrap()).collect();
    let addresses = List::new(addresses).unwrap();
    (peers, network, MemberInfo { addresses, key: MemberKey::of(key), ..MemberInfo::default() })
}

pub(crate) async fn measure(listen: &Multiaddr, at_once: usize, span: Duration) -> f64 {
    let runtime = Runtime::new(Tokio::new());
    let (one, other) = (SecretKey::derive(b"one"), SecretKey::derive(b"other"));
    let (peers, here, _) = node(&one, &other, listen, &runtime).await;
    let (_colleague, there, info) = node(&other, &one, listen, &runtime).await;
    let to = other.identity();
    peers.keep(COLONY, vec![(to, info.clone())]);
    while !peers.reachable().borrow().contains(&to) {
        runtime.sleep(Duration::from_millis(10)).await;
    }
    let rate = rate(at_once, span, move || {
        let (peers, info) = (peers.clone(), info.clone());
        async move {
            peers.forward(COLONY, to, &info, vec![1; BYTES], PATIENCE).await.unwrap();
        }
    })
    .await;
    here.shutdown().await;
    there.shutdown().await;
    rate
}
