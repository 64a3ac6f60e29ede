//! Telling a colony where a member is reached, whenever that changes.
//!
//! Every change is an entry of the log, and for a voter a change of the engine's membership too, so addresses that come and
//! go are told ever less often.

use std::{future::pending, time::Duration};

use colony_protocol::{
    bounded::{List, Text},
    model::member::{ADDRESSES_MAX, Addresses},
};
use futures::future::BoxFuture;
use libp2p::Multiaddr;
use tokio::sync::watch;

use crate::runtime::Runtime;

/// How long new addresses wait for others: what changes together is told together.
const SETTLE: Duration = Duration::from_millis(500);
/// The longest such wait, where they change again and again.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// After so long without a change addresses count as steady.
const STEADY: Duration = Duration::from_secs(120);

/// Has these addresses told, and those that follow. `tell` goes on until the colony knows them; it is dropped when there
/// are others. Who is reached nowhere has nothing to tell.
pub(crate) async fn keep_told<'a>(
    mut addresses: watch::Receiver<Vec<Multiaddr>>,
    runtime: Runtime,
    tell: impl Fn(Addresses) -> BoxFuture<'a, ()>,
) {
    let mut settle = SETTLE;
    loop {
        let told = texts(&addresses.borrow_and_update());
        let telling = async {
            if !told.is_empty() {
                tell(told).await;
            }
        };
        tokio::select! {
            biased;
            () = changed(&mut addresses) => {}
            () = telling => {
                let begun = runtime.elapsed();
                changed(&mut addresses).await;
                if runtime.elapsed().saturating_sub(begun) > STEADY {
                    settle = SETTLE;
                }
            }
        }
        runtime.sleep(settle).await;
        settle = settle.saturating_mul(2).min(SETTLE_MAX);
    }
}

/// Completes when there are other addresses; never, if nobody can change them any more.
async fn changed(addresses: &mut watch::Receiver<Vec<Multiaddr>>) {
    if addresses.changed().await.is_err() {
        pending::<()>().await;
    }
}

/// As many addresses as the colony takes.
pub(crate) fn texts(addresses: &[Multiaddr]) -> Addresses {
    let texts = addresses.iter().filter_map(|address| Text::new(address.to_string()).ok());
    List::new(texts.take(ADDRESSES_MAX).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::Mutex};

    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_ever_less_often_and_the_last_of_it_always() {
        let runtime = Runtime::new(Tokio::new());
        let (change, addresses) = watch::channel(Vec::new());
        let told = Mutex::new(Vec::new());
        let telling = keep_told(addresses, runtime.clone(), |addresses| {
            told.lock().unwrap().push((runtime.elapsed(), addresses.first().map(ToString::to_string)));
            Box::pin(ready(()))
        });
        let flapping = async {
            for port in 1..=600_u16 {
                let address = format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap();
                change.send_replace(vec![address]);
                runtime.sleep(Duration::from_millis(100)).await;
            }
            runtime.sleep(SETTLE_MAX * 2).await;
        };
        tokio::select! {
            biased;
            () = telling => {}
            () = flapping => {}
        }
        let told = told.into_inner().unwrap();
        assert!(told.len() < 12, "{told:?}");
        assert_eq!(told.last().unwrap().1.as_deref(), Some("/ip4/192.0.2.1/tcp/600"));
    }
}
