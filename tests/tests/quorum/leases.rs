//! What an election must not cost: leases, and the answers of requests that were under way.

use std::time::{Duration, Instant};

use colony_protocol::{
    bounded::{List, Text},
    command::{Assign, Command, LeaseRef, Submission},
    envelope::RequestId,
    identity::SecretKey,
    model::{Conditions, Executor, FunctionSpec, Process},
    reply::{LeaseStatus, Reply, Response},
    rpc,
    time::Span,
};
use colony_tests::{cluster::Cluster, crowd::sign};

/// How long an answer may take that an election comes in between.
const ANSWER: Duration = Duration::from_secs(10);

fn executor_key() -> SecretKey {
    SecretKey::derive(b"the only executor")
}

fn work() -> Submission {
    let conditions = Conditions { executor_type: Text::cut("lone"), ..Conditions::default() };
    let spec = FunctionSpec {
        func_name: Text::cut("nothing"),
        conditions,
        max_retries: -1,
        ..FunctionSpec::default()
    };
    Submission { spec, retry_of: None }
}

async fn add_executor(cluster: &Cluster) {
    let executor = Executor {
        id: executor_key().identity(),
        name: Text::cut("lone"),
        executor_type: Text::cut("lone"),
        ..Executor::default()
    };
    cluster.client().command(&Command::AddExecutor { executor, approved: true }).await.unwrap();
}

fn lease(process: &Process) -> LeaseRef {
    LeaseRef { process: process.id, token: process.token }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_survives_the_coordinator_that_granted_it() {
    let mut cluster = Cluster::start(3).await;
    add_executor(&cluster).await;
    let client = cluster.client();
    let executor = client.with_key(executor_key());
    for _ in 0..2 {
        // As short a promise as there is: the election takes most of it.
        client.submit(vec![work()]).await.unwrap();
        let ask = Assign {
            max: 1,
            heartbeat: Some(Span::from_secs(1)),
            wait: Span::from_secs(5),
            ..Assign::default()
        };
        let held = executor.assign(ask).await.unwrap();
        let coordinator = cluster.coordinator().await;
        cluster.members[coordinator].kill();
        let statuses = executor.renew(vec![lease(&held[0])]).await.unwrap();
        assert!(matches!(statuses[..], [LeaseStatus::Live(_)]), "an election cost a lease: {statuses:?}");
        cluster.members[coordinator].up();
        cluster.until_caught_up(coordinator, ANSWER).await;
    }
    cluster.assert_healthy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_repeated_after_an_election_has_the_first_answer() {
    let mut cluster = Cluster::start(3).await;
    let doors = cluster.doors();
    let runtime = doors[0].client.runtime();
    let items = List::new(vec![work(), work()]).unwrap();
    let request = RequestId::from_bytes(runtime.random());
    let bytes = sign(cluster.colony, &cluster.owner, &Command::Submit { items }, runtime.now(), request);
    let coordinator = cluster.coordinator().await;
    let first = submitted(&doors[coordinator].raw.call(bytes.clone(), ANSWER).await.unwrap());
    cluster.members[coordinator].kill();
    for (place, door) in doors.iter().enumerate().filter(|(place, _)| *place != coordinator) {
        let begun = Instant::now();
        let again = loop {
            match door
                .raw
                .call(bytes.clone(), ANSWER)
                .await
                .map(|outcome| rpc::decode_outcome(&outcome).unwrap())
            {
                Ok(Ok(response)) => break ids(response),
                other => assert!(begun.elapsed() < ANSWER, "{place}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(first, again, "one request, two answers");
    }
    cluster.members[coordinator].up();
    cluster.until_caught_up(coordinator, ANSWER).await;
    assert_eq!(submitted(&doors[coordinator].raw.call(bytes, ANSWER).await.unwrap()), first);
    cluster.assert_healthy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_waits_for_work_is_given_it_by_the_next_coordinator() {
    let mut cluster = Cluster::start(3).await;
    add_executor(&cluster).await;
    let coordinator = cluster.coordinator().await;
    // It waits at a node that stays.
    let stays = (coordinator + 1) % 3;
    let executor = cluster.only(&cluster.members[stays]).with_key(executor_key());
    let ask = Assign { max: 1, wait: Span::from_secs(30), ..Assign::default() };
    let waiting = tokio::spawn(async move { executor.assign(ask).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster.members[coordinator].kill();
    let id = cluster.only(&cluster.members[stays]).submit(vec![work()]).await.unwrap()[0];
    let given = tokio::time::timeout(ANSWER, waiting).await.expect("it still waits").unwrap().unwrap();
    assert_eq!(given.iter().map(|process| process.id).collect::<Vec<_>>(), [id]);
    cluster.members[coordinator].up();
    cluster.assert_healthy();
}

#[track_caller]
fn submitted(outcome: &[u8]) -> Vec<colony_protocol::model::ProcessId> {
    ids(rpc::decode_outcome(outcome).unwrap().unwrap())
}

#[track_caller]
fn ids(response: Response) -> Vec<colony_protocol::model::ProcessId> {
    match response {
        Response::Reply(Reply::Submitted(ids)) => ids,
        other => panic!("not submitted: {other:?}"),
    }
}
