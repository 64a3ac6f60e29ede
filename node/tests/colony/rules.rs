//! What the colony promises about each request, seen through the whole node.

use std::{sync::Arc, time::Duration};

use colony_node::client::{Answering, Client, ClientError, Transport};
use colony_protocol::{
    bounded::List,
    command::{Assign, LeaseRef},
    model::{Conditions, FunctionSpec, Limit, Name, State, WorkflowSpec},
    query::{ProcessFilter, Query, Selector},
    reply::{Answer, LeaseStatus},
    time::Span,
};

use crate::lab::{
    LONG, Lab, ask, close, lease_of, submission, submit, success, take, user, values, within, work,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_from_a_signed_request_to_a_signed_result() {
    let lab = Lab::in_memory().await;
    cycle(&lab.user(), &lab.executor(0)).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_over_the_network_as_within_the_process() {
    let lab = Lab::in_memory().await;
    let remote = lab.remote();
    cycle(&remote, &remote.with_key(crate::lab::executor_key(0))).await;
    lab.stop().await;
}

async fn cycle(user: &Client, executor: &Client) {
    let id = submit(user, work("cli")).await;
    let process = take(executor).await;
    assert_eq!((process.id, process.state), (id, State::Running));
    assert_eq!(process.initiator_name, Name::cut("someone"));
    close(executor, &process, "hello").await;
    let done = within("process", user.process(id.into())).await.unwrap();
    assert_eq!((done.state, done.output), (State::Success, values("hello")));
    let newest = within("process", user.process(Selector::Last)).await.unwrap();
    assert_eq!(newest.id, id);
}

/// Sends every request twice, as a client does that lost the first answer, and gives back the second answer.
#[derive(Debug)]
struct Twice(Arc<dyn Transport>);

impl Transport for Twice {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let first = self.0.call(request.clone(), timeout);
        let again = Arc::clone(&self.0);
        Box::pin(async move {
            let first = first.await?;
            let second = again.call(request, timeout).await?;
            assert_eq!(first, second);
            Ok(second)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_gets_its_first_answer_and_changes_nothing() {
    let lab = Lab::in_memory().await;
    let twice = Arc::new(Twice(lab.node.transport()));
    let user = Client::new(twice, lab.user().colony(), user(), lab.runtime.clone());
    let id = submit(&user, work("cli")).await;
    assert_eq!(id.number(), 1);

    // The repeated ask finds no second process, and yet gets the first one again instead of waiting.
    let executor = user.with_key(crate::lab::executor_key(0));
    let process = take(&executor).await;
    assert_eq!((process.id, process.token), (id, 1));
    close(&executor, &process, "once").await;
    assert_eq!(lab.status().statistics.processes, [0, 0, 1, 0, 0]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_token_is_fenced_off() {
    let lab = Lab::in_memory().await;
    let spec = FunctionSpec { max_exec_time: Limit(1), max_retries: 3, ..work("cli") };
    submit(&lab.user(), spec).await;
    let first = take(&lab.executor(0)).await;
    // Its time runs out without a word; the next executor has been waiting for it.
    let second = take(&lab.executor(1)).await;
    assert_eq!((second.id, second.token), (first.id, 2));

    let late = lab.executor(0).close(vec![success(&first, "late")]).await.unwrap();
    assert!(matches!(late.as_slice(), [Err(_)]), "{late:?}");
    let statuses = lab.executor(0).renew(vec![lease_of(&first)]).await.unwrap();
    assert_eq!(statuses, vec![LeaseStatus::Lost]);
    close(&lab.executor(1), &second, "in time").await;
    let done = lab.user().process(first.id.into()).await.unwrap();
    assert_eq!(done.output, values("in time"));

    let invented = LeaseRef { process: first.id, token: 9 };
    let refused = lab.executor(1).set_output(invented, values("x")).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_fire_although_nobody_says_anything() {
    let lab = Lab::in_memory().await;
    let spec = FunctionSpec { max_wait_time: Limit(1), ..work("cli") };
    let id = submit(&lab.user(), spec).await;
    let failed = within("the deadline", lab.user().wait(id.into())).await.unwrap();
    assert_eq!(failed.state, State::Failed);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_only_asks_keeps_its_lease() {
    let lab = Lab::in_memory().await;
    let executor = lab.executor(0);
    submit(&lab.user(), work("cli")).await;
    let promise = Assign { heartbeat: Some(Span::from_secs(1)), ..ask(LONG) };
    let process = within("assign", executor.assign(promise.clone())).await.unwrap().remove(0);
    // Asks that find nothing do not enter the log, and yet they are heartbeats.
    for _ in 0..6 {
        let nothing = Assign { wait: Span::from_millis(400), ..promise.clone() };
        assert!(within("assign", executor.assign(nothing)).await.unwrap().is_empty());
    }
    close(&executor, &process, "still mine").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_executor_loses_its_lease() {
    let lab = Lab::in_memory().await;
    submit(&lab.user(), FunctionSpec { max_retries: 1, ..work("cli") }).await;
    let promise = Assign { heartbeat: Some(Span::from_secs(1)), ..ask(LONG) };
    let lost = within("assign", lab.executor(0).assign(promise)).await.unwrap().remove(0);
    let again = take(&lab.executor(1)).await;
    assert_eq!((again.id, again.token), (lost.id, 2));
    lab.stop().await;
}

fn node(name: &str, after: &[&str]) -> FunctionSpec {
    let dependencies = List::new(after.iter().map(|name| Name::cut(name)).collect()).unwrap();
    let conditions = Conditions { dependencies, ..work("cli").conditions };
    FunctionSpec { node_name: Name::cut(name), conditions, ..work("cli") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_flows_from_parents_to_children() {
    let lab = Lab::in_memory().await;
    let user = lab.user();
    let nodes = vec![node("left", &[]), node("right", &[]), node("sum", &["left", "right"])];
    let spec = WorkflowSpec { nodes: List::new(nodes).unwrap(), ..WorkflowSpec::default() };
    let (workflow, processes) = user.submit_workflow(spec, None).await.unwrap();

    for output in ["1", "2"] {
        let process = take(&lab.executor(0)).await;
        close(&lab.executor(0), &process, output).await;
    }
    let sum = take(&lab.executor(0)).await;
    assert_eq!(sum.id, processes[2]);
    assert_eq!(sum.input.len(), 2);
    close(&lab.executor(0), &sum, "3").await;

    let answer = user.query(&Query::Workflow(workflow.into())).await.unwrap();
    let Answer::Workflow { workflow, processes: members } = answer else { panic!("{answer:?}") };
    assert_eq!(workflow.state, State::Success);
    assert_eq!(members.iter().map(|process| process.id).collect::<Vec<_>>(), processes);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_and_filtered_over_live_and_finished_work() {
    let lab = Lab::in_memory().await;
    let user = lab.user();
    let specs = (0..10).map(|_| submission(work("cli"))).chain([submission(work("other"))]);
    user.submit(specs.collect()).await.unwrap();
    for _ in 0..5 {
        let process = take(&lab.executor(0)).await;
        close(&lab.executor(0), &process, "done").await;
    }
    take(&lab.executor(0)).await;

    let list = async |filter: ProcessFilter| {
        let answer = within("processes", user.query(&Query::Processes(filter))).await.unwrap();
        let Answer::Processes(processes) = answer else { panic!("{answer:?}") };
        processes.iter().map(colony_protocol::model::Process::number).collect::<Vec<_>>()
    };
    let all = ProcessFilter { limit: 100, ..ProcessFilter::default() };
    assert_eq!(list(all.clone()).await, (1..=11).rev().collect::<Vec<_>>());
    // Pages join without a gap across the border between live and finished.
    let page = ProcessFilter { limit: 4, ..all.clone() };
    assert_eq!(list(page.clone()).await, vec![11, 10, 9, 8]);
    assert_eq!(list(ProcessFilter { before: Some(8), ..page }).await, vec![7, 6, 5, 4]);

    let by_state = |state| ProcessFilter { state: Some(state), ..all.clone() };
    assert_eq!(list(by_state(State::Success)).await, vec![5, 4, 3, 2, 1]);
    assert_eq!(list(by_state(State::Running)).await, vec![6]);
    // Waiting ones stand in the order of the queue.
    assert_eq!(list(by_state(State::Waiting)).await, vec![7, 8, 9, 10, 11]);
    let other = ProcessFilter { executor_type: Some(Name::cut("other")), ..all.clone() };
    assert_eq!(list(other).await, vec![11]);
    lab.stop().await;
}
