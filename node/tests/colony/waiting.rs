//! Executors that wait for work.

use std::{collections::BTreeSet, time::Duration};

use colony_node::client::ClientError;
use colony_protocol::{model::State, query::Selector, refusal::Refusal, time::Span};
use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};

use crate::lab::{EXECUTORS, LONG, Lab, ask, close, holder_of, submission, submit, take, user, within, work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_executor_gets_work_as_soon_as_there_is_some() {
    let lab = Lab::in_memory().await;
    let executor = lab.executor(0);
    // The ask is parked before the work exists: polled once, it has gone as far as it can.
    let mut waiting = Box::pin(executor.assign(ask(LONG)));
    assert!(lab.runtime.timeout(Duration::from_millis(50), &mut waiting).await.is_none());

    let before = lab.runtime.elapsed();
    let id = submit(&lab.user(), work("cli")).await;
    let processes = within("the long poll", waiting).await.unwrap();
    let took = lab.runtime.elapsed() - before;
    assert_eq!(processes[0].id, id);
    // Far below the net that looks again every few seconds: it was the wake-up that woke.
    assert!(took < Duration::from_secs(1), "{took:?}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_waiting_executors_get_one_process_each() {
    let lab = Lab::in_memory().await;
    let waiting = (0..EXECUTORS).map(|number| {
        let executor = lab.executor(number);
        async move { within("assign", executor.assign(ask(LONG))).await.unwrap() }
    });
    let submitting = async {
        // Some in one request, some one by one: both wake.
        let user = lab.user();
        let half = (0..EXECUTORS / 2).map(|_| submission(work("cli"))).collect();
        user.submit(half).await.unwrap();
        for _ in EXECUTORS / 2..EXECUTORS {
            submit(&user, work("cli")).await;
        }
    };
    let (assigned, ()) = tokio::join!(join_all(waiting), submitting);
    let numbers: BTreeSet<u64> = assigned.iter().flatten().map(|process| process.number()).collect();
    let holders: BTreeSet<_> = assigned.iter().flatten().map(holder_of).collect();
    assert_eq!((numbers.len(), holders.len()), (EXECUTORS, EXECUTORS));
    assert!(assigned.iter().all(|processes| processes.len() == 1));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_race_of_many_each_process_is_run_once() {
    const PROCESSES: usize = 300;
    let lab = Lab::in_memory().await;
    let user = lab.user();
    let submitting = async {
        let ids: FuturesUnordered<_> = (0..PROCESSES).map(|_| submit(&user, work("cli"))).collect();
        ids.collect::<BTreeSet<_>>().await
    };
    let working = join_all((0..8).map(|number| {
        let executor = lab.executor(number);
        async move {
            let mut done = Vec::new();
            loop {
                let processes = within("assign", executor.assign(ask(Span::from_millis(500)))).await.unwrap();
                let Some(process) = processes.first() else { return done };
                close(&executor, process, "done").await;
                done.push(process.id);
            }
        }
    }));
    let (submitted, done) = tokio::join!(submitting, working);
    let done: Vec<_> = done.into_iter().flatten().collect();
    assert_eq!(done.len(), PROCESSES);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), submitted);
    let statistics = lab.status().statistics;
    assert_eq!(statistics.processes_in(State::Success), PROCESSES as u64);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_another_type_wakes_nobody_and_a_wait_ends_in_time() {
    let lab = Lab::in_memory().await;
    let (executor, user) = (lab.executor(0), lab.user());
    let waiting = executor.assign(ask(Span::from_millis(300)));
    let (assigned, _) = tokio::join!(within("assign", waiting), submit(&user, work("other")));
    assert!(assigned.unwrap().is_empty());
    // An ask that does not wait is answered at once.
    assert!(within("assign", executor.assign(ask(Span::ZERO))).await.unwrap().is_empty());
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_went_away_is_given_nothing() {
    let lab = Lab::in_memory().await;
    let gone = lab.executor(0);
    let mut waiting = Box::pin(gone.assign(ask(LONG)));
    assert!(lab.runtime.timeout(Duration::from_millis(50), &mut waiting).await.is_none());
    drop(waiting);

    let id = submit(&lab.user(), work("cli")).await;
    let process = take(&lab.executor(1)).await;
    assert_eq!((process.id, process.token), (id, 1));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_colony_gives_no_work_until_it_is_resumed() {
    use colony_protocol::{command::Command, reply::Reply};

    let lab = Lab::in_memory().await;
    lab.owner().command(&Command::Pause).await.unwrap();
    submit(&lab.user(), work("cli")).await;
    let executor = lab.executor(0);
    let short =
        within("assign", executor.command(&Command::Assign(ask(Span::from_millis(100))))).await.unwrap();
    assert_eq!(short, Reply::Assigned { processes: Vec::new(), paused: true });

    let owner = lab.owner();
    let (process, _) = tokio::join!(take(&executor), owner.command(&Command::Resume));
    assert_eq!(process.state, State::Running);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_executor_is_told_so_and_strangers_reach_nothing() {
    let lab = Lab::in_memory().await;
    let refused = within("assign", lab.user().assign(ask(LONG))).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{refused:?}");

    let stranger = lab
        .node
        .client(crate::lab::owner().identity(), colony_protocol::identity::SecretKey::derive(b"stranger"));
    let applied = lab.status().applied;
    let refused = stranger.submit(vec![submission(work("cli"))]).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{refused:?}");
    let refused = stranger.process(Selector::Last).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{refused:?}");
    // Nothing of a stranger reaches the log.
    assert_eq!(lab.status().applied, applied);
    assert_ne!(user().identity(), stranger.identity());
    lab.stop().await;
}
