//! Tells the colony what became of the work it granted, as many processes in one request as there are at that moment.
//!
//! While one request is under way the next reports gather, so the load decides how large batches are. A report is
//! offered until the colony answers: its token makes it harmless if the lease was lost meanwhile.

use std::time::Duration;

use colony_protocol::{
    bounded::{List, Text},
    command::{BATCH_MAX, Closing, LeaseRef, Release},
    model::{Attribute, AttributeKind, LogLine, LogStream, Name, Values},
    refusal::Refusal,
};
use futures::future;
use tokio::sync::mpsc;

use super::{ending::Ending, journal::Journal, shop::Shop};
use crate::client::ClientError;

/// Size of one request: half of what may be signed, for the last report may be a large one.
const BATCH_BYTES: usize = 512 * 1024;
/// What a report counts beyond its texts.
const REPORT_COST: usize = 256;
/// Pause before reports are offered again to a colony that cannot be reached.
const RETRY: Duration = Duration::from_secs(1);
/// How long lines and reports are offered once the grace is over.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// What became of granted work. Both ways the lease is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Report {
    /// The process ended like this.
    Close(Closing),
    /// Somebody else shall run it.
    Release(Release),
}

impl Report {
    const fn lease(&self) -> LeaseRef {
        match self {
            Self::Close(closing) => closing.lease,
            Self::Release(release) => release.lease,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Close(closing) => weight(closing),
            Self::Release(_) => REPORT_COST,
        }
    }
}

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

/// Sends reports until all who could make some are gone.
pub(super) async fn deliver_all(shop: &Shop, mut reports: mpsc::Receiver<Report>) {
    while let Some(first) = reports.recv().await {
        let mut size = first.weight();
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && size < BATCH_BYTES
            && let Ok(report) = reports.try_recv()
        {
            size = size.saturating_add(report.weight());
            batch.push(report);
        }
        deliver(shop, batch).await;
    }
}

fn weight(closing: &Closing) -> usize {
    let output = closing.output.iter().map(|value| value.as_text().len());
    let errors = closing.errors.iter().map(|text| text.len());
    let lines = closing.lines.iter().map(|line| line.message.len().saturating_add(64));
    output.chain(errors).chain(lines).fold(REPORT_COST, usize::saturating_add)
}

async fn deliver(shop: &Shop, batch: Vec<Report>) {
    let leases: Vec<LeaseRef> = batch.iter().map(Report::lease).collect();
    let (mut closings, mut releases) = (Vec::new(), Vec::new());
    for report in batch {
        match report {
            Report::Close(closing) => closings.push(closing),
            Report::Release(release) => releases.push(release),
        }
    }
    tokio::select! {
        biased;
        _ = future::join(close(shop, closings), release(shop, releases)) => {}
        () = last_chance(shop) => tracing::error!(processes = leases.len(), "reports could not be delivered"),
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

async fn close(shop: &Shop, closings: Vec<Closing>) {
    let outcomes = offer(shop, &closings, |items| shop.client.close(items)).await;
    for (closing, outcome) in closings.iter().zip(outcomes) {
        if let Some(refusal) = unwelcome(closing.lease, outcome) {
            admit(shop, closing, &refusal).await;
        }
    }
}

async fn release(shop: &Shop, releases: Vec<Release>) {
    let outcomes = offer(shop, &releases, |items| shop.client.release(items)).await;
    for (release, outcome) in releases.iter().zip(outcomes) {
        let _logged = unwelcome(release.lease, outcome);
    }
}

/// Offers items until the colony takes or refuses the request as a whole.
async fn offer<T: Clone, F>(shop: &Shop, items: &[T], send: impl Fn(Vec<T>) -> F) -> Vec<Result<(), Refusal>>
where
    F: Future<Output = Result<Vec<Result<(), Refusal>>, ClientError>>,
{
    if items.is_empty() {
        return Vec::new();
    }
    loop {
        match send(items.to_vec()).await {
            Ok(outcomes) => return outcomes,
            Err(error) if is_passing(&error) => tracing::warn!(%error, "cannot deliver reports yet"),
            Err(error) => {
                tracing::error!(%error, processes = items.len(), "reports were refused");
                return Vec::new();
            }
        }
        shop.runtime.sleep(RETRY).await;
    }
}

/// Why the colony did not take a report although the lease is ours.
fn unwelcome(lease: LeaseRef, outcome: Result<(), Refusal>) -> Option<Refusal> {
    let refusal = outcome.err()?;
    let late =
        matches!(refusal, Refusal::Stale { .. } | Refusal::WrongState { .. } | Refusal::NotFound { .. });
    if late {
        tracing::info!(process = lease.process.number(), %refusal, "a report came too late");
    } else {
        tracing::error!(process = lease.process.number(), %refusal, "a report was refused");
    }
    (!late).then_some(refusal)
}

/// Whether it may go well the next time. A clock that was off, as of a machine that just woke, is set before long.
pub(super) const fn is_passing(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Transport(_)
            | ClientError::Refused(
                Refusal::Busy(_) | Refusal::Unavailable(_) | Refusal::Storage(_) | Refusal::Clock { .. }
            )
    )
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
