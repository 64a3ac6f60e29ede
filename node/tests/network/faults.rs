//! What peers that misbehave cannot do. How much memory they cost is looked at where a node has a process of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use colony_node::{
    client::{Mode, Remote},
    net::NetLimits,
};
use colony_tests::{badboy::Attack, parameter::parameter};

use crate::support::{MODES, TCP, call, eventually, remote, runtime, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_malformed_frames_hurt_nobody() {
    let frames = parameter("COLONY_TEST_FRAMES", 10_000);
    let runtime = runtime();
    let (network, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let target = network.addresses().remove(0);

    // A good client is served all the while.
    let good = remote(network.addresses(), Mode::Stream, &runtime);
    let stop = Arc::new(AtomicBool::new(false));
    let serving = tokio::spawn(keep_asking(good, Arc::clone(&stop)));

    let limit = Duration::from_secs(180);
    let damage = Attack { seed: 2, limit, ..Attack::new(target, frames) }.run().await;
    stop.store(true, Ordering::Relaxed);
    let (asked, slowest) = serving.await.unwrap();

    // An attack that did not take place proves nothing.
    assert!(damage.frames >= frames && damage.connections > 10 && damage.answers > 0, "{damage:?}");
    assert!(asked > 10 && slowest < Duration::from_secs(5), "{asked} asked, the slowest took {slowest:?}");
    network.shutdown().await;
    assert!(runtime.shutdown(Duration::from_secs(10)).await, "no task is left behind");
}

async fn keep_asking(good: Remote, stop: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        assert_eq!(call(&good, b"still there?").await.unwrap(), b"still there?");
        slowest = slowest.max(start.elapsed());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (asked, slowest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greedy_peer_gets_its_share_and_the_others_theirs() {
    let runtime = runtime();
    let limits = NetLimits { requests_per_peer: 4, requests: 6, ..NetLimits::default() };
    let (network, echo) = start(&[TCP], limits, &runtime).await.unwrap();
    let greedy = remote(network.addresses(), Mode::Stream, &runtime);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let greedy = greedy.clone();
        asking.spawn(async move { call(&greedy, b"forever").await });
    }
    for _ in 0..6 {
        assert_eq!(asking.join_next().await.unwrap().unwrap().unwrap(), b"busy");
    }
    assert_eq!(echo.under_way.load(Ordering::SeqCst), 4);
    let modest = remote(network.addresses(), Mode::PerRequest, &runtime);
    assert_eq!(call(&modest, b"and me?").await.unwrap(), b"and me?");
    // The greedy one's going frees what it held.
    asking.shutdown().await;
    drop(greedy);
    eventually("all are dropped", || echo.under_way.load(Ordering::SeqCst) == 0).await;
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_memory_are_told_so() {
    let runtime = runtime();
    let limits = NetLimits { request_bytes: 100_000, ..NetLimits::default() };
    let (network, _) = start(&[TCP], limits, &runtime).await.unwrap();
    for mode in MODES {
        let remote = remote(network.addresses(), mode, &runtime);
        assert_eq!(call(&remote, &vec![1; 200_000]).await.unwrap(), b"busy", "{mode:?}");
        assert_eq!(call(&remote, &vec![1; 50_000]).await.unwrap().len(), 50_000, "{mode:?}");
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize_requests_never_leave_the_client_and_its_link_survives() {
    let runtime = runtime();
    let (network, _) = start(&[TCP], NetLimits::default(), &runtime).await.unwrap();
    let too_large = vec![0; colony_protocol::rpc::REQUEST_MAX + 1];
    for mode in MODES {
        let remote = remote(network.addresses(), mode, &runtime);
        assert_eq!(call(&remote, b"before").await.unwrap(), b"before");
        assert!(call(&remote, &too_large).await.is_err());
        assert_eq!(call(&remote, b"after").await.unwrap(), b"after");
    }
    network.shutdown().await;
}
