//! The WebSocket of those who wait for news.
//!
//! A client sends a signed message and is sent frames until its time is over. Several may be under way on one socket. One
//! task serves a socket, and its frames wait in a short queue, so that a client that does not read stops its own
//! subscriptions and nobody else's.

mod channel;
mod listener;
mod process;

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use colony_protocol::{
    bounded::Text,
    colonyos::{self, Fault, Place, Rpc, Subscription},
    identity::Identity,
};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Shared, api};
use listener::Listener;

/// Most bytes of a message: a subscription is a few hundred.
pub(super) const MESSAGE_MAX: usize = 64 * 1024;
/// Most subscriptions of one socket.
const SUBSCRIPTIONS_MAX: usize = 64;
/// Frames that may wait for a client; then its subscriptions wait.
const FRAMES: usize = 16;
/// How long a socket may be open without a subscription.
const IDLE: std::time::Duration = std::time::Duration::from_secs(120);

/// A subscription has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The socket is closed with it.
    Close,
    /// The socket stays open for another one.
    Stay,
}

/// Where a subscription puts its frames.
#[derive(Debug, Clone)]
struct Frames {
    kind: &'static str,
    queue: mpsc::Sender<Message>,
}

impl Frames {
    /// Queues a frame; fails when the socket is gone.
    async fn send(&self, value: &Value) -> Result<(), Gone> {
        let frame = Message::Text(colonyos::reply(self.kind, value).into());
        self.queue.send(frame).await.map_err(|_| Gone)
    }

    /// Waits until all frames before are on their way: large ones are not piled up.
    async fn clear(&self) -> Result<(), Gone> {
        self.queue.reserve_many(FRAMES).await.map(drop).map_err(|_| Gone)
    }

    /// Says what went wrong.
    async fn fault(&self, fault: &Fault) -> Result<(), Gone> {
        let frame = Message::Text(colonyos::fault_reply(fault).into());
        self.queue.send(frame).await.map_err(|_| Gone)
    }
}

/// The socket is gone, or has nothing more to hear.
#[derive(Debug, Clone, Copy)]
struct Gone;

/// Serves one socket until either side has enough.
pub(super) async fn converse(shared: Arc<Shared>, mut socket: WebSocket) {
    let (queue, mut frames) = mpsc::channel(FRAMES);
    let mut subscriptions: FuturesUnordered<BoxFuture<'static, End>> = FuturesUnordered::new();
    let runtime = shared.behind.runtime.clone();
    loop {
        let idle = subscriptions.is_empty();
        tokio::select! {
            biased;
            Some(frame) = frames.recv() => if socket.send(frame).await.is_err() { return },
            Some(end) = subscriptions.next(), if !idle => if end == End::Close { break },
            () = shared.closing.cancelled() => break,
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => {
                    if subscriptions.len() >= SUBSCRIPTIONS_MAX {
                        break;
                    }
                    match subscribe(&shared, text.as_str().as_bytes().to_vec(), &queue).await {
                        Ok(Some(subscription)) => subscriptions.push(subscription),
                        Ok(None) => {}
                        Err(fault) => {
                            let frame = Message::Text(colonyos::fault_reply(&fault).into());
                            drop(socket.send(frame).await);
                            break;
                        }
                    }
                }
                // Pings are answered below us.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return,
            },
            () = runtime.sleep(IDLE), if idle => break,
        }
    }
    // What was said before the end is heard.
    while let Ok(frame) = frames.try_recv() {
        if socket.send(frame).await.is_err() {
            return;
        }
    }
    drop(socket.send(Message::Close(None)).await);
}

/// Starts what a message asks for; nothing if it is of a kind that nobody knows.
async fn subscribe(
    shared: &Arc<Shared>,
    text: Vec<u8>,
    queue: &mpsc::Sender<Message>,
) -> Result<Option<BoxFuture<'static, End>>, Fault> {
    let open = |rpc: Rpc, by: Identity, _, _| -> Result<(Text<128>, Identity, Option<Subscription>), Fault> {
        let subscription = colonyos::subscription(&rpc.kind, &rpc.message()?)?;
        Ok((rpc.kind, by, subscription))
    };
    let reader = Arc::clone(shared);
    let read = shared.behind.runtime.compute(move || api::read(&reader, &text, None, open)).await;
    let (_, by, subscription) = read.map_err(api::busy)??;
    let Some(subscription) = subscription else { return Ok(None) };
    let kind = match subscription {
        Subscription::Channel { .. } => "subscribechannelmsg",
        Subscription::Process { .. } | Subscription::Processes { .. } => "subscribeprocessmsg",
    };
    let frames = Frames { kind, queue: queue.clone() };
    let shared = Arc::clone(shared);
    Ok(Some(Box::pin(async move { serve(&shared, by, subscription, frames).await.unwrap_or(End::Close) })))
}

/// Serves one subscription to its end.
async fn serve(
    shared: &Arc<Shared>,
    by: Identity,
    subscription: Subscription,
    frames: Frames,
) -> Result<End, Gone> {
    let find = async |place, wait| Listener::find(shared, by, &place, wait, frames).await;
    match subscription {
        Subscription::Process { process, state, wait } => {
            process::follow(find(Place::Process(process), wait).await?, process, state).await?;
        }
        Subscription::Processes { colony, executor_type, state, wait } => {
            let place = if colony.is_empty() { Place::Caller } else { Place::Colony(colony) };
            let wanted = process::Wanted { executor_type, state };
            process::follow_all(find(place, wait).await?, wanted).await?;
        }
        Subscription::Channel { process, channel, after, wait } => {
            let wanted = channel::Wanted { process, channel, after };
            return channel::follow(find(Place::Process(process), wait).await?, wanted).await;
        }
    }
    Ok(End::Close)
}
