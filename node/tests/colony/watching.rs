//! Following a process while it runs.

use colony_node::client::Client;
use colony_protocol::{
    bounded::Text,
    command::WAIT_MAX,
    model::{LogLine, LogStream, State},
    query::{Query, Selector},
    reply::Answer,
    time::Span,
};

use crate::lab::{LONG, Lab, close, lease_of, submit, take, within, work};

fn line(text: &str) -> LogLine {
    LogLine { stream: LogStream::Out, message: Text::cut(text) }
}

/// What a follower of `selector` sees next.
async fn watch(
    client: &Client,
    selector: &Selector,
    from: u64,
    state: State,
    wait: Span,
) -> (State, Vec<String>) {
    let watch = Query::Watch { process: selector.clone(), from, state: Some(state), wait };
    let answer = within("watch", client.query(&watch)).await.unwrap();
    let Answer::Watch { process, lines } = answer else { panic!("{answer:?}") };
    (process.state, lines.into_iter().map(|line| line.message.to_string()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_follows_a_process_from_the_queue_to_its_end() {
    let lab = Lab::in_memory().await;
    let (user, executor) = (lab.user(), lab.executor(0));
    let id = submit(&user, work("cli")).await;
    let selector = Selector::from(id);

    // Each step is watched before it happens.
    let (seen, process) = tokio::join!(watch(&user, &selector, 0, State::Waiting, LONG), take(&executor));
    assert_eq!(seen.0, State::Running);

    for (number, text) in ["one\n", "two\n"].into_iter().enumerate() {
        let from = u64::try_from(number).unwrap();
        let (seen, said) = tokio::join!(
            watch(&user, &selector, from, State::Running, LONG),
            executor.add_log(lease_of(&process), vec![line(text)])
        );
        said.unwrap();
        assert_eq!(seen, (State::Running, vec![text.to_owned()]));
    }

    let (seen, ()) =
        tokio::join!(watch(&user, &selector, 2, State::Running, LONG), close(&executor, &process, "out"));
    assert_eq!(seen, (State::Success, Vec::new()));
    // Nothing will ever happen to it again: nobody waits for that.
    assert_eq!(watch(&user, &selector, 2, State::Success, WAIT_MAX).await, (State::Success, Vec::new()));

    let log = Query::Log { process: selector, from: 0, limit: 1, latest: true };
    let Answer::Log(lines) = user.query(&log).await.unwrap() else { panic!() };
    assert_eq!(lines.iter().map(|line| (line.line, &*line.message)).collect::<Vec<_>>(), vec![(1, "two\n")]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_without_news_ends_in_time() {
    let lab = Lab::in_memory().await;
    let id = submit(&lab.user(), work("cli")).await;
    let seen = watch(&lab.user(), &id.into(), 0, State::Waiting, Span::from_millis(100)).await;
    assert_eq!(seen, (State::Waiting, Vec::new()));
    lab.stop().await;
}
