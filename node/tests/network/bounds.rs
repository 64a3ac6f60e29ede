//! What strangers get, and what they do not.

use std::sync::atomic::Ordering;

use colony_node::{
    client::{Mode, Remote},
    net::{NetLimits, Rate},
};

use crate::support::{Echo, TCP, call, eventually, remote, runtime, start, start_echo};

const STRANGERS: fn() -> Echo = || Echo { strangers: true, ..Echo::default() };

/// So many requests that are never answered, over one connection.
fn ask_for_ever(remote: &Remote, count: usize) -> tokio::task::JoinSet<()> {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..count {
        let remote = remote.clone();
        asking.spawn(async move { drop(call(&remote, b"forever").await) });
    }
    asking
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_read_a_little_at_a_time_until_a_member_stands_behind_it() {
    let runtime = runtime();
    let limits = NetLimits { requests_per_stranger: 3, ..NetLimits::default() };
    let (network, echo) = start_echo(STRANGERS(), &[TCP], None, limits, &runtime).await.unwrap();
    let stranger = remote(network.addresses(), Mode::Stream, &runtime);
    let asking = ask_for_ever(&stranger, 2);
    eventually("two are under way", || echo.under_way.load(Ordering::SeqCst) == 2).await;
    let more = ask_for_ever(&stranger, 10);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(echo.under_way.load(Ordering::SeqCst), 3, "the others are not read");
    drop((asking, more));
    drop(stranger);
    eventually("all are dropped", || echo.under_way.load(Ordering::SeqCst) == 0).await;

    // One whose first request proves whom it speaks for is held up no more.
    let member = remote(network.addresses(), Mode::Stream, &runtime);
    assert_eq!(call(&member, b"vouch").await.unwrap(), b"vouch");
    let asking = ask_for_ever(&member, 50);
    eventually("all are under way", || echo.under_way.load(Ordering::SeqCst) == 50).await;
    drop(asking);
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_together_have_a_share_and_members_the_rest() {
    let runtime = runtime();
    let limits = NetLimits { requests_of_strangers: 2, ..NetLimits::default() };
    let (network, echo) = start_echo(STRANGERS(), &[TCP], None, limits, &runtime).await.unwrap();
    let member = remote(network.addresses(), Mode::Stream, &runtime);
    assert_eq!(call(&member, b"vouch").await.unwrap(), b"vouch");
    let strangers: Vec<Remote> =
        (0..2).map(|_| remote(network.addresses(), Mode::Stream, &runtime)).collect();
    let held: Vec<_> = strangers.iter().map(|stranger| ask_for_ever(stranger, 1)).collect();
    eventually("two are under way", || echo.under_way.load(Ordering::SeqCst) == 2).await;
    let third = remote(network.addresses(), Mode::Stream, &runtime);
    assert_eq!(call(&third, b"me too").await.unwrap(), b"busy");
    assert_eq!(call(&member, b"and I?").await.unwrap(), b"and I?");
    drop((held, strangers));
    eventually("they are dropped", || echo.under_way.load(Ordering::SeqCst) == 0).await;
    assert_eq!(call(&third, b"me too").await.unwrap(), b"me too");
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_have_a_rate_and_connections_that_exist_go_on() {
    let runtime = runtime();
    let limits = NetLimits { handshakes_nearby: Rate::per_second(1, 2), ..NetLimits::default() };
    let (network, _) = start(&[TCP], limits, &runtime).await.unwrap();
    let early: Vec<Remote> = (0..2).map(|_| remote(network.addresses(), Mode::Stream, &runtime)).collect();
    for remote in &early {
        assert_eq!(call(remote, b"early").await.unwrap(), b"early");
    }
    let late = remote(network.addresses(), Mode::Stream, &runtime);
    assert!(call(&late, b"late").await.is_err());
    assert_eq!(call(&early[0], b"still").await.unwrap(), b"still");
    // And there is room again after a while.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(call(&late, b"late").await.unwrap(), b"late");
    network.shutdown().await;
}
