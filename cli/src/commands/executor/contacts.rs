//! When an executor can be reached, out of a file, and told to the colony for as long as the executor runs.

use std::path::Path;

use chrono::DateTime;
use colony_node::{client::Client, runtime::Runtime};
use colony_protocol::{
    bounded::List,
    command::Command,
    model::{ContactPlan, WINDOWS_MAX, Window},
    time::{Span, Timestamp},
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::error::Failure;

/// Between two declarations: a plan holds two weeks of orbits, and who was silent declares again soon.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(3_600);

/// The file, in JSON: `{"margin": "2m", "rate": 1200, "windows": [{"start": "2026-01-01T10:00:00Z", "end": …}]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// By how much a window may be off.
    #[serde(default)]
    margin: Option<String>,
    /// Bytes a second that pass in a window that says nothing else; any number without.
    #[serde(default)]
    rate: u64,
    /// In order.
    windows: Vec<Moments>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moments {
    start: String,
    end: String,
    #[serde(default)]
    rate: Option<u64>,
}

/// All windows of a file.
#[derive(Debug)]
pub(super) struct Contacts {
    windows: Vec<Window>,
    margin: Span,
}

impl Contacts {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let margin = match &written.margin {
            Some(text) => crate::args::duration(text).map_err(|why| format!("margin: {why}"))?,
            None => std::time::Duration::ZERO,
        };
        let margin = Span::from_micros(u64::try_from(margin.as_micros()).unwrap_or(u64::MAX));
        let mut windows = Vec::with_capacity(written.windows.len());
        for (place, window) in written.windows.iter().enumerate() {
            let start = moment(&window.start).map_err(|why| format!("windows[{place}].start: {why}"))?;
            let end = moment(&window.end).map_err(|why| format!("windows[{place}].end: {why}"))?;
            windows.push(Window { start, end, rate: window.rate.unwrap_or(written.rate) });
        }
        for (first, part) in windows.chunks(WINDOWS_MAX).enumerate() {
            let plan = ContactPlan { windows: List::new(part.to_vec()).unwrap_or_default(), margin };
            plan.check().map_err(|(place, why)| match place {
                Some(place) => format!("windows[{}]: {why}", first * WINDOWS_MAX + place),
                None => format!("margin: {why}"),
            })?;
        }
        if windows.is_empty() {
            return Err("no windows: an executor that can always be reached needs no plan".to_owned());
        }
        Ok(Self { windows, margin })
    }

    /// What is declared now.
    fn plan(&self, now: Timestamp) -> ContactPlan {
        let left = self.windows.iter().filter(|window| window.end.after(self.margin) > now);
        let windows = left.take(WINDOWS_MAX).copied().collect();
        ContactPlan { windows: List::new(windows).unwrap_or_default(), margin: self.margin }
    }

    /// Declares now, and keeps declaring what comes until it is told to stop.
    pub(super) async fn declare(
        self,
        client: Client,
        runtime: &Runtime,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        client.command(&Command::DeclareContacts { plan: self.plan(runtime.now()) }).await?;
        let again = runtime.clone();
        runtime.spawn("contacts", async move {
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = again.sleep(AGAIN) => {}
                }
                // Out of sight it fails, and the colony knows why: the windows declared before still stand.
                drop(client.command(&Command::DeclareContacts { plan: self.plan(again.now()) }).await);
            }
        });
        Ok(())
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let moment = DateTime::parse_from_rfc3339(text)
        .map_err(|_| format!("`{text}` is no moment: write 2026-01-01T10:00:00Z"))?;
    u64::try_from(moment.timestamp_micros())
        .map(Timestamp::from_micros)
        .map_err(|_| format!("`{text}` is too early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_plan_or_says_which_window_is_wrong() {
        let file = |start: &str, end: &str| {
            format!("{{\"margin\": \"2m\", \"windows\": [{{\"start\": \"{start}\", \"end\": \"{end}\"}}]}}")
        };
        let contacts = Contacts::parse(&file("2026-01-01T10:00:00Z", "2026-01-01T10:08:00+00:00")).unwrap();
        let plan = contacts.plan(Timestamp::ZERO);
        assert_eq!((plan.windows.len(), plan.margin), (1, Span::from_secs(120)));
        assert_eq!(plan.windows[0].end.since(plan.windows[0].start), Span::from_secs(480));
        let slow = "{\"rate\": 100, \"windows\": [\
            {\"start\": \"2026-01-01T10:00:00Z\", \"end\": \"2026-01-01T10:08:00Z\"}, \
            {\"start\": \"2026-01-01T11:00:00Z\", \"end\": \"2026-01-01T11:08:00Z\", \"rate\": 7}]}";
        let plan = Contacts::parse(slow).unwrap().plan(Timestamp::ZERO);
        assert_eq!(plan.windows.iter().map(|window| window.rate).collect::<Vec<_>>(), [100, 7]);
        for (text, why) in [
            (file("10 o'clock", "2026-01-01T10:08:00Z"), "windows[0].start"),
            (file("2026-01-01T10:08:00Z", "2026-01-01T10:00:00Z"), "ends before"),
            ("{\"windows\": []}".to_owned(), "no windows"),
            ("{\"window\": []}".to_owned(), "unknown field"),
        ] {
            let error = Contacts::parse(&text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
