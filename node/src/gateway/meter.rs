//! How often each kind of message came, and how long its answer took, in the buckets of a Prometheus histogram.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Upper ends of the buckets, in microseconds: from what memory answers to what a long poll waits.
pub(super) const BUCKETS: [u64; 14] = [
    500,
    1_000,
    2_000,
    3_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
    5_000_000,
    30_000_000,
    300_000_000,
];

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<BTreeMap<&'static str, Tally>>);

/// Of one class of messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Answers by how long they took, each bucket alone; the last is for those above all.
    pub(super) buckets: [u64; BUCKETS.len() + 1],
    /// How long all took.
    pub(super) sum: Duration,
    /// Refused ones.
    pub(super) faults: u64,
}

impl Tally {
    /// How many answers there were.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Meter {
    /// Counts one answer.
    pub(super) fn count(&self, class: &'static str, took: Duration, fault: bool) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
        let mut classes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = classes.entry(class).or_default();
        if let Some(bucket) = tally.buckets.get_mut(bucket) {
            *bucket = bucket.saturating_add(1);
        }
        tally.sum = tally.sum.saturating_add(took);
        tally.faults = tally.faults.saturating_add(u64::from(fault));
    }

    /// All there is.
    pub(super) fn read(&self) -> BTreeMap<&'static str, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The class of a message: few enough for a label, and never a stranger's word.
pub(super) fn class(kind: &str) -> &'static str {
    match kind {
        "submitfuncspecmsg" | "submitworkflowspecmsg" | "addchildmsg" => "submit",
        "assignprocessmsg" => "assign",
        "closesuccessfulmsg" | "closefailedmsg" => "close",
        "addlogmsg" | "addattributemsg" | "setoutputmsg" | "channelappendmsg" => "report",
        _ if kind.starts_with("get") || kind.starts_with("search") || kind == "versionmsg" => "read",
        _ => "manage",
    }
}
