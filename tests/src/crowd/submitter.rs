//! Queues tagged work, one item or ten at a time, and now and then cancels what it queued.

use std::time::Duration;

use colony_node::client::Client;
use colony_protocol::{
    bounded::Text,
    command::{Command, Submission},
    model::{Conditions, FunctionSpec, ProcessId},
};

use super::{Context, Record, TYPE, is_maybe};
use crate::observed::{
    Seen,
    act::{Act, Told, tagged},
    clock::Moment,
};

pub(super) async fn run(mut context: Context, pause: Duration) {
    while context.goes_on() {
        let count = if context.chance.below(4) == 0 { 10 } else { 1 };
        let (tags, items) = items(&context.record, count);
        let begin = Moment::now();
        let answer = context.client.submit(items).await;
        let end = Moment::now();
        let by = context.client.identity();
        match answer {
            Ok(ids) => {
                context.record.remember(ids.iter().copied(), &mut context.chance);
                let first = ids.first().copied();
                record(&context.record, &context.client, begin, end, ids, tags);
                if let Some(id) = first.filter(|_| context.chance.below(40) == 0) {
                    cancel(&context, id).await;
                }
            }
            Err(error) if is_maybe(&error) => {
                context.record.observed().maybe_submitted(by, begin, tags);
            }
            Err(error) => context.record.observed().surprise(format!("a submit was refused: {error}")),
        }
        tokio::time::sleep(pause).await;
    }
}

/// So many items, each with a tag of its own.
pub(super) fn items(record: &Record, count: usize) -> (Vec<String>, Vec<Submission>) {
    let tags: Vec<String> = (0..count).map(|_| format!("item {}", record.mark())).collect();
    let items = tags.iter().map(|tag| Submission { spec: tagged(work(), tag), retry_of: None }).collect();
    (tags, items)
}

/// An acknowledged submit, or one whose acknowledgement is none.
pub(super) fn record(
    record: &Record,
    client: &Client,
    begin: Moment,
    end: Moment,
    ids: Vec<ProcessId>,
    tags: Vec<String>,
) {
    let mut observed = record.observed();
    if ids.len() != tags.len() {
        observed.surprise(format!("{} ids for {} items", ids.len(), tags.len()));
    }
    let items: Vec<_> = ids.into_iter().zip(tags).collect();
    observed.submitted(client.identity(), begin, end, &items);
}

/// No limits: only a client can end it.
fn work() -> FunctionSpec {
    let conditions = Conditions { executor_type: Text::cut(TYPE), ..Conditions::default() };
    FunctionSpec { func_name: Text::cut("nothing"), conditions, max_retries: -1, ..FunctionSpec::default() }
}

async fn cancel(context: &Context, id: ProcessId) {
    let begin = Moment::now();
    let told = match context.client.command(&Command::Cancel { process: id }).await {
        Ok(_) => Some(Told::Done),
        Err(error) if is_maybe(&error) => Some(Told::Nothing),
        Err(colony_node::client::ClientError::Refused(refusal)) => Told::of(&Err(refusal)),
        Err(_) => None,
    };
    let end = Moment::now();
    let mut observed = context.record.observed();
    match told {
        Some(told) => observed.acted(
            id,
            Seen {
                by: context.client.identity(),
                begin,
                end: (told != Told::Nothing).then_some(end),
                act: Act::Cancel { told },
            },
        ),
        None => observed.surprise(format!("{id}: a cancel was refused in a strange way")),
    }
}
