//! Sends one signed submit twice, over different nodes, at once or one after the other: it is one request, with one answer.
//! Some requests are signed for a moment only, and sent once: such a one is carried out in time or never.

use std::{sync::Arc, time::Duration};

use colony_node::client::Transport;
use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::Command,
    envelope::{Body, RequestId, Signed},
    identity::{Identity, SecretKey},
    model::ProcessId,
    refusal::Refusal,
    reply::{Reply, Response},
    rpc,
    time::{Span, Timestamp},
};

use super::{Context, submitter};
use crate::observed::clock::Moment;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a request is valid.
const LIFETIME: Span = Span::from_secs(30);
/// How long a hasty one is: shorter than an election, or than what a slow disk takes.
const MOMENT: Span = Span::from_millis(300);
/// Between two pairs.
const PAUSE: Duration = Duration::from_millis(20);

/// A way to one node for signed bytes.
pub type Raw = Arc<dyn Transport>;

pub(super) async fn run(mut context: Context, doors: Vec<Raw>, key: SecretKey, pause: Duration) {
    while context.goes_on() {
        tokio::time::sleep(PAUSE.max(pause)).await;
        let (Some(one), Some(two)) = (context.chance.one_of(&doors), context.chance.one_of(&doors)) else {
            return;
        };
        let (tags, items) = submitter::items(&context.record, 2);
        let Ok(items) = List::new(items) else { return };
        let is_hasty = context.chance.below(4) == 0;
        let lifetime = if is_hasty { MOMENT } else { LIFETIME };
        let request = signed(&context, &key, &Command::Submit { items }, lifetime);
        let begin = Moment::now();
        let (first, second) = if is_hasty {
            (submit(one, &request).await, None)
        } else if context.chance.below(2) == 0 {
            futures::future::join(submit(one, &request), submit(two, &request)).await
        } else {
            let first = submit(one, &request).await;
            (first, submit(two, &request).await)
        };
        let end = Moment::now();
        if let (Some(first), Some(second)) = (&first, &second)
            && first != second
        {
            let told = format!("one request, two answers: {first:?} and {second:?}");
            context.record.observed().surprise(told);
        }
        match [first, second].into_iter().flatten().find_map(Result::ok) {
            Some(ids) => submitter::record(&context.record, &context.client, begin, end, ids, tags),
            None => {
                let by = context.client.identity();
                context.record.observed().maybe_submitted(by, begin, tags);
            }
        }
    }
}

/// One attempt: what was said for good.
async fn submit(door: &Raw, request: &[u8]) -> Option<Result<Vec<ProcessId>, Refusal>> {
    let outcome = door.call(request.to_vec(), ATTEMPT).await.ok()?;
    match rpc::decode_outcome(&outcome).ok()? {
        Ok(Response::Reply(Reply::Submitted(ids))) => Some(Ok(ids)),
        // A node whose disk failed, or that has left the colony, cannot say what became of it; another node can.
        Ok(_)
        | Err(Refusal::Unavailable(_) | Refusal::Busy(_) | Refusal::Storage(_) | Refusal::Envelope(_)) => {
            None
        }
        Err(refusal) => Some(Err(refusal)),
    }
}

fn signed(context: &Context, key: &SecretKey, command: &Command, lifetime: Span) -> Vec<u8> {
    let runtime = context.client.runtime();
    let request = RequestId::from_bytes(runtime.random());
    sign_for(context.client.colony(), key, command, runtime.now(), request, lifetime)
}

/// The bytes of a command as they travel.
///
/// # Panics
/// If the command is larger than a request may be.
#[must_use]
pub fn sign(
    colony: Identity,
    key: &SecretKey,
    command: &Command,
    issued: Timestamp,
    request: RequestId,
) -> Vec<u8> {
    sign_for(colony, key, command, issued, request, LIFETIME)
}

fn sign_for(
    colony: Identity,
    key: &SecretKey,
    command: &Command,
    issued: Timestamp,
    request: RequestId,
    lifetime: Span,
) -> Vec<u8> {
    let body = Body {
        colony,
        kind: Text::cut(command.kind()),
        audience: colony,
        request,
        issued,
        expires: issued.after(lifetime),
        grants: List::default(),
        payload: Bytes::new(command.encode().unwrap()).unwrap(),
    };
    Signed::sign(&body, key).unwrap().to_bytes().unwrap()
}
