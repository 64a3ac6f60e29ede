//! How often each kind of message came, and how long its answer took, in the buckets of a Prometheus histogram.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::histogram::Histogram;

/// What was asked.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<BTreeMap<&'static str, Tally>>);

/// Of one class of messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Answers by how long they took.
    pub(super) times: Histogram,
    /// Refused ones.
    pub(super) faults: u64,
}

impl Meter {
    /// Counts one answer.
    pub(super) fn count(&self, class: &'static str, took: Duration, fault: bool) {
        let mut classes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = classes.entry(class).or_default();
        tally.times.add(took);
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
