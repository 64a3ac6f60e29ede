//! Streams that break, nodes that stand still, and nodes that are not heard.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use colony_node::{
    consensus::LinkError,
    net::Multiaddr,
    runtime::{Runtime, Tokio},
};
use colony_protocol::model::member::StoreId;
use colony_store::MemberInfo;

use super::side::{COLONY, Side, a_moment, sides};
use crate::support::{PATIENCE, TCP, eventually, runtime};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_restarted_on_its_port_is_back_within_a_second() {
    let runtime = runtime();
    let [one, mut other] = sides(TCP, &runtime).await;
    one.keep(&[&other]);
    for _ in 0..3 {
        eventually("it is reached", || one.reaches(&other)).await;
        // A request under way learns at once that the stream is gone.
        let (id, info) = (other.id(), other.info());
        let patience = Duration::from_secs(60);
        let asking = tokio::spawn(one.peers.forward(COLONY, id, &info, b"forever".to_vec(), patience));
        eventually("it waits there", || other.colony.under_way() == 1).await;
        let start = Instant::now();
        other.stop().await;
        assert!(matches!(asking.await.unwrap(), Err(LinkError::Broken { .. })));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        eventually("it is not reachable", || !one.reaches(&other)).await;

        // It does not dial by itself: the one that waited for it does.
        let mut address = listened(&info);
        address.pop();
        let start = Instant::now();
        other = Side::resume(other.key.clone(), other.store, vec![address], &runtime).await;
        other.hear(&one);
        eventually("it is back", || one.reaches(&other)).await;
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!(one.ask(&other, b"welcome").await.unwrap(), b"welcome");
    }
}

fn listened(info: &MemberInfo) -> Multiaddr {
    info.addresses.iter().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hole_11_strangers_wrong_disks_and_removed_members_are_not_answered() {
    let runtime = runtime();
    let [one, other] = sides(TCP, &runtime).await;
    let stranger = Side::start(&[TCP], &runtime).await;
    stranger.hear(&one);
    stranger.keep(&[&one]);
    let error = stranger.peers.forward(COLONY, one.id(), &one.info(), vec![1], Duration::from_secs(1)).await;
    assert!(matches!(error, Err(ref error) if error.is_unsent()), "{error:?}");
    assert!(!one.reaches(&stranger) && !stranger.reaches(&one));

    // The right member, but its disk is another one than the sender believes.
    one.keep(&[&other]);
    assert_eq!(one.ask(&other, b"right").await.unwrap(), b"right");
    let mut info = other.info();
    info.store = StoreId::from_bytes([1; 16]);
    let error = one.peers.forward(COLONY, other.id(), &info, vec![1], PATIENCE).await.unwrap_err();
    assert!(matches!(error, LinkError::Forgotten { .. }), "{error:?}");

    // A colony that is not here.
    let elsewhere = colony_protocol::identity::Identity::from_bytes([8; 32]);
    let error = one.peers.forward(elsewhere, other.id(), &other.info(), vec![1], PATIENCE).await.unwrap_err();
    assert!(matches!(error, LinkError::Deaf { .. }), "{error:?}");

    // A member that is removed: its next message is refused, then its stream ends.
    other.colony.heard.lock().unwrap().remove(&one.id());
    let error = one.ask(&other, b"still me?").await.unwrap_err();
    assert!(matches!(error, LinkError::Deaf { .. }), "{error:?}");
    eventually("it is cut off", || !one.reaches(&other) && !other.reaches(&one)).await;
    a_moment().await;
    assert!(!one.reaches(&other));
}

/// A node in a thread of its own, which can be made to stand still like a stopped process.
struct Apart {
    side: Side,
    freeze: mpsc::SyncSender<Duration>,
}

async fn apart() -> Apart {
    let (made, side) = tokio::sync::oneshot::channel();
    let (freeze, frozen) = mpsc::sync_channel::<Duration>(1);
    std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async {
            let runtime = Runtime::new(Tokio::new());
            made.send(Side::start(&[TCP], &runtime).await).ok().unwrap();
            loop {
                match frozen.try_recv() {
                    Ok(time) => std::thread::sleep(time),
                    Err(mpsc::TryRecvError::Empty) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
        });
    });
    Apart { side: side.await.unwrap(), freeze }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_is_noticed_slows_nobody_and_is_taken_back() {
    let runtime = runtime();
    let [one, other] = sides(TCP, &runtime).await;
    let Apart { side: still, freeze } = apart().await;
    for side in [&one, &other] {
        side.hear(&still);
        still.hear(side);
    }
    one.keep(&[&other, &still]);
    eventually("all are reached", || one.reaches(&other) && one.reaches(&still)).await;

    freeze.send(Duration::from_secs(4)).unwrap();
    let frozen = Instant::now();
    // More than it will ever read now: what does not fit is refused, and nobody waits.
    let load: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn(one.peers.forward(COLONY, still.id(), &still.info(), vec![0; 1_000_000], PATIENCE))
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while one.reaches(&still) {
        let start = Instant::now();
        assert_eq!(one.ask(&other, b"and you?").await.unwrap(), b"and you?");
        slowest = slowest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(frozen.elapsed() < Duration::from_secs(3), "its silence is noticed");
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let mut refused = 0;
    for task in load {
        refused += usize::from(task.await.unwrap().is_err());
    }
    assert!(refused > 0, "what waits for it is bounded");
    eventually("it is taken back", || one.reaches(&still)).await;
    assert_eq!(one.ask(&still, b"welcome").await.unwrap(), b"welcome");
}
