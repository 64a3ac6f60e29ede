//! What two or three nodes that are well say to each other.

use std::{sync::atomic::Ordering, time::Duration};

use colony_node::net::Multiaddr;
use colony_protocol::model::member::Path;
use openraft::raft::AppendEntriesResponse;

use super::side::{COLONY, Side, a_moment, sides};
use crate::support::{PATIENCE, QUIC, TCP, eventually, runtime};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_exchange_over_tcp_and_quic() {
    let runtime = runtime();
    for address in [TCP, QUIC] {
        let [one, other] = sides(address, &runtime).await;
        // Only one of them dials; the stream serves both directions.
        one.keep(&[&other]);
        eventually("each reaches the other", || one.reaches(&other) && other.reaches(&one)).await;
        for (from, to) in [(&one, &other), (&other, &one)] {
            assert!(from.ballot(to).await.unwrap().vote_granted);
            assert!(matches!(from.beat(to).await.unwrap(), AppendEntriesResponse::Success));
            assert_eq!(to.colony.appended.load(Ordering::SeqCst), 1);
            for len in [0, 1, 1000, 1_000_000] {
                let request = vec![7; len];
                assert!(from.ask(to, &request).await.unwrap() == request, "{address} {len}");
            }
        }
        eventually("the round trip is measured", || {
            one.peers.path(&other.id()).is_some_and(|path| path.path == Path::Direct && path.rtt.is_some())
        })
        .await;
        one.stop().await;
        other.stop().await;
    }
    assert!(runtime.shutdown(PATIENCE).await, "nothing is left running");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_stay_connected_and_each_pair_has_one_stream() {
    let runtime = runtime();
    let [a, b, c] = sides(TCP, &runtime).await;
    a.keep(&[&b, &c]);
    b.keep(&[&a, &c]);
    c.keep(&[&a, &b]);
    let all = [(&a, &b), (&a, &c), (&b, &a), (&b, &c), (&c, &a), (&c, &b)];
    eventually("all reach all", || all.iter().all(|(from, to)| from.reaches(to))).await;
    a_moment().await;
    let since = || all.map(|(from, to)| from.peers.path(&to.id()).map(|path| path.since));
    let before = since();
    a_moment().await;
    assert_eq!(before, since(), "no stream takes another's place");
    for (from, to) in all {
        assert_eq!(from.ask(to, b"hello").await.unwrap(), b"hello");
    }
    eventually("two connections for each node", || a.network.peers() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_both_open_a_stream_at_once_one_stays() {
    let runtime = runtime();
    for round in 0..20 {
        let [one, other] = sides(TCP, &runtime).await;
        one.keep(&[&other]);
        other.keep(&[&one]);
        eventually("each reaches the other", || one.reaches(&other) && other.reaches(&one)).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let since = (one.peers.path(&other.id()), other.peers.path(&one.id()));
        let (asked, answered) = tokio::join!(one.ask(&other, b"sleep:1"), other.ask(&one, b"sleep:2"));
        assert_eq!(
            (asked.unwrap(), answered.unwrap()),
            (b"sleep:1".to_vec(), b"sleep:2".to_vec()),
            "{round}"
        );
        let now = (one.peers.path(&other.id()), other.peers.path(&one.id()));
        assert_eq!(since.0.map(|path| path.since), now.0.map(|path| path.since), "{round}");
        assert_eq!(since.1.map(|path| path.since), now.1.map(|path| path.since), "{round}");
        one.stop().await;
        other.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_listens_nowhere_dials_and_is_then_reached_too() {
    let runtime = runtime();
    let open = Side::start(&[TCP], &runtime).await;
    let closed = Side::start(&[], &runtime).await;
    open.hear(&closed);
    closed.hear(&open);
    // Nobody keeps the connection; the request alone makes it.
    assert_eq!(closed.ask(&open, b"there?").await.unwrap(), b"there?");
    assert_eq!(open.ask(&closed, b"and back?").await.unwrap(), b"and back?");
    assert!(open.ballot(&closed).await.unwrap().vote_granted);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_requests_wait_over_one_stream_and_one_that_is_given_up_ends_there_too() {
    let runtime = runtime();
    let [one, other] = sides(TCP, &runtime).await;
    one.keep(&[&other]);
    eventually("one reaches the other", || one.reaches(&other)).await;
    let forward = |request: &[u8]| {
        let patience = Duration::from_secs(60);
        one.peers.forward(COLONY, other.id(), &other.info(), request.to_vec(), patience)
    };
    let waiting: Vec<_> = (0..3000).map(|_| tokio::spawn(forward(b"forever"))).collect();
    eventually("all wait there", || other.colony.under_way() == 3000).await;
    // They are in nobody's way.
    assert_eq!(one.ask(&other, b"quick").await.unwrap(), b"quick");
    assert!(one.ballot(&other).await.unwrap().vote_granted);
    for task in &waiting[..1000] {
        task.abort();
    }
    eventually("those given up are gone", || other.colony.under_way() == 2000).await;
    // The rest ends with the stream, at once.
    other.stop().await;
    for task in waiting.into_iter().skip(1000) {
        assert!(task.await.unwrap().is_err());
    }
    eventually("nothing is left there", || other.colony.under_way() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_outcomes_do_not_hold_up_votes() {
    let runtime = runtime();
    let [one, other] = sides(TCP, &runtime).await;
    one.keep(&[&other]);
    let large = vec![3; 8 * 1024 * 1024];
    eventually("one reaches the other", || one.reaches(&other)).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..3 {
        asking.spawn(one.peers.forward(COLONY, other.id(), &other.info(), large.clone(), PATIENCE));
    }
    let mut slowest = Duration::ZERO;
    let mut votes = 0;
    while !asking.is_empty() {
        let start = std::time::Instant::now();
        assert!(one.ballot(&other).await.unwrap().vote_granted);
        slowest = slowest.max(start.elapsed());
        votes += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        while let Some(done) = asking.try_join_next() {
            assert!(done.unwrap().unwrap() == large);
        }
    }
    assert!(votes > 3 && slowest < Duration::from_millis(500), "{votes} votes, the slowest {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_known_addresses_are_tried() {
    let runtime = runtime();
    let [one, other] = sides(TCP, &runtime).await;
    let mut info = other.info();
    let dead: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let mut addresses: Vec<_> = info.addresses.iter().cloned().collect();
    for address in [dead.to_string(), "nonsense".to_owned()] {
        addresses.insert(0, colony_protocol::bounded::Text::new(address).unwrap());
    }
    info.addresses = colony_protocol::bounded::List::new(addresses).unwrap();
    one.peers.keep(COLONY, vec![(other.id(), info)]);
    eventually("it is reached at the last address", || one.reaches(&other)).await;
}
