//! Looks, through the coordinator, at what was queued a while ago.

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
        let Some(id) = context.record.known(&mut context.chance) else { continue };
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
