//! Brings results to the colony, as many in one request as there are at that moment.
//!
//! While one request is under way the next results gather, so the load decides how large batches are. A result is
//! offered until the colony answers: its token makes it harmless if the lease was lost meanwhile.

use std::time::Duration;

use colony_protocol::{
    bounded::{List, Text},
    command::{BATCH_MAX, Closing, LeaseRef},
    model::{Attribute, AttributeKind, LogLine, LogStream, Name, Values},
    refusal::Refusal,
};
use tokio::sync::mpsc;

use super::{ending::Ending, journal::Journal, shop::Shop};
use crate::client::ClientError;

/// Size of one request: half of what may be signed, for one more result fits besides.
const BATCH_BYTES: usize = 512 * 1024;
/// What a result counts beyond its texts.
const RESULT_COST: usize = 256;
/// Pause before results are offered again to a colony that cannot be reached.
const RETRY: Duration = Duration::from_secs(1);
/// How long lines and results are offered once the grace is over.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// The result of a program that was started.
pub(super) fn result(lease: LeaseRef, ending: &Ending, journal: &Journal) -> Closing {
    let (output, cut) = journal.output();
    let mut lines = journal.take();
    if cut {
        lines.push(note("the output is cut; the log has more of it\n"));
    }
    let complaint = if ending.success() { None } else { journal.complaint() };
    Closing { output, lines: list(lines), ..failure(lease, ending, complaint) }
}

/// The result of a program that produced nothing.
pub(super) fn failure(lease: LeaseRef, ending: &Ending, complaint: Option<String>) -> Closing {
    let errors = ending.error().into_iter().chain(complaint).map(|text| Text::cut(&text)).collect();
    let exit_code = ending.code().map(|code| Attribute {
        key: Name::cut("exitcode"),
        value: Text::cut(&code.to_string()),
        kind: AttributeKind::Out,
    });
    Closing {
        lease,
        success: ending.success(),
        output: Values::default(),
        errors: list(errors),
        attributes: list(exit_code.into_iter().collect()),
        lines: List::default(),
        receipt: None,
    }
}

/// A line by the executor itself.
pub(super) fn note(text: &str) -> LogLine {
    LogLine { stream: LogStream::Note, message: Text::cut(text) }
}

/// A list that is far below its bound by construction.
fn list<T, const N: usize>(mut items: Vec<T>) -> List<T, N> {
    items.truncate(N);
    List::new(items).unwrap_or_default()
}

/// Sends results until all who could send some are gone.
pub(super) async fn close_all(shop: &Shop, mut results: mpsc::Receiver<Closing>) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => first,
            None => match results.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut size = weight(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(result) = results.try_recv()
        {
            size = size.saturating_add(weight(&result));
            if size > BATCH_BYTES {
                next = Some(result);
                break;
            }
            batch.push(result);
        }
        deliver(shop, batch).await;
    }
}

fn weight(closing: &Closing) -> usize {
    let output = closing.output.iter().map(|value| value.as_text().len());
    let errors = closing.errors.iter().map(|text| text.len());
    let lines = closing.lines.iter().map(|line| line.message.len().saturating_add(64));
    output.chain(errors).chain(lines).fold(RESULT_COST, usize::saturating_add)
}

async fn deliver(shop: &Shop, batch: Vec<Closing>) {
    let leases: Vec<LeaseRef> = batch.iter().map(|closing| closing.lease).collect();
    tokio::select! {
        biased;
        () = offer(shop, batch) => {}
        () = last_chance(shop) => tracing::error!(results = leases.len(), "results could not be delivered"),
    }
    for lease in leases {
        shop.leases.release(lease);
    }
}

/// Completes when there is no more time to tell the colony anything.
pub(super) async fn last_chance(shop: &Shop) {
    shop.shutdown.cancelled().await;
    shop.runtime.sleep(LAST_CHANCE).await;
}

async fn offer(shop: &Shop, batch: Vec<Closing>) {
    loop {
        match shop.client.close(batch.clone()).await {
            Ok(outcomes) => return answered(shop, &batch, outcomes).await,
            Err(error) if is_passing(&error) => tracing::warn!(%error, "cannot deliver results yet"),
            Err(error) => return tracing::error!(%error, results = batch.len(), "results were refused"),
        }
        shop.runtime.sleep(RETRY).await;
    }
}

/// Whether it may go well the next time.
pub(super) const fn is_passing(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Transport(_)
            | ClientError::Refused(Refusal::Busy(_) | Refusal::Unavailable(_) | Refusal::Storage(_))
    )
}

async fn answered(shop: &Shop, batch: &[Closing], outcomes: Vec<Result<(), Refusal>>) {
    for (closing, outcome) in batch.iter().zip(outcomes) {
        let number = closing.lease.process.number();
        match outcome {
            Ok(()) => {}
            Err(
                refusal @ (Refusal::Stale { .. } | Refusal::WrongState { .. } | Refusal::NotFound { .. }),
            ) => {
                tracing::info!(process = number, %refusal, "a result came too late");
            }
            Err(refusal) => {
                tracing::error!(process = number, %refusal, "a result was refused");
                admit(shop, closing, &refusal).await;
            }
        }
    }
}

/// The colony does not take a result as it is, as when the log is full. The process must end all the same: with the
/// bare result, or else as failed for that reason.
async fn admit(shop: &Shop, closing: &Closing, refusal: &Refusal) {
    let lease = closing.lease;
    let bare = Closing { lines: List::default(), attributes: List::default(), ..closing.clone() };
    let why = list(vec![Text::cut(&format!("the colony refused the result: {refusal}"))]);
    let failed = Closing { errors: why, ..failure(lease, &Ending::Unknown, None) };
    for attempt in [bare, failed] {
        match shop.client.close(vec![attempt]).await.as_deref() {
            Ok([Ok(())]) => return,
            outcome => tracing::error!(process = lease.process.number(), ?outcome, "cannot close a process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{bounded::Json, model::ProcessId};

    use super::*;

    const LEASE: LeaseRef = LeaseRef { process: ProcessId::from_bytes([1; 32]), token: 4 };

    #[test]
    fn a_failure_tells_the_status_and_the_last_complaint() {
        let journal = Journal::default();
        journal.push(LogStream::Err, b"first\nlast words\n\n");
        journal.push(LogStream::Out, b"half done\n");
        journal.close();
        let closing = result(LEASE, &Ending::Exited(3), &journal);
        assert!(!closing.success);
        assert_eq!(
            closing.errors.iter().map(|text| &**text).collect::<Vec<_>>(),
            ["exit status 3", "last words"]
        );
        assert_eq!(closing.output.iter().map(Json::to_plain).collect::<Vec<_>>(), ["half done"]);
        assert_eq!((&*closing.attributes[0].key, &*closing.attributes[0].value), ("exitcode", "3"));
        assert_eq!(closing.lines.len(), 4);
    }

    #[test]
    fn a_success_has_no_errors_whatever_it_complained_about() {
        let journal = Journal::default();
        journal.push(LogStream::Err, b"warning\n");
        journal.close();
        let closing = result(LEASE, &Ending::Exited(0), &journal);
        assert!(closing.success && closing.errors.is_empty() && closing.output.is_empty());
    }
}
