//! Looks, through the coordinator, at what was queued a while ago, and at what somebody is working on: that changes while it
//! looks, so an answer from an old state shows.

use std::time::Duration;

use colony_node::client::ClientError;
use colony_protocol::refusal::Refusal;

use super::{Context, is_maybe};
use crate::observed::clock::Moment;

/// Between two looks: readers watch, they do not load.
const PAUSE: Duration = Duration::from_millis(3);

pub(super) async fn run(mut context: Context, pause: Duration) {
    while context.goes_on() {
        tokio::time::sleep(PAUSE.max(pause)).await;
        let held =
            if context.chance.below(2) == 0 { context.record.lease(&mut context.chance) } else { None };
        let id = match held {
            Some(lease) => Some(lease.process),
            None => context.record.known(&mut context.chance),
        };
        let Some(id) = id else { continue };
        let begin = Moment::now();
        let answer = context.client.process(id.into()).await;
        let end = Moment::now();
        let by = context.client.identity();
        let mut observed = context.record.observed();
        match answer {
            Ok(process) => observed.read(by, begin, end, &process),
            Err(ClientError::Refused(Refusal::NotFound { .. })) => observed.read_nothing(by, begin, end, id),
            Err(error) if is_maybe(&error) => {}
            Err(error) => observed.surprise(format!("{id}: a read was refused: {error}")),
        }
    }
}
