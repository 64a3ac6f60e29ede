//! When a request is sent again, and when not.

use std::{collections::VecDeque, sync::Mutex};

use colony_protocol::refusal::Refusal;

use super::*;
use crate::runtime::Tokio;

/// Plays prepared outcomes, and remembers what it was sent.
#[derive(Debug, Default)]
struct Script {
    outcomes: Mutex<VecDeque<Result<Vec<u8>, TransportError>>>,
    sent: Mutex<Vec<Vec<u8>>>,
}

impl Transport for Script {
    fn call(&self, request: Vec<u8>, _timeout: Duration) -> Answering {
        self.sent.lock().unwrap().push(request);
        let outcome = self.outcomes.lock().unwrap().pop_front();
        Box::pin(async move { outcome.unwrap_or_else(broken) })
    }
}

fn broken() -> Result<Vec<u8>, TransportError> {
    Err(TransportError::Broken("as written".to_owned()))
}

fn unreachable() -> Result<Vec<u8>, TransportError> {
    Err(TransportError::Unreachable("as written".to_owned()))
}

fn refused(refusal: Refusal) -> Result<Vec<u8>, TransportError> {
    Ok(rpc::encode_outcome(&Err(refusal)).unwrap())
}

fn paused() -> Result<Vec<u8>, TransportError> {
    Ok(rpc::encode_outcome(&Ok(Response::Reply(Reply::Done))).unwrap())
}

/// Plays a script to one command. Gives its result and the requests that were sent.
async fn play(
    outcomes: impl IntoIterator<Item = Result<Vec<u8>, TransportError>>,
) -> (Result<Reply, ClientError>, Vec<Vec<u8>>) {
    let script =
        Arc::new(Script { outcomes: Mutex::new(outcomes.into_iter().collect()), ..Script::default() });
    let key = SecretKey::derive(b"a member");
    let transport = Arc::clone(&script) as Arc<dyn Transport>;
    let client = Client::new(transport, key.identity(), key, Runtime::new(Tokio::new()));
    let result = client.command(&Command::Pause).await;
    let sent = std::mem::take(&mut *script.sent.lock().unwrap());
    (result, sent)
}

#[tokio::test(start_paused = true)]
async fn what_got_no_answer_is_sent_again_as_the_same_request() {
    let busy = refused(Refusal::Busy(Text::cut("full")));
    let unavailable = refused(Refusal::Unavailable(Text::cut("election")));
    let (result, sent) = play([broken(), busy, unavailable, paused()]).await;
    assert!(matches!(result, Ok(Reply::Done)), "{result:?}");
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|request| *request == sent[0]), "one request id, one signature");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    let (result, sent) = play([refused(Refusal::Replayed), paused()]).await;
    assert!(matches!(result, Err(ClientError::Refused(Refusal::Replayed))));
    assert_eq!(sent.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_told_at_once_but_a_node_that_went_away_is_waited_for() {
    let (result, sent) = play([unreachable(), paused()]).await;
    assert!(matches!(result, Err(ClientError::Transport(TransportError::Unreachable(_)))));
    assert_eq!(sent.len(), 1);

    let (result, sent) = play([broken(), unreachable(), unreachable(), paused()]).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(sent.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_told_when_all_attempts_failed() {
    let (result, sent) = play((0..20).map(|_| broken())).await;
    assert!(matches!(result, Err(ClientError::Transport(TransportError::Broken(_)))));
    // After pauses of a quarter of a second, half, one, and then two seconds each, a little less by chance.
    assert!((9..=16).contains(&sent.len()), "{}", sent.len());
}
