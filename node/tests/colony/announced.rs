//! Executors that wait to be called: who asks when work comes, over real swarms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_node::{
    announcements::listen,
    client::{Answering, Client, Remote, Transport},
    executor::NoopExecutor,
    net::{Caller, Handler, Handling, NetConfig, NetLimits, Network},
};
use colony_protocol::{
    announcement::Listener,
    codec,
    envelope::{Body, Signed},
    identity::{Identity, SecretKey},
    model::{Name, State},
    query::{Query, Selector},
    reply::Answer,
    time::Span,
};
use tokio_util::sync::CancellationToken;

use crate::{
    lab::{self, submission, submit, take, within, work},
    trio::Trio,
};

/// Executors that listen.
const EXECUTORS: usize = 30;
/// Work that comes at once.
const BURST: usize = 20;
/// Most requests for each piece of work, on average: one by who is called, one by the same when it is done, and one by
/// somebody who has not heard yet that the work is gone.
const HERD_MAX: usize = 3;
/// Until executors that did something wait to be called again.
const COOL: Duration = Duration::from_millis(3_500);
/// Nobody asks without being called for as long as a test lasts.
const NO_POLL: Duration = Duration::from_secs(3_600);

/// Counts requests for work.
#[derive(Debug)]
struct Counting(Remote, Arc<AtomicUsize>);

impl Transport for Counting {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let body: Body = codec::decode(&Signed::from_bytes(&request).unwrap().body).unwrap();
        if &*body.kind == "assign" {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
        self.0.call(request, timeout)
    }

    fn nodes(&self) -> usize {
        self.0.nodes()
    }
}

/// Answers nothing.
#[derive(Debug)]
struct Mute;

impl Handler for Mute {
    fn is_member(&self, _who: &Identity) -> bool {
        true
    }

    fn handle(&self, _from: Arc<Caller>, _request: Vec<u8>) -> Handling {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn overloaded(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Executors that know a node that does not coordinate, and nobody else.
struct Crowd {
    swarms: Vec<Network>,
    asks: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Crowd {
    async fn start(trio: &Trio, followers: &[usize]) -> Self {
        let mut crowd = Self { swarms: Vec::new(), asks: Arc::default(), stop: CancellationToken::new() };
        for number in 0..EXECUTORS {
            crowd.add(number, trio, followers).await;
        }
        crowd
    }

    async fn add(&mut self, number: usize, trio: &Trio, followers: &[usize]) {
        let (key, runtime) = (lab::executor_key(number), trio.runtime.clone());
        let listen_at = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        let config = NetConfig {
            key: key.clone(),
            listen: listen_at,
            limits: NetLimits::default(),
            relay: false,
            lab: false,
            tls: None,
        };
        let swarm = Network::start(config, Arc::new(Mute), runtime.clone()).await.unwrap();
        // Each is told of one node, and learns of everybody else by asking.
        let node = trio.node(followers[number % followers.len()]).unwrap();
        let known = vec![(node.peer_id(), node.addresses())];
        let remote = Remote::over(&swarm, node.addresses(), runtime.clone());
        let transport = Arc::new(Counting(remote, Arc::clone(&self.asks)));
        let client = Client::new(transport, lab::owner().identity(), key.clone(), runtime.clone());
        let name = Name::cut(&format!("executor-{number}"));
        let listener = Listener { id: key.identity(), name, executor_type: Name::cut("cli"), row: None };
        let hints = listen(swarm.gossip(), client.clone(), listener, known).await;
        let executor = NoopExecutor::new(client, 1).with_hints(hints.with_poll(NO_POLL));
        let stop = self.stop.clone();
        runtime.spawn("executor", async move {
            executor.run(stop).await.unwrap();
        });
        self.swarms.push(swarm);
    }

    /// Waits until all hear, and none has asked for a while.
    async fn settle(&self, trio: &Trio) {
        within("a mesh", async {
            for swarm in &self.swarms {
                let colony = lab::owner().identity();
                while swarm.gossip().neighbourhood(colony).await.mesh == 0 {
                    trio.runtime.sleep(Duration::from_millis(50)).await;
                }
            }
        })
        .await;
        self.cool(trio).await;
    }

    async fn cool(&self, trio: &Trio) {
        let mut asks = usize::MAX;
        while asks != self.asks() {
            asks = self.asks();
            trio.runtime.sleep(COOL).await;
        }
    }

    fn asks(&self) -> usize {
        self.asks.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_piece_of_work_wakes_about_one_of_many_executors() {
    let trio = Trio::start().await;
    let coordinator = trio.coordinator().await;
    let followers: Vec<usize> = (0..3).filter(|number| *number != coordinator).collect();
    let crowd = Crowd::start(&trio, &followers).await;
    crowd.settle(&trio).await;
    let user = trio.client(lab::user(), coordinator);

    // Each of them alone: one is called, and asks again when it is done. On a machine that has no time for them, a few
    // ask before they hear that it is gone.
    let begun = crowd.asks();
    for _ in 0..4 {
        let id = submit(&user, work("cli")).await;
        assert_eq!(within("work", user.wait(id.into())).await.unwrap().state, State::Success);
        crowd.cool(&trio).await;
    }
    let asks = crowd.asks() - begun;
    assert!((4..=HERD_MAX * 4).contains(&asks), "{asks} asked for 4 pieces of work");

    let begun = crowd.asks();
    let ids = within("submit", user.submit(vec![submission(work("cli")); BURST])).await.unwrap();
    for id in ids {
        assert_eq!(within("work", user.wait(id.into())).await.unwrap().state, State::Success);
    }
    crowd.cool(&trio).await;
    let asks = crowd.asks() - begun;
    assert!(asks <= HERD_MAX * BURST, "{asks} asked for {BURST} pieces of work");

    // They hear from each other and ask the node they know: the coordinator has few of them.
    let connections = trio.node(coordinator).unwrap().connections();
    assert!(connections < EXECUTORS / 3, "{connections} connections at the coordinator");
    crowd.stop.cancel();
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_heard_of_after_the_coordinator_has_changed() {
    let mut trio = Trio::start().await;
    let coordinator = trio.coordinator().await;
    let followers: Vec<usize> = (0..3).filter(|number| *number != coordinator).collect();
    let crowd = Crowd::start(&trio, &followers).await;
    crowd.settle(&trio).await;
    trio.kill(coordinator).await;
    let user = trio.client(lab::user(), followers[0]);
    let begun = trio.runtime.elapsed();
    let id = submit(&user, work("cli")).await;
    assert_eq!(within("work", user.wait(id.into())).await.unwrap().state, State::Success);
    let took = trio.runtime.elapsed() - begun;
    assert!(took < Duration::from_secs(15), "{took:?}");
    crowd.stop.cancel();
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_tells_watchers_what_it_has_applied_and_asks_nobody() {
    let mut trio = Trio::start().await;
    let coordinator = trio.coordinator().await;
    let (near, other) = ((coordinator + 1) % 3, (coordinator + 2) % 3);
    let executor = trio.client(SecretKey::derive(b"executor 0"), coordinator);
    let user = trio.client(lab::user(), coordinator);
    let id = submit(&user, work("cli")).await;
    let process = take(&executor).await;

    // Held by the follower itself, and answered from its own state as soon as the news is applied there.
    let colony = lab::owner().identity();
    let watcher = trio.node(near).unwrap().client(colony, lab::user()).stale();
    let seen = Selector::from(id);
    within("the follower to see it", async {
        while watcher.process(seen.clone()).await.map_or(true, |process| process.state != State::Running) {
            trio.runtime.sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let watch =
        Query::Watch { process: seen, from: 0, state: Some(State::Running), wait: Span::from_secs(20) };
    let told = async { watcher.query(&watch).await };
    let (told, ()) = tokio::join!(within("watch", told), lab::close(&executor, &process, "out"));
    let Answer::Watch { process, .. } = told.unwrap() else { panic!("another answer") };
    assert_eq!(process.state, State::Success);

    // Also when nobody else is there: it waits, and answers that there is nothing new.
    let id = submit(&user, work("other")).await;
    within("the follower to see it", async {
        while watcher.process(id.into()).await.is_err() {
            trio.runtime.sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    trio.kill(coordinator).await;
    trio.kill(other).await;
    let wait = Span::from_millis(300);
    let watch = Query::Watch { process: id.into(), from: 0, state: Some(State::Waiting), wait };
    let Answer::Watch { process, .. } = within("watch", watcher.query(&watch)).await.unwrap() else {
        panic!("another answer")
    };
    assert_eq!(process.state, State::Waiting);
    trio.stop().await;
}
