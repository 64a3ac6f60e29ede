//! Stopping, starting again, and not being able to.

use std::time::Duration;

use colony_node::{
    client::ClientError,
    node::{Data, StartError},
    runtime::{Busy, Job, Platform, Runtime, Task, Tokio},
};
use colony_protocol::{
    command::Assign,
    model::{State, Values},
    query::{Query, Selector},
    refusal::Refusal,
    reply::Answer,
    time::{Span, Timestamp},
};

use crate::lab::{
    LONG, Lab, ask, close, config, lease_of, submission, submit, success, take, values, within, work,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::in_directory(directory.path()).await;
    let waiting = submit(&lab.user(), work("other")).await;
    let done = submit(&lab.user(), work("cli")).await;
    let finished = take(&lab.executor(0)).await;
    close(&lab.executor(0), &finished, "kept").await;
    submit(&lab.user(), work("cli")).await;
    let running = take(&lab.executor(0)).await;
    let before = lab.status();
    lab.stop().await;

    let lab = Lab::in_directory(directory.path()).await;
    let after = lab.status();
    assert_eq!(after.statistics, before.statistics);
    assert!(after.applied >= before.applied);
    let user = lab.user();
    assert_eq!(user.process(waiting.into()).await.unwrap().state, State::Waiting);
    assert_eq!(user.process(done.into()).await.unwrap().output, values("kept"));
    // The lease outlived the node, and numbers go on where they were.
    lab.executor(0).set_output(lease_of(&running), values("half")).await.unwrap();
    close(&lab.executor(0), &running, "whole").await;
    assert_eq!(submit(&user, work("cli")).await.number(), 4);
    lab.stop().await;
}

/// A machine whose clock is ahead of this one's.
#[derive(Debug)]
struct Later(Tokio, Span);

impl Platform for Later {
    fn now(&self) -> Timestamp {
        self.0.now().after(self.1)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Task {
        self.0.sleep(duration)
    }

    fn spawn(&self, name: &'static str, task: Task) {
        self.0.spawn(name, task);
    }

    fn offload(&self, job: Job) -> Result<(), Busy> {
        self.0.offload(job)
    }

    fn thread(&self, name: &'static str, job: Job) {
        self.0.thread(name, job);
    }

    fn random(&self, buffer: &mut [u8]) {
        self.0.random(buffer);
    }

    fn shutdown(&self) -> Task {
        self.0.shutdown()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_outlives_the_time_in_which_nobody_could_be_heard() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::in_directory(directory.path()).await;
    submit(&lab.user(), work("cli")).await;
    let promise = Assign { heartbeat: Some(Span::from_secs(5)), ..ask(LONG) };
    let process = within("assign", lab.executor(0).assign(promise)).await.unwrap().remove(0);
    lab.crash().await;

    // The node comes back an hour later, and so does the holder.
    let later = Runtime::new(Later(Tokio::new(), Span::from_secs(3_600)));
    let data = Data::Directory(directory.path().to_owned());
    let lab = Lab::start_on(later, config(data)).await.unwrap();
    close(&lab.executor(0), &process, "finished meanwhile").await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let lab = Lab::in_directory(directory.path()).await;
        let ids = lab.user().submit((0..50).map(|_| submission(work("cli"))).collect()).await.unwrap();
        let process = take(&lab.executor(0)).await;
        close(&lab.executor(0), &process, "acknowledged").await;
        assert_eq!(ids.last().unwrap().number(), 50 * round);
        lab.crash().await;

        let lab = Lab::in_directory(directory.path()).await;
        let statistics = lab.status().statistics;
        assert_eq!(statistics.processes_in(State::Success), round);
        assert_eq!(statistics.processes_in(State::Waiting), 49 * round);
        let kept = lab.user().process(process.id.into()).await.unwrap();
        assert_eq!(kept.output, values("acknowledged"));
        lab.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_answers_everybody_who_waits() {
    let lab = Lab::in_memory().await;
    let id = submit(&lab.user(), work("other")).await;
    let (executor, user) = (lab.executor(0), lab.user());
    let watch = Query::Watch { process: id.into(), from: 0, state: Some(State::Waiting), wait: LONG };
    let waiting = executor.assign(ask(LONG));
    let watching = user.query(&watch);
    let (assigned, watched, ()) =
        tokio::join!(within("the wait for work", waiting), within("the watch", watching), lab.stop(),);
    assert!(matches!(assigned, Err(ClientError::Refused(Refusal::Unavailable(_)))), "{assigned:?}");
    assert!(
        matches!(watched, Ok(Answer::Watch { .. }) | Err(ClientError::Refused(Refusal::Unavailable(_)))),
        "{watched:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let lab = Lab::in_memory().await;
    let mut second = config(Data::Memory);
    second.listen = lab.node.addresses();
    let port = second.listen[0].to_string();
    let error = Lab::start(second).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, StartError::Network(_)), "{error:?}");
    assert!(error.to_string().contains(port.split("/p2p").next().unwrap()), "{error}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::in_directory(directory.path()).await;
    let error =
        Lab::start(config(Data::Directory(directory.path().to_owned()))).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, StartError::Store(_)), "{error:?}");
    assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    // The one that has it is unharmed.
    assert!(lab.user().process(Selector::Last).await.is_err());
    submit(&lab.user(), work("cli")).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_process_stays_closed_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::in_directory(directory.path()).await;
    submit(&lab.user(), work("cli")).await;
    let process = take(&lab.executor(0)).await;
    close(&lab.executor(0), &process, "first").await;
    lab.stop().await;

    let lab = Lab::in_directory(directory.path()).await;
    let again = lab.executor(0).close(vec![success(&process, "second")]).await.unwrap();
    assert!(again[0].is_err());
    let kept: Values = lab.user().process(process.id.into()).await.unwrap().output;
    assert_eq!(kept, values("first"));
    lab.stop().await;
}
