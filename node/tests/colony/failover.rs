//! Any member answers, and the colony outlives its coordinator.

use std::time::Duration;

use colony_node::client::ClientError;
use colony_protocol::{query::Query, refusal::Refusal, reply::Answer};
use tokio::sync::oneshot;

use crate::{
    lab::{self, LONG, ask, close, submission, submit, take, within, work},
    trio::Trio,
};

#[tokio::test(flavor = "multi_thread")]
async fn any_member_takes_commands_and_answers_questions() {
    let trio = Trio::start().await;
    for number in 0..3 {
        let user = trio.client(lab::user(), number);
        let id = submit(&user, work("cli")).await;
        // What was acknowledged at one member is seen at each other.
        let other = trio.client(lab::user(), (number + 1) % 3);
        assert_eq!(within("process", other.process(id.into())).await.unwrap().id, id);
    }
    for number in 0..3 {
        let executor = trio.client(lab::executor_key(number), number);
        let process = take(&executor).await;
        close(&executor, &process, "done").await;
    }
    assert_eq!(trio.counts().await[2], 3);
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_polls_move_to_the_next_coordinator_by_themselves() {
    let mut trio = Trio::start().await;
    let polls: Vec<_> = (0..3)
        .map(|number| {
            let executor = trio.client(lab::executor_key(number), number);
            let (done, got) = oneshot::channel();
            trio.runtime.spawn("poll", async move {
                done.send(executor.assign(ask(LONG)).await).ok();
            });
            got
        })
        .collect();
    // So that all three are parked; if one came later the test would still hold.
    trio.runtime.sleep(Duration::from_millis(500)).await;
    let coordinator = trio.coordinator().await;
    trio.kill(coordinator).await;

    let user = trio.client(lab::user(), (coordinator + 1) % 3);
    for _ in 0..3 {
        submit(&user, work("cli")).await;
    }
    let mut got = Vec::new();
    for poll in polls {
        let processes = within("a parked call", poll).await.unwrap().unwrap();
        assert_eq!(processes.len(), 1);
        got.push(processes[0].id);
    }
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), 3, "no process was given twice");
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minority_acknowledges_nothing_and_answers_only_stale_questions() {
    let mut trio = Trio::start().await;
    let user = trio.client(lab::user(), 0);
    submit(&user, work("cli")).await;
    let coordinator = trio.coordinator().await;
    let left = (coordinator + 1) % 3;
    // A member learns with the next message that an entry is final.
    trio.until("the one that stays has it", |trio| {
        trio.status(left).is_some_and(|status| status.statistics.processes[0] == 1)
    })
    .await;
    trio.kill((coordinator + 2) % 3).await;
    trio.kill(coordinator).await;

    let alone = trio.node(left).unwrap();
    let user = alone.client(lab::owner().identity(), lab::user());
    let refused = within("submit", user.submit(vec![submission(work("cli"))])).await;
    assert!(
        matches!(refused, Err(ClientError::Refused(Refusal::Unavailable(_)) | ClientError::Transport(_))),
        "{refused:?}"
    );
    let stale = within("a stale question", user.query_stale(&Query::Statistics)).await.unwrap();
    let Answer::Statistics(statistics) = stale else { panic!("{stale:?}") };
    assert_eq!(statistics.processes.iter().sum::<u64>(), 1);

    trio.restart(coordinator).await;
    trio.coordinator().await;
    submit(&trio.client(lab::user(), left), work("cli")).await;
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_in_a_row_lose_nothing_and_double_nothing() {
    const KILLS: u64 = 20;
    let mut trio = Trio::start().await;
    let user = trio.client(lab::user(), 0);
    for _ in 0..KILLS {
        submit(&user, work("cli")).await;
        let coordinator = trio.coordinator().await;
        trio.kill(coordinator).await;
        submit(&user, work("cli")).await;
        trio.restart(coordinator).await;
    }
    assert_eq!(trio.counts().await.iter().sum::<u64>(), 2 * KILLS);
    trio.stop().await;
}
