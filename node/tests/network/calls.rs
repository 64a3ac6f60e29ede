//! What a client and a node promise each other when nobody misbehaves.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use colony_node::{
    client::{Mode, Transport as _, TransportError},
    net::{NetError, NetLimits},
};
use colony_protocol::rpc::REQUEST_MAX;

use crate::support::{MODES, PATIENCE, QUIC, TCP, call, eventually, remote, runtime, start};

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_echo_over_tcp_and_quic() {
    let runtime = runtime();
    for address in [TCP, QUIC] {
        let (network, _) = start(&[address], NetLimits::default(), &runtime).await.unwrap();
        for mode in MODES {
            let remote = remote(network.addresses(), mode, &runtime);
            for len in [0, 1, 1000, 100_000, REQUEST_MAX] {
                let request = vec![7; len];
                assert!(call(&remote, &request).await.unwrap() == request, "{address} {mode:?} {len}");
            }
            eventually("the client counts", || network.peers() >= 1).await;
        }
        network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_with_many_requests_get_their_own_answers() {
    let runtime = runtime();
    let (network, _) = start(&[TCP, QUIC], NetLimits::default(), &runtime).await.unwrap();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..40_u32 {
        let mode = MODES[client as usize % 2];
        let remote = remote(network.addresses(), mode, &runtime);
        clients.spawn(async move {
            let calls = (0..50_u32).map(|number| {
                let request = [client.to_be_bytes(), number.to_be_bytes()].concat();
                let remote = remote.clone();
                async move { assert_eq!(call(&remote, &request).await.unwrap(), request) }
            });
            futures::future::join_all(calls).await;
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_does_not_hold_up_the_others() {
    let runtime = runtime();
    let (network, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    for mode in MODES {
        let remote = remote(network.addresses(), mode, &runtime);
        let (slow, quick) = (call(&remote, b"sleep:1"), call(&remote, b"quick"));
        tokio::pin!(slow);
        tokio::select! {
            biased;
            _ = &mut slow => panic!("{mode:?}: answers keep the order of requests"),
            quick = quick => assert_eq!(quick.unwrap(), b"quick"),
        }
        assert_eq!(slow.await.unwrap(), b"sleep:1");
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_port_is_named() {
    let runtime = runtime();
    for (address, other) in [(TCP, QUIC), (QUIC, TCP)] {
        let (network, _) = start(&[address], NetLimits::default(), &runtime).await.unwrap();
        let mut taken = network.addresses().remove(0);
        taken.pop();
        let taken = taken.to_string();
        let error = start(&[other, &taken], NetLimits::default(), &runtime).await.unwrap_err();
        assert!(matches!(error, NetError::InUse { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("address already in use: {taken}"));
        network.shutdown().await;
        // Once the node is gone the port is free again. (QUIC's own task may take a moment to let go.)
        let mut again = start(&[&taken], NetLimits::default(), &runtime).await;
        for _ in 0..100 {
            if again.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            again = start(&[&taken], NetLimits::default(), &runtime).await;
        }
        again.unwrap().0.shutdown().await;
    }
}

#[tokio::test]
async fn nonsense_addresses_are_named() {
    let runtime = runtime();
    for nonsense in ["/ip4/127.0.0.1", "/dns4/example.org/tcp/1", "/ip4/127.0.0.1/udp/1"] {
        let error = start(&[nonsense], NetLimits::default(), &runtime).await.unwrap_err();
        assert!(error.to_string().contains(nonsense), "{error}");
    }
    let error = start(&["/ip4/192.0.2.7/tcp/4001"], NetLimits::default(), &runtime).await.unwrap_err();
    assert!(matches!(error, NetError::Listen { .. }), "not an address of this machine: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_known_at_once() {
    let runtime = runtime();
    let addresses = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap(), "/ip4/127.0.0.1/tcp/2".parse().unwrap()];
    for mode in MODES {
        let remote = remote(addresses.clone(), mode, &runtime);
        let start = Instant::now();
        let error = call(&remote, b"hello").await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        let TransportError::Unreachable(why) = error else { panic!("{error:?}") };
        assert!(why.contains("tcp/1: Connection refused") && why.contains("tcp/2: "), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_addresses_is_enough() {
    let runtime = runtime();
    let (network, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let mut addresses = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    addresses.extend(network.addresses());
    for mode in MODES {
        assert_eq!(call(&remote(addresses.clone(), mode, &runtime), b"x").await.unwrap(), b"x");
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_a_timeout_and_the_request_is_dropped_with_its_stream() {
    let runtime = runtime();
    let (network, echo) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let remote = remote(network.addresses(), Mode::Stream, &runtime);
    let timeout = Duration::from_millis(200);
    let error = remote.call(b"forever".to_vec(), timeout).await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut(after) if after == timeout), "{error:?}");
    assert_eq!(echo.under_way.load(Ordering::SeqCst), 1);
    drop(remote);
    eventually("the request is dropped", || echo.under_way.load(Ordering::SeqCst) == 0).await;
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn substreams_that_were_given_up_do_not_block_a_client_for_ever() {
    let runtime = runtime();
    let (network, echo) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let remote = remote(network.addresses(), Mode::PerRequest, &runtime);
    let given_up = (0..64).map(|_| remote.call(b"forever".to_vec(), Duration::from_millis(500)));
    for outcome in futures::future::join_all(given_up).await {
        assert!(matches!(outcome, Err(TransportError::TimedOut(_))), "{outcome:?}");
    }
    // The next one finds no place, and makes room for those that follow.
    assert!(matches!(call(&remote, b"x").await, Err(TransportError::Broken(_))));
    eventually("the node forgets them", || echo.under_way.load(Ordering::SeqCst) == 0).await;
    assert_eq!(call(&remote, b"y").await.unwrap(), b"y");
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_find_a_node_that_was_restarted() {
    let runtime = runtime();
    for mode in MODES {
        let (network, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
        let mut address = network.addresses().remove(0);
        // The restarted node has another key here: the address alone must do.
        address.pop();
        let remote = remote(vec![address.clone()], mode, &runtime);
        assert_eq!(call(&remote, b"before").await.unwrap(), b"before");
        network.shutdown().await;

        let error = call(&remote, b"meanwhile").await.unwrap_err();
        assert!(matches!(error, TransportError::Unreachable(_) | TransportError::Broken(_)), "{error:?}");
        let (network, _) = start(&[&address.to_string()], NetLimits::default(), &runtime).await.unwrap();
        assert_eq!(call(&remote, b"after").await.unwrap(), b"after");
        network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_answers_what_is_under_way() {
    let runtime = runtime();
    for mode in MODES {
        let (network, echo) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
        let remote = remote(network.addresses(), mode, &runtime);
        let asking = tokio::spawn(async move { call(&remote, b"sleep:now").await });
        eventually("the request has arrived", || echo.under_way.load(Ordering::SeqCst) == 1).await;
        network.shutdown().await;
        assert_eq!(asking.await.unwrap().unwrap(), b"sleep:now", "{mode:?}");
    }
    assert!(runtime.shutdown(PATIENCE).await, "nothing is left running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_says_so_instead_of_queueing() {
    let runtime = runtime();
    let limits = NetLimits { requests: 3, ..NetLimits::default() };
    let (network, echo) = start(&[TCP], limits, &runtime).await.unwrap();
    let holder = remote(network.addresses(), Mode::Stream, &runtime);
    for _ in 0..3 {
        let holder = holder.clone();
        tokio::spawn(async move { call(&holder, b"forever").await });
    }
    eventually("three are under way", || echo.under_way.load(Ordering::SeqCst) == 3).await;
    for mode in MODES {
        assert_eq!(call(&remote(network.addresses(), mode, &runtime), b"one more").await.unwrap(), b"busy");
    }
}
