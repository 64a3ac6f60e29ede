//! A member's own place in the network: what goes over it, and that nothing is served there.

use std::time::{Duration, Instant};

use colony_node::{
    client::{ClientError, Mode, Remote, TransportError},
    discovery::Settings,
    endpoint::{Endpoint, EndpointConfig},
    net::NetLimits,
    runtime::Runtime,
};
use colony_protocol::{identity::SecretKey, query::Query, refusal::Refusal, rpc};

use crate::support::{QUIC, TCP, call, eventually, remote, runtime, start};

async fn endpoint(listen: &[&str], runtime: &Runtime) -> Endpoint {
    let key = SecretKey::derive(&runtime.random::<32>());
    let listen = listen.iter().map(|address| address.parse().unwrap()).collect();
    Endpoint::start(EndpointConfig { key, listen, discovery: Settings::default() }, runtime.clone())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_asks_shares_the_connections_of_the_endpoint() {
    let runtime = runtime();
    let (node, _) = start(&[TCP, QUIC], NetLimits::default(), &runtime).await.unwrap();
    let endpoint = endpoint(&[], &runtime).await;
    for number in 0..5_u8 {
        let remote = Remote::over(endpoint.network(), node.addresses(), runtime.clone());
        assert_eq!(call(&remote, &[number]).await.unwrap(), [number]);
    }
    assert_eq!((node.peers(), endpoint.network().peers()), (1, 1));
    // One that listens nowhere is not reached, and lets go when it ends.
    assert!(endpoint.network().addresses().is_empty());
    endpoint.shutdown().await;
    eventually("the node forgets the endpoint", || node.peers() == 0).await;
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_node_made_is_used_too() {
    let runtime = runtime();
    let (node, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let endpoint = endpoint(&[TCP], &runtime).await;
    let asking = Remote::over(&node, endpoint.network().addresses(), runtime.clone());
    let told = call(&asking, b"anything").await.unwrap();
    assert!(matches!(rpc::decode_outcome(&told), Ok(Err(Refusal::Unavailable(_)))), "{told:?}");

    // Where the node can be dialled is not known, but who it is.
    let nowhere = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", node.peer()).parse().unwrap();
    let remote = Remote::over(endpoint.network(), vec![nowhere], runtime.clone());
    assert_eq!(call(&remote, b"back").await.unwrap(), b"back");
    node.shutdown().await;
    endpoint.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_node_is_asked_when_one_is_gone_and_the_first_when_it_is_back() {
    let runtime = runtime();
    let (one, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let (other, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let endpoint = endpoint(&[], &runtime).await;
    let addresses = [one.addresses(), other.addresses()].concat();
    let remote = Remote::over(endpoint.network(), addresses, runtime.clone());
    assert_eq!(call(&remote, b"one").await.unwrap(), b"one");
    assert_eq!(one.peers(), 1);
    one.shutdown().await;
    // The stream may break with the call under way, which is then asked of the other at once.
    assert_eq!(call(&remote, b"other").await.unwrap(), b"other");
    other.shutdown().await;
    let begun = Instant::now();
    let error = call(&remote, b"nobody").await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable(_) | TransportError::Broken(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    endpoint.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_by_a_member_without_a_replica() {
    let runtime = runtime();
    let endpoint = endpoint(&[TCP, QUIC], &runtime).await;
    for mode in [Mode::Stream, Mode::PerRequest] {
        let told = call(&remote(endpoint.network().addresses(), mode, &runtime), b"x").await.unwrap();
        assert!(matches!(rpc::decode_outcome(&told), Ok(Err(Refusal::Unavailable(_)))), "{told:?}");
    }
    endpoint.shutdown().await;
    assert!(runtime.shutdown(Duration::from_secs(5)).await, "nothing is left running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_colony_nobody_has_told_of_reaches_nobody() {
    let runtime = runtime();
    let endpoint = endpoint(&[], &runtime).await;
    let key = SecretKey::derive(b"member");
    let client = endpoint.client(key.identity(), key.clone());
    let error = client.query(&Query::Status).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Unreachable(_))), "{error:?}");

    // Addresses that come later are used by clients that are there already.
    let (node, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    endpoint.learn(&key.identity(), node.addresses());
    let error = client.query(&Query::Status).await.unwrap_err();
    assert!(!matches!(error, ClientError::Transport(TransportError::Unreachable(_))), "{error:?}");
    assert_eq!(node.peers(), 1);
    endpoint.shutdown().await;
    node.shutdown().await;
}
